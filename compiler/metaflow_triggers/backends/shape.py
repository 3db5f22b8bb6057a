"""Shape: what every backend offers, and the values that it gives and is given.

In:   nothing; these are shapes, and what all backends say alike.
Out:  `Spec`, which describes a backend and leads to the rest: `Backend`, `Deployer`; `Manifest`, `About`.

Not here: which backends there are (`registry`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..diagnostics import Diagnostic
from ..model.flows import Flow, PollTrigger, TriggerGraph

if TYPE_CHECKING:
    from ..dead_letters.letter import Box
    from ..doctor.findings import Finding
    from ..model.settings import Settings
    from ..seams.upstream import Upstream


@dataclass(frozen=True)
class Spec:
    """How a backend describes itself; importing it imports nothing heavy.

    `name` is its command group, its folder and its key in `options=`; `product` its name for people; `compute` the step
    decorator with which a flow asks for it. `backend` and `deployer` import what compiles and what deploys.
    `publish(name, payload, text, identity)` sends an event, whose payload as JSON is `text`, from outside of any run;
    it may raise anything, and `unpublished` then says what helps. `trail` imports what tells what became of an event
    (`trail.answer.Target`), `dead_letters` what has the `Boxes` of its flows, and `doctor` what says what a deployment
    needs and lacks (`Doctor`), `polls` the records of its poll triggers (`PollRecords`), where the backend has them.
    `settings` are METAFLOW_... names of its own, without that
    prefix, which it reads with `seams.configured` beside `Settings`.
    """

    name: str
    product: str
    upstream: Upstream
    backend: Callable[[], Any]
    deployer: Callable[[], Any]
    publish: Callable[[str, dict[str, Any], str, str], None]
    unpublished: str
    compute: str = ""
    settings: tuple[str, ...] = ()
    trail: Callable[[], Any] | None = None
    dead_letters: Callable[[], Any] | None = None
    doctor: Callable[[], Any] | None = None
    polls: Callable[[], Any] | None = None


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


@dataclass(frozen=True, order=True)
class Open:
    """A setting that is open in what was compiled: its METAFLOW_... name, and where it stands or what holds without it.

    `default` is None where a deployment has to be given a value.
    """

    setting: str
    where: str
    default: str | None = None


def refused_polls(platform: str, polls: Iterable[PollTrigger]) -> list[Diagnostic]:
    """For a backend that has no poller yet: each poll trigger is left out (FT511). `platform` is the backend's name."""
    return [
        Diagnostic(
            "FT511",
            f"poll trigger `{poll.name}` is left out for {platform}: nothing polls there yet",
            poll.span,
            "nothing polls it there",
            helps=(
                "polls run on argo-workflows and step-functions, and here: metaflow-triggers run PATHS",
                "to refuse it instead: --strict",
            ),
        )
        for poll in polls
    ]


def polls_elsewhere(platform: str, polls: Iterable[PollTrigger]) -> list[Diagnostic]:
    """For a backend that polls: poll triggers of flows that are not among those that are compiled (FT511)."""
    return [
        Diagnostic(
            "FT511",
            f"poll trigger `{poll.name}` is left out for {platform}: a poller is deployed with its flow, and "
            f"`{poll.flow}` is not among these",
            poll.flow_span or poll.span,
            "deployed with this flow only",
            helps=("name the file of that flow, too", "to refuse it instead: --strict"),
        )
        for poll in polls
    ]


def polls_of(flow: Flow, graph: TriggerGraph) -> list[PollTrigger]:
    """The poll triggers that start a flow of the graph."""
    return [poll for target, poll in graph.polls if target is not None and graph.flows[target] == flow]


