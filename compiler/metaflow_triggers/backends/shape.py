"""Shape: what every backend offers, and the values that it gives and is given.

In:   nothing; these are shapes, and what all backends say alike.
Out:  `Backend`, `Manifest`, `About`.

Not here: which backends there are (`registry`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..diagnostics import Diagnostic
from ..model.flows import Flow, PollTrigger, TriggerGraph
from ..model.settings import Settings


@dataclass(frozen=True)
class Manifest:
    """One emitted file before it is text.

    `path` is relative to the output folder, `content` a JSON value whose key order is the order in the
    file, `schema` the name of its closed schema (`<backend package>/<kind>`) or None.
    `ours` is False for the step-by-step workflow, which upstream's compiler made. `text` is the content as
    canonical text where the backend has already made it.
    """

    path: str
    content: Any
    schema: str | None
    ours: bool
    text: str | None = None


def refused_polls(platform: str, polls: Iterable[PollTrigger]) -> list[Diagnostic]:
    """For a backend that has no poller yet: each poll trigger is left out (FT511). `platform` is the backend's name."""
    return [
        Diagnostic(
            "FT511",
            f"poll trigger `{poll.name}` is left out for {platform}: polls run on the local engine only, so far",
            poll.span,
            "nothing polls it there",
            helps=("run it here: metaflow-triggers run PATHS", "to refuse it instead: --strict"),
        )
        for poll in polls
    ]


def polls_of(flow: Flow, graph: TriggerGraph) -> list[PollTrigger]:
    """The poll triggers that start a flow of the graph."""
    return [poll for target, poll in graph.polls if target is not None and graph.flows[target] == flow]


class Backend(Protocol):
    """The shape of a backend package."""

    NAME: str
    COMPUTE: str
    """The step decorator with which a flow asks for this backend."""

    def deployed_name(self, flow: str, project: str | None, branch: str | None, settings: Settings) -> str:
        """The name under which upstream's commands find the deployed flow."""

    def refusals(self, flow: Flow, graph: TriggerGraph, settings: Settings) -> list[Diagnostic]:
        """What this backend cannot carry of the flow's triggers (semantics section 12, and limits)."""

    def manifests(self, flow: Flow, graph: TriggerGraph, workflow: Any, settings: Settings) -> list[Manifest]:
        """The flow's files. `workflow` is what `metaflow_triggers.seams` took from upstream's compiler."""

    def shared_manifests(self, settings: Settings) -> list[Manifest]:
        """Files that depend on configuration only."""

    def shared_remarks(self, settings: Settings, flows: Sequence[Flow]) -> list[Diagnostic]:
        """What is said of these files, once however many flows are compiled."""

    def folder_manifests(self, deployed_names: list[str], shared: bool) -> list[Manifest]:
        """Files that list what an output folder holds: these flows, and the shared files if there are any."""


@dataclass(frozen=True)
class About:
    """What a deployer may be told of a flow beside its files.

    `model` is the flow as JSON. `since` says in words what changed since such a model that an earlier deployment
    left; it raises ValueError for what it does not know. `by_installing` says what starts the flow otherwise than it
    would by Metaflow's own rules, unless the flow says so itself; it is asked only about a deployment of Metaflow's.
    `remark` takes what is said of the deployment as the cloud is, before anything is changed; it may raise
    DiagnosticError.
    """

    flow: Flow
    model: Any
    since: Callable[[Any], list[str]]
    by_installing: Callable[[], list[str]]
    remark: Callable[[Sequence[Diagnostic]], None] = lambda found: None
