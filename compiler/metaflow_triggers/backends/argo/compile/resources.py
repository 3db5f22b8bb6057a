"""Resources: the Argo objects of a flow before they are laid out.

In:   nothing; these are values that `argo.lower` decides.
Out:  frozen dataclasses; a template spells out the keys around them.

Not here: JSON keys, text, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SensorDependency:
    """One way in which an event may reach the flow.

    `name_patterns` are Go regexps over `body.name`, one of which must match; none: events of any name.
    `transform` is a jq program that adds what `script` asks for, or None.
    `script` is Lua that returns true for events that belong here.
    """

    name: str
    event_source: str
    event_name: str
    name_patterns: tuple[str, ...]
    transform: str | None
    script: str


@dataclass(frozen=True)
class Write:
    """One text that a Sensor writes into an object when it acts.

    `source` is the key of Argo's parameter source (`dataTemplate`, `contextTemplate`, `value`), `text` its value,
    `destination` a path into the object. `append` adds to what stands there, else the text replaces it.
    """

    dependency: str
    source: str
    text: str
    destination: str
    append: bool = False


@dataclass(frozen=True)
class Reset:
    """When half-arrived sets are forgotten: five cron fields and an IANA timezone."""

    cron: str
    timezone: str


@dataclass(frozen=True)
class StartTrigger:
    """What makes one Workflow.

    `preparations` are written into the trigger itself, `writes` then into the Workflow. `arguments` are the names of
    the Workflow's arguments. `steps` counts tries; `rate_limit` is starts per second or None. `document` is JSON text,
    what a run is told of its dependencies. `record` is written into the object that tells of a start that was given
    up, whose fields `told` say the events; without any only the Sensor's log tells of it.
    """

    name: str
    conditions: str
    reset: Reset | None
    arguments: tuple[str, ...]
    preparations: tuple[Write, ...]
    writes: tuple[Write, ...]
    steps: int
    rate_limit: int | None
    document: str
    told: tuple[str, ...]
    record: tuple[Write, ...]


@dataclass(frozen=True)
class Sensor:
    """Everything that one Sensor of a flow says. A flow has one for each event bus and namespace that it names."""

    name: str
    namespace: str
    deployed_name: str
    event_bus: str
    service_account: str
    workflow_namespace: str
    dependencies: tuple[SensorDependency, ...]
    triggers: tuple[StartTrigger, ...]
    refused_conditions: str
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CronWorkflow:
    """The schedule of one flow: five cron fields and an IANA timezone, or "" for the controller's own time.

    `when` is an expression that lets a time of the fields pass, or None.
    """

    name: str
    namespace: str
    cron: str
    timezone: str
    when: str | None = None
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One rule of a Role. `names`: of these objects only; none: of all."""

    api_group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a run says of itself when it ends; static but for the run."""

    flow: str
    project: str | None
    branch: str | None
    template: str