class Backend(Protocol):
    """What compiles for a backend: the shape of a module.

    It may have `open_settings(manifests, settings)`, which gives the `Open` ones of these manifests; one that polls
    `declared_polls(contents)`, the poll triggers that objects of one flow declare, with their file as the flow's
    folder has it.
    """

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

    `polls` are the poll triggers that start it there. `model` is the flow as JSON, with these. `since` says in words
    what changed since such a model that an earlier deployment left; it raises ValueError for what it does not know.
    `by_installing` says what starts the flow otherwise than it would by Metaflow's own rules, unless the flow says so
    itself; it is asked only about a deployment of Metaflow's.
    `as_written`: the files are deployed as they are, whatever the cloud has.
    `remark` takes what is said of the deployment as the cloud is, before anything is changed; it may raise
    DiagnosticError.
    """

    flow: Flow
    model: Any
    since: Callable[[Any], list[str]]
    by_installing: Callable[[], list[str]]
    remark: Callable[[Sequence[Diagnostic]], None] = lambda found: None
    as_written: bool = False
    polls: tuple[PollTrigger, ...] = ()


class Deployer(Protocol):
    """What deploys to a backend: the shape of a module. `files` are those of one flow (`compiling.compile.File`).

    Where the command group has more, so has this: `document(show, files, settings, flow)` for other words of
    `compile --show`, `plan_delete(deployed_name, settings)` for `delete --plan`, a keyword of `delete` for another
    option of it; `inventory(project, settings, counted)` and `marks_now(name, settings)` for `list --deployed` and
    `--prune`; `configured(files, settings)` for what files of `create --from` leave open.
    """

    SAYS: tuple[str, ...]
    """Codes of which the cloud tells more than compiling: `create` and `plan` remark on them."""

    def one_document(self, files: Sequence[Any]) -> str:
        """All of the flow as one text (`create --only-json`)."""

    def additional_info(self, files: Sequence[Any]) -> dict[str, Any]:
        """What Metaflow's Deployer API reads of it."""

    def missing_settings(self, files: Sequence[Any], settings: Settings) -> list[Diagnostic]:
        """FT002 for each setting that the deployment needs and configuration does not give."""

    def resolve_token(self, obj: Any, options: dict[str, Any]) -> str:
        """The production token. Raises DiagnosticError where the caller may not deploy."""

    def check_token(self, obj: Any, options: dict[str, Any]) -> None:
        """Raise DiagnosticError unless the caller may delete the deployment."""

    def plan(self, files: Sequence[Any], settings: Settings, *, deployed_name: str, about: About) -> str:
        """What `create` would do."""

    def drift(
        self, files: Sequence[Any], settings: Settings, *, deployed_name: str, full: bool, about: About
    ) -> tuple[bool, str]:
        """(whether what is deployed is as the flow is written, what differs in words)."""

    def create(
        self,
        files: Sequence[Any],
        settings: Settings,
        *,
        deployed_name: str,
        token: str,
        options: dict[str, Any],
        upload: Callable[[], None],
        about: About,
    ) -> str:
        """Deploy; returns in words what was done. `upload` brings the code package to the datastore."""

    def delete(self, deployed_name: str, settings: Settings, *, flow: str, steps: Iterable[str]) -> str:
        """Remove what `create` made; returns in words what was done."""


class Boxes(Protocol):
    """What could not start flows: the shape of a module."""

    def box(self, deployed: str, settings: Settings) -> Box:
        """Of the flow that is deployed under a name, or was."""


class PollRecords(Protocol):
    """What is remembered of a backend's poll triggers: the shape of a module. A place is whatever `opened` gives."""

    def opened(self, path: str, declared: Sequence[Any] = ()) -> AbstractContextManager[Any]:
        """Where they are; "" is what the configuration says."""

    def known(self, at: Any, name: str) -> None:
        """Raise TriggerNotFound for a name that no trigger has, PollValueError where several have it."""

    def schedules(
        self, at: Any, enabled_only: bool = False, limit: int | None = None, offset: int = 0
    ) -> list[dict[str, Any]]:
        """The triggers, sorted by name."""

    def schedule(self, at: Any, name: str) -> dict[str, Any] | None:
        """One trigger, or None."""

    def set_enabled(self, at: Any, name: str, enabled: bool) -> None:
        """Let a trigger be polled from its next tick on, or not."""

    def set_paused(self, at: Any, flow: str | None, paused: bool) -> list[str]:
        """Hold what polls start of a flow, or of all; the flows' deployed names."""

    def paused(self, at: Any) -> list[str]:
        """Deployed names of the flows whose polled starts are held."""

    def history(self, at: Any, name: str, limit: int | None = None, offset: int = 0) -> list[dict[str, Any]]:
        """The accepted fires of a trigger, newest first."""


class Doctor(Protocol):
    """What says what a deployment needs and lacks: the shape of a module. Nothing of it changes anything.

    `examine` may take `polled`, the flows that poll triggers start: then it is given to it.
    """

    def examine(self, settings: Settings, flows: Sequence[Flow]) -> Iterator[Finding]:
        """A finding for each thing that `create` of these flows needs; none of the flows may be known."""


def lacking(found: Any, shape: type) -> list[str]:
    """What a shape lists and a module has not."""
    wanted = [*getattr(shape, "__annotations__", {}), *(name for name in vars(shape) if not name.startswith("_"))]
    return [name for name in wanted if not hasattr(found, name)]
