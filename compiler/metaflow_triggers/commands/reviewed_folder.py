"""Reviewed folder: `create --from DIR`, what is deployed is what `compile` wrote there.

In:   the parsed arguments.
Out:  the flows of each backend, in order, as `whole_project` gives them; DiagnosticError (FT770, FT771).

Not here: whether the folder is whole (`compiling.reviewed`), planning and deploying (`deploying`). No file of a flow is
read. All that the files were made with stands in the folder's index; of today's configuration only the credentials
count, who deploys, and what a template leaves open for whoever deploys it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..backends import registry
from ..backends.many import Wanted
from ..backends.shape import About
from ..compiling.reviewed import Reviewed, ReviewedFlow, read_reviewed
from ..deploying.run import Part
from ..diagnostics import Diagnostic, DiagnosticError
from ..graph.differences import restored_polls, since_recorded
from ..graph.explain import qualified_name
from ..graph.link import link
from .project import backends_at_work
from .whole_project import Project, as_the_user, part, settings_are_there

Remark = Callable[[Sequence[Diagnostic]], None]


def reviewed_parts(options: argparse.Namespace, remark: Remark) -> tuple[Project, list[Part]]:
    """The folder's flows by backend. Raises DiagnosticError, before any cloud is asked but the datastore."""
    from ..reading.read import Read

    user = as_the_user()
    from .. import seams

    names, _ = backends_at_work(options)
    found = read_reviewed(Path(options.reviewed), names)
    now = seams.read_settings(production=options.production, user=user)
    flows = {flow.name: flow for one in found for flow in (item.flow for item in one.flows)}
    project = Project(
        tuple(one.backend for one in found), now, Read(), link(list(flows.values()), frozenset(flows)), (), []
    )
    given = [_configured(one, now) for one in found]
    settings_are_there((one.backend, flow.files, one.settings) for one in given for flow in one.flows)
    _packages_are_there(Path(options.reviewed), given)
    return project, [_part(project, one, remark) for one in given]


def _configured(one: Reviewed, now: Any) -> Reviewed:
    """With what its files leave open for who deploys them, as far as it is configured now."""
    fill: Any = getattr(registry.deployer(one.backend), "configured", None)
    root = one.settings.datastore_s3 or now.datastore_s3
    settings = dataclasses.replace(one.settings, datastore_s3=root)
    if fill is None:
        return dataclasses.replace(one, settings=settings)
    flows = tuple(dataclasses.replace(flow, files=tuple(fill(flow.files, now))) for flow in one.flows)
    return dataclasses.replace(one, settings=settings, flows=flows)


def _packages_are_there(folder: Path, given: Sequence[Reviewed]) -> None:
    from .. import seams

    wrong = []
    for root, places in _by_root(given).items():
        for place in seams.not_stored(root, places):
            wrong.append(
                Diagnostic(
                    "FT771",
                    f"`{root}/{place}` is not there, and the runs of `{folder}` would need it",
                    notes=("a code package is made of the files of the commit that was compiled",),
                    helps=("run `create` of that commit, or upload what its `compile --package-output` writes",),
                )
            )
    if wrong:
        raise DiagnosticError(wrong)


def _by_root(given: Sequence[Reviewed]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for one in given:
        for flow in one.flows:
            if one.settings.datastore_s3:
                found.setdefault(one.settings.datastore_s3, {}).update(dict.fromkeys(flow.packages))
    return {root: sorted(places) for root, places in found.items()}


def _part(project: Project, one: Reviewed, remark: Remark) -> Part:
    by_flow = {qualified_name(flow.flow): _wanted(project, one, flow, remark) for flow in one.flows}
    names = map(qualified_name, project.graph.flows)
    wanted = {number: by_flow[name] for number, name in enumerate(names) if name in by_flow}
    return part(project.graph, one.backend, one.settings, wanted)


def _wanted(project: Project, one: Reviewed, item: ReviewedFlow, remark: Remark) -> Wanted:
    from .. import seams

    told = project.told.setdefault(qualified_name(item.flow), [])
    state = seams.click_state(registry.spec(one.backend).upstream, item.flow, item.name, told.append)

    polls = tuple(restored_polls(item.model) or ())

    def since(model: Any) -> list[str]:
        return since_recorded(model, item.flow, polls)

    about = About(item.flow, item.model, since, lambda: [], remark, as_written=True, polls=polls)
    return Wanted(item.name, item.flow.name, (*item.files, *one.shared), about, state, lambda: None)
