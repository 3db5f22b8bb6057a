"""Deployer: what the commands `create`, `diff --live` and `delete` ask of this backend.

In:   the compiled files, settings, Metaflow's click state.
Out:  text for people; DiagnosticError.

Not here: the requests (`plan.py`, `execute.py`) and tokens' rules (upstream's, through `metaflow_triggers.seams`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .... import seams
from ....diagnostics import Diagnostic, DiagnosticError
from ....model.marks import Marks
from ....model.settings import Settings
from ...inventory import Deployed
from ...plans import say, total
from ...shape import About
from .. import SPEC
from . import converge
from .cluster import Cluster
from .drift import words
from .instructions import Deployment, Plan
from .inventory import inventory as of_project
from .inventory import marks_now as marks_of
from .ownership import annotations_of
from .plan import plan_delete as plan_of_delete

one_document = converge.one_document

SAYS = ("FT507", "FT508")
"""Codes of which the cluster tells more than compiling: `create` and `plan` remark on them."""


def additional_info(files: Sequence[Any]) -> dict[str, Any]:
    """The WorkflowTemplate, as Metaflow's Deployer API has it."""
    return {"workflow_template": next(file.content for file in files if not file.ours)}


NO_TOKEN = "made-by-create"  # noqa: S105 - stands for a token where there is none yet


def missing_settings(files: Sequence[Any], settings: Settings) -> list[Diagnostic]:
    """FT002 for each setting that the deployment needs and configuration does not give."""
    return converge.missing_settings(settings)


def resolve_token(obj: Any, options: dict[str, Any]) -> str:
    """The production token of the deployment, by upstream's rules. Raises DiagnosticError (FT123, FT701, FT702)."""
    for name in options.get("replaces") or ():
        seams.check_token(obj, SPEC.upstream, name, options.get("authorize"), existing)
    return seams.resolve_token(obj, SPEC.upstream, obj.workflow_name, options, existing)


def check_token(obj: Any, options: dict[str, Any]) -> None:
    """Raise DiagnosticError(FT123) unless the caller may delete the deployment."""
    seams.check_token(obj, SPEC.upstream, obj.workflow_name, options.get("authorize"), existing)


def existing(
    name: str, api: Cluster | None = None, namespace: str | None = None
) -> tuple[str | None, str | None] | None:
    """Owner and production token of what is deployed under `name`, or None. Raises DiagnosticError(FT703)."""
    namespace = namespace or seams.configured("KUBERNETES_NAMESPACE", "default")
    found = (api or Cluster.of()).get("WorkflowTemplate", namespace, name)
    if found is None:
        return None
    told = annotations_of(found)
    if "metaflow/owner" not in told:
        message = f"WorkflowTemplate `{namespace}/{name}` exists and was not made by Metaflow"
        raise DiagnosticError([Diagnostic("FT703", message, helps=("deploy the flow under another name",))])
    return told["metaflow/owner"], told.get("metaflow/production_token")


def plan(files: Sequence[Any], settings: Settings, *, deployed_name: str, about: About) -> str:
    """What `create` would do, request by request."""
    found = converge.plan(_wanted(files, settings, deployed_name, about), settings)
    about.remark(found.remarks)
    changes = "".join(f"{line}\n" for line in converge.changes(found, [about], settings))
    return f"{changes}{found}\n"


def drift(
    files: Sequence[Any], settings: Settings, *, deployed_name: str, full: bool, about: About
) -> tuple[bool, str]:
    """(whether the cluster is as the flow is written, what differs in words)."""
    found: Plan = converge.plan(_wanted(files, settings, deployed_name, about), settings)
    changes = converge.changes(found, [about], settings)
    return found.same, words(found, about, changes, full=full)


def _wanted(files: Sequence[Any], settings: Settings, deployed_name: str, about: About) -> Deployment:
    token = (existing(deployed_name) or (None, None))[1] or NO_TOKEN
    return converge.deployment(files, deployed_name, token, about=about)


def create(
    files: Sequence[Any],
    settings: Settings,
    *,
    deployed_name: str,
    token: str,
    options: dict[str, Any],
    upload: Callable[[], None],
    about: About,
) -> str:
    """Write the objects to the cluster; says each thing when it is done, returns the sum of it.

    `upload` brings the code package to the datastore: called when nothing speaks against the deployment any more.
    """
    done = converge.create(
        files,
        settings,
        deployed_name=deployed_name,
        production_token=token,
        token_is_chosen=bool(options.get("given_token") or options.get("generate_new_token")),
        about=about,
        accept_changes=bool(options.get("accept_changes")),
        replaces=tuple(options.get("replaces") or ()),
        before=upload,
        told=say,
    )
    return total((step.verb for step in done.actions), "nothing to do: everything is deployed as it is")


def many(settings: Settings) -> Any:
    """What deploys many flows, with one look at the cluster (`backends.many.Many`)."""
    from .many import Namespaces

    return Namespaces(settings)


def plan_delete(deployed_name: str, settings: Settings, *, shared: bool = False) -> str:
    """What `delete` would do, request by request. Raises DiagnosticError where `delete` would."""
    return f"{plan_of_delete(Cluster.of(), deployed_name, settings, shared=shared)}\n"


def delete(deployed_name: str, settings: Settings, *, flow: str, steps: Iterable[str], shared: bool = False) -> str:
    """Remove what `create` made, with what all flows share if asked; says each thing when done, returns the sum."""
    done = converge.delete(deployed_name, settings, shared=shared, told=say)
    return total((step.verb for step in done.actions), "nothing to do")


def inventory(
    project: str, settings: Settings, counted: Callable[[Deployed], bool] = lambda item: True
) -> list[Deployed]:
    """What the cluster has of a project. Raises DiagnosticError."""
    return of_project(project, settings, Cluster.of(), counted)


def marks_now(name: str, settings: Settings) -> tuple[Marks | None, bool]:
    """(whose the deployment is at this moment, whether it is there)."""
    return marks_of(name, settings, Cluster.of())
