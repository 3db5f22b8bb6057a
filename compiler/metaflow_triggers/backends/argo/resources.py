"""Resources: the Argo objects of a flow before they are laid out.

In:   nothing; these are values that `argo.lower` decides.
Out:  frozen dataclasses; a template spells out the keys around them.

Not here: JSON keys, text, files.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SensorDependency:
    """One way in which an event may reach the flow.

    `name_pattern` is a Go regexp over `body.name`; `script` is Lua that returns true for events that belong here.
    """

    name: str
    name_pattern: str
    script: str


@dataclass(frozen=True)
class Start:
    """What one dependency writes into the Workflow: Go templates for its name and its two arguments.

    The name is a template over the event's data, or over the CloudEvent's context where the event has no id.
    """

    dependency: str
    name_template: str
    name_from_context: bool
    event_template: str
    payload_template: str


@dataclass(frozen=True)
class Sensor:
    """Everything that the Sensor of one flow says."""

    name: str
    namespace: str
    deployed_name: str
    event_bus: str
    event_source: str
    event_name: str
    service_account: str
    workflow_namespace: str
    trigger_document: str
    dependencies: tuple[SensorDependency, ...]
    starts: tuple[Start, ...]
    refused: tuple[SensorDependency, ...]

    @property
    def conditions(self) -> str:
        """Explicit: without it Argo would wait for all dependencies."""
        return " || ".join(start.dependency for start in self.starts)

    @property
    def refused_conditions(self) -> str:
        return " || ".join(dependency.name for dependency in self.refused)


@dataclass(frozen=True)
class Rule:
    """One rule of a Role."""

    api_group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a run says of itself when it ends; static but for the run."""

    flow: str
    project: str | None
    branch: str | None
    template: str
