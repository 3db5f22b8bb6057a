"""About: what a deployer may be told of a flow beside its files.

In:   the click state of Metaflow's command line, the compilation of the flow.
Out:  `About`.

Not here: deploying. What changed since is worked out when a deployer asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backends import registry
from ..backends.shape import About
from ..diagnostics import Diagnostic, DiagnosticError
from ..graph.differences import between, recorded, since_recorded
from ..model.flows import Flow, PollTrigger
from ..model.settings import Settings
from ..reading.prepared import by_upstream
from ..reports.terminal import show
from ..rules.weight import refuses
from .arguments import with_paths


def about_of(obj: Any, backend: str, settings: Settings, compilation: Any, *, strict: bool = False) -> About:
    """`strict`: the deployment may be refused for what the cloud has."""
    flow = compilation.graph.flows[0]
    polls = registry.polls_of(backend, flow, compilation.graph)
    return about(flow, settings, lambda: by_upstream(obj, settings), strict=strict, polls=polls)


def about(
    flow: Flow,
    settings: Settings,
    by_upstream: Callable[[], Flow],
    *,
    strict: bool = False,
    told: Callable[[Sequence[Diagnostic]], None] | None = None,
    polls: Sequence[PollTrigger] = (),
) -> About:
    """`by_upstream` gives the flow as Metaflow's own rules have it. `told` takes what the cloud has to say, in place of
    the terminal. `polls` start the flow there."""

    def since(model: Any) -> list[str]:
        return since_recorded(model, flow, polls)

    def by_installing() -> list[str]:
        # Of a schedule only the deployed one tells what it was: Metaflow gives Argo its first five fields.
        changes = [] if settings.compatibility else between(by_upstream(), flow)
        return [change.text for change in changes if change.kind not in ("schedule-changed", "name-changed")]

    said: list[Diagnostic] = []

    def remark(found: Sequence[Diagnostic]) -> None:
        new = [item for item in with_paths(found, [flow.file]) if item not in said]
        if told is not None:
            told(new)
            return
        if refuses(new, strict=strict):
            raise DiagnosticError(new)
        show(new, 1)
        said.extend(new)

    return About(flow, recorded(flow, polls), since, by_installing, remark, polls=tuple(polls))
