"""Facts: what follows from the model, worked out in one place and asked there.

In:   values of `metaflow_triggers.model.flows`.
Out:  identities and qualified names; whether a trigger is a set; which parameters need a value, and which fields of an
      event give it; what an outcome always has; how many runs may be active.

Not here: backends and their settings, judging, text for users. Sections are those of docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from .flows import Constant, Dependency, FinishDependency, Flow, Parameter, PayloadField, Trigger, TriggerGraph
from .kinds import assert_never

Identity = tuple[str, str, str]
"""Project, branch, name; "" for a flow without @project."""

_ALWAYS = ("flow", "run_id", "outcome")
_IN_A_PROJECT = ("project", "branch")


# names -------------------------------------------------------------------------------------------------------------


def branch_key(branch: str | None) -> str:
    """One spelling per branch: `production` and `prod` are the same one."""
    return "prod" if branch == "production" else branch or ""


def identity(flow: Flow) -> Identity:
    """What a flow is known by to others; two flows of one identity collide."""
    return flow.project or "", branch_key(flow.branch), flow.name


def identities(graph: TriggerGraph) -> frozenset[Identity]:
    """Of all flows of a graph. Worked out once and kept with the graph: it is asked for each of its flows."""
    kept = vars(graph)
    if "_identities" not in kept:
        kept["_identities"] = frozenset(map(identity, graph.flows))
    found: frozenset[Identity] = kept["_identities"]
    return found


def wanted(dependency: FinishDependency) -> Identity:
    """The identity of the flow that is waited for."""
    return dependency.project or "", branch_key(dependency.branch), dependency.flow


def qualified_name(name: Identity) -> str:
    """`Flow`, or `project.branch.Flow`: the form that `flow=` takes."""
    return ".".join(part for part in name if part)


# values ------------------------------------------------------------------------------------------------------------


def is_set(trigger: Trigger) -> bool:
    """Whether a start needs an event of each of several dependencies (section 3). One dependency is none."""
    return trigger.join == "all" and len(trigger.dependencies) > 1


def needs_value(parameter: Parameter) -> bool:
    """Whether no run starts without a value for it (section 6). A Config has its value since the deployment."""
    return parameter.required and not parameter.has_default and not parameter.is_config


def needed(flow: Flow) -> tuple[Parameter, ...]:
    """The parameters without which no run starts, in the flow's order."""
    return tuple(filter(needs_value, flow.parameters))


def settable(flow: Flow) -> list[str]:
    """The parameters that an event may set."""
    return [item.name for item in flow.parameters if not item.is_config]


def given_fields(flow: Flow, trigger: Trigger, dependency: Dependency) -> Iterator[tuple[str, str]]:
    """(parameter, field of the payload that it is taken from): what is mapped first, then what `auto_map` adds.

    In a set `auto_map` leaves out what is written for any of its events: that stands.
    """
    yield from mapped_fields(dependency)
    if trigger.auto_map:
        mapped = mapped_parameters(trigger if is_set(trigger) else dependency)
        for parameter in flow.parameters:
            if not parameter.is_config and parameter.name not in mapped:
                yield parameter.name, parameter.name


def mapped_fields(dependency: Dependency) -> Iterator[tuple[str, str]]:
    """(parameter, field) of the mappings that take a value from the event."""
    for mapping in dependency.mappings:
        if isinstance(mapping.source, PayloadField):
            yield mapping.parameter, mapping.source.path
        elif not isinstance(mapping.source, Constant):
            assert_never(mapping.source)


def mapped_parameters(what: Trigger | Dependency) -> set[str]:
    """The parameters that a dependency, or any dependency of a trigger, maps."""
    dependencies = what.dependencies if isinstance(what, Trigger) else (what,)
    return {mapping.parameter for item in dependencies for mapping in item.mappings}


def required_fields(flow: Flow, trigger: Trigger, dependency: Dependency) -> list[tuple[str, str]]:
    """(parameter, field) of each parameter that needs a value and is taken from the event (section 6)."""
    names = {item.name for item in needed(flow)}
    return [pair for pair in given_fields(flow, trigger, dependency) if pair[0] in names]


def given_by_auto_map_alone(flow: Flow, trigger: Trigger) -> list[str]:
    """Parameters that need a value, and that only `auto_map` may give one."""
    if not trigger.auto_map:
        return []
    mapped = mapped_parameters(trigger)
    return [item.name for item in needed(flow) if item.name not in mapped]


def filter_text(dependency: Dependency) -> str | None:
    """The filter as a run is told of it."""
    return None if dependency.filter is None else dependency.filter.text


def has_field(dependency: FinishDependency, path: str) -> bool:
    """Whether every outcome of the flow that is waited for has the field (section 4)."""
    return path in _ALWAYS or (path in _IN_A_PROJECT and dependency.project is not None)


# all runs together -------------------------------------------------------------------------------------------------


def max_active(flow: Flow) -> int | None:
    """How many runs of the flow may be active at once: the smallest number that a trigger of it says; None: any."""
    said = (trigger.options.max_active for trigger in flow.triggers)
    return min((number for number in said if number is not None), default=None)
