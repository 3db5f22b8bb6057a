"""Model: what a flow's triggers are, independent of where they will run.

In:   nothing; these are values.
Out:  frozen dataclasses, without behaviour but for what a filter, an origin and options say. Sequences are tuples, so
      that a value can be compared, hashed and written as JSON (`metaflow_triggers.model.serialize`).

Not here: Metaflow, backends, files, defaults that depend on a backend.
The words are those of the semantics: event, outcome, dependency, trigger, mapping.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

OUTCOMES = ("success", "failure", "timeout", "aborted")
"""How a run can end. `match='finish'` is all of them and is expanded when a flow is read."""

JOINS = ("any", "all")


@dataclass(frozen=True)
class Span:
    """A place in a user's file. Lines and columns count from 1, columns in characters.

    `file` is the path as it was given to the command, with forward slashes.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    """One past the last character."""


Places = tuple[tuple[tuple[str, ...], Span], ...]
"""(keys that lead to a value, where it stands). () leads to the whole, a last "" to the key before it."""


@dataclass(frozen=True)
class Written:
    """JSON as a user wrote it, parsed when it is made. Equal ones have one text, which alone tells them from others.

    `value` is the text's value, its objects read-only and its lists tuples.
    """

    text: str
    places: Places = field(default=(), repr=False, compare=False)
    value: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _frozen(json.loads(self.text)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.places)

    def plain(self) -> Any:
        """The value as new dicts and lists."""
        return _plain(self.value)

    def place(self, *keys: str) -> Span | None:
        """Where the value stands to which the keys lead, or else what is known to stand around it."""
        known = dict(self.places)
        around = (keys[:length] for length in range(len(keys), -1, -1))
        return next((known[path] for path in around if path in known), None)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, MappingProxyType):
        return {key: _plain(item) for key, item in value.items()}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Filter(Written):
    """A pattern over the payload (semantics, section 5)."""


@dataclass(frozen=True)
class Origin(Written):
    """What an event that exists elsewhere already is there, for each backend; a backend reads its own."""


@dataclass(frozen=True)
class ResetAt:
    """When half-arrived sets are forgotten. No `timezone` is UTC."""

    cron: str
    timezone: str | None


@dataclass(frozen=True)
class Options(Written):
    """`options=` of a trigger: what every backend knows, and for each backend what that one alone reads."""

    text: str = "{}"

    @property
    def max_active(self) -> int | None:
        """How many runs of the flow may be active at once."""
        number: int | None = self.value.get("max_active")
        return number

    @property
    def join(self) -> str:
        """Which event of a set counts where several have come: the "latest", or each in its turn ("queue")."""
        return str(self.value.get("join", "latest"))

    @property
    def reset_at(self) -> ResetAt | None:
        said = self.value.get("reset_at")
        return None if said is None else ResetAt(said["cron"], said.get("timezone"))


@dataclass(frozen=True)
class Parameter:
    """A `Parameter` or `Config` of a flow.

    `type` is one of str, int, float, bool, json, file. `has_default` is false for `default=None`.
    """

    name: str
    type: str
    required: bool
    has_default: bool
    is_config: bool
    span: Span


@dataclass(frozen=True)
class PayloadField:
    """A field of the payload. `path` is the text the user wrote; dots reach into objects."""

    path: str


@dataclass(frozen=True)
class Constant:
    """A value that the mapping itself gives, as JSON text (so that the model stays hashable)."""

    json: str


Source = PayloadField | Constant


@dataclass(frozen=True)
class Mapping:
    """Flow parameter <- payload field or constant."""

    parameter: str
    source: Source
    span: Span


@dataclass(frozen=True)
class EventDependency:
    """Waits for a named event."""

    name: str
    mappings: tuple[Mapping, ...]
    filter: Filter | None
    origin: Origin | None
    span: Span


@dataclass(frozen=True)
class FinishDependency:
    """Waits for a run of another flow to end.

    `project` and `branch` are what the downstream flow means after its own
    `@project` has filled the gaps; both None means: a flow without `@project`.
    `match` is a sorted, non-empty tuple out of OUTCOMES.
    """

    flow: str
    project: str | None
    branch: str | None
    match: tuple[str, ...]
    mappings: tuple[Mapping, ...]
    filter: Filter | None
    span: Span


Dependency = EventDependency | FinishDependency


@dataclass(frozen=True)
class Trigger:
    """One `@trigger` or `@trigger_on_finish`.

    `kind` is "event" or "finish"; `join` is "any" or "all"; `join_is_stated` tells whether the user
    wrote `require=` (or there is only one dependency).
    """

    kind: str
    join: str
    join_is_stated: bool
    dependencies: tuple[Dependency, ...]
    auto_map: bool
    options: Options
    span: Span


@dataclass(frozen=True)
class Schedule:
    """`@schedule`: AWS's six cron fields and an IANA timezone or None."""

    cron: str
    timezone: str | None
    span: Span


@dataclass(frozen=True)
class PollTrigger:
    """A Python function that is polled at an interval and may start `flow`.

    `flow` is what the user wrote; a link says which flow it is. `interval` is the user's text, `function` is
    `module:function`, or "" where no name of the module leads to it. `dedup` is "active" or "once"; `dedup_keys` is
    None for all keys of the context. `span` is the decorator's.
    """

    name: str
    flow: str
    interval_milliseconds: int
    allow_concurrent: bool
    span: Span
    file: str = ""
    function: str = ""
    interval: str = ""
    dedup: str = "active"
    dedup_keys: tuple[str, ...] | None = None
    flow_span: Span | None = None
    name_span: Span | None = None


@dataclass(frozen=True)
class EmittedEvent:
    """An event name that a flow's code passes to `emit_event` as a literal."""

    name: str
    span: Span


@dataclass(frozen=True)
class Flow:
    """One deployable flow: its parameters and the reasons for which it starts.

    `project` and `branch` are None without `@project`. `deployed_as` is a name that the user gave to the
    deployment (`--name`), else None: the backend derives one. `features` names what a backend may have to
    refuse (sorted; e.g. "exit_hook", "parallel", "switch", "foreach").
    """

    name: str
    file: str
    project: str | None
    branch: str | None
    parameters: tuple[Parameter, ...]
    triggers: tuple[Trigger, ...]
    schedule: Schedule | None
    emits: tuple[EmittedEvent, ...]
    features: tuple[str, ...]
    span: Span
    deployed_as: str | None = None


@dataclass(frozen=True)
class Edge:
    """`upstream` starts `downstream` when it ends with one of `match`. Both are indices into flows."""

    upstream: int
    downstream: int
    match: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class TriggerGraph:
    """All flows of one command, sorted by qualified name, and what connects them.

    `unresolved` holds (index of the waiting flow, dependency) for flows that none of the files defines.
    `unemitted` holds (index of the waiting flow, dependency) for events that none of the files emits.
    `polls` holds (index of the flow that it starts or None, poll trigger), sorted by the trigger's name.
    """

    flows: tuple[Flow, ...]
    edges: tuple[Edge, ...]
    unresolved: tuple[tuple[int, FinishDependency], ...]
    unemitted: tuple[tuple[int, EventDependency], ...]
    polls: tuple[tuple[int | None, PollTrigger], ...] = ()


JSON = Any
