"""Find in flow: what is wrong within one flow's triggers, whatever else there is.

In:   a flow.
Out:  diagnostics, unsorted.

Not here: what several flows mean together (`find`), backends, forms that were not understood (`read` tells those).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metaflow_extensions.triggers.contract.trigger_document import OUTCOME_FIELDS

from ..diagnostics import Diagnostic
from ..diagnostics.suggest import asked, closest, did_you_mean, suggest
from ..model import facts
from ..model.facts import wanted
from ..model.flows import (
    Dependency,
    EventDependency,
    Filter,
    FinishDependency,
    Flow,
    Mapping,
    Parameter,
    PayloadField,
    Trigger,
)


def within_flow(flow: Flow) -> Iterator[Diagnostic]:
    """All findings about one flow."""
    parameters = {parameter.name: parameter for parameter in flow.parameters}
    needed = facts.needed(flow)
    for trigger in flow.triggers:
        yield from _named_twice(flow, trigger)
        yield from _mappings(flow, trigger, parameters)
        unfilled = list(_unfilled(flow, trigger, needed))
        yield from unfilled
        yield from _remarks(flow, trigger, bool(unfilled))
    if flow.schedule:
        for parameter in needed:
            yield Diagnostic(
                "FT305",
                f"@schedule of `{flow.name}` gives no value for the required parameter `{parameter.name}`",
                flow.schedule.span,
                "no scheduled run could start",
                ((parameter.span, "required, and without a default"),),
                helps=(f"give `{parameter.name}` a default",),
            )


def _named_twice(flow: Flow, trigger: Trigger) -> Iterator[Diagnostic]:
    """An event may stand several times with other filters or mappings; a dependency that says nothing new may not."""
    seen: dict[tuple[str, ...], Dependency] = {}
    origins: dict[str, EventDependency] = {}
    for dependency in trigger.dependencies:
        if isinstance(dependency, EventDependency):
            known = origins.setdefault(dependency.name, dependency)
            if known.origin != dependency.origin:
                yield Diagnostic(
                    "FT105",
                    f"`{flow.name}` names event `{dependency.name}` twice in one trigger, with another `origin`",
                    dependency.span,
                    "the run could not tell which of the two an event is",
                    ((known.span, "first named here"),),
                    helps=("give one of the two another name",),
                )
                continue
        keys: list[tuple[str, ...]]
        said = (repr(dependency.filter), *sorted(f"{item.parameter} {item.source!r}" for item in dependency.mappings))
        if isinstance(dependency, EventDependency):
            keys = [("event", dependency.name, *said)]
            what = f"event `{dependency.name}`"
        else:
            keys = [("flow", *wanted(dependency), outcome, *said) for outcome in dependency.match]
            what = f"flow `{dependency.flow}`"
        first = next((seen[key] for key in keys if key in seen), None)
        for key in keys:
            seen.setdefault(key, dependency)
        if first is not None:
            yield Diagnostic(
                "FT105",
                f"`{flow.name}` names {what} twice in one trigger, with the same filter and the same mapping",
                dependency.span,
                "named again",
                ((first.span, "first named here"),),
                helps=("remove one of the two", "or give one of them another `filter` or other `parameters`")
                if isinstance(dependency, EventDependency)
                else ("remove one of the two",),
            )


def _mappings(flow: Flow, trigger: Trigger, parameters: dict[str, Parameter]) -> Iterator[Diagnostic]:
    mapped: dict[str, Mapping] = {}
    for dependency in trigger.dependencies:
        if trigger.join == "any":
            mapped = {}
        for mapping in dependency.mappings:
            yield from _target(flow, mapping, parameters)
            first = mapped.setdefault(mapping.parameter, mapping)
            if first is not mapping:
                yield Diagnostic(
                    "FT303",
                    f"`{flow.name}` maps parameter `{mapping.parameter}` twice",
                    mapping.span,
                    "mapped again, one of the two values would be lost",
                    ((first.span, "first mapped here"),),
                    helps=("remove one of the two",),
                )
            if isinstance(dependency, FinishDependency):
                yield from _outcome_field(flow, mapping)
        if isinstance(dependency, FinishDependency) and dependency.filter is not None:
            yield from _outcome_filter(flow, dependency, dependency.filter)


def _target(flow: Flow, mapping: Mapping, parameters: dict[str, Parameter]) -> Iterator[Diagnostic]:
    parameter = parameters.get(mapping.parameter)
    if parameter is None:
        names = [item.name for item in flow.parameters if not item.is_config]
        near = suggest(mapping.parameter, names)
        shown = ", ".join(f"`{name}`" for name in names[:10]) + (", ..." if len(names) > 10 else "")
        yield Diagnostic(
            "FT301",
            f"`{flow.name}` maps parameter `{mapping.parameter}`, which it does not have",
            mapping.span,
            "no such parameter",
            tuple((parameters[name].span, closest(near)) for name in near),
            (f"`{flow.name}` has {shown}" if names else f"`{flow.name}` has no parameters",),
            asked(near),
        )
    elif parameter.is_config:
        yield Diagnostic(
            "FT302",
            f"`{flow.name}` maps `{mapping.parameter}`, which is a Config",
            mapping.span,
            "a Config is read when the flow is deployed, before any event",
            ((parameter.span, "the Config"),),
            helps=(f"make `{mapping.parameter}` a Parameter, or remove it from the mapping",),
        )


def _outcome_field(flow: Flow, mapping: Mapping) -> Iterator[Diagnostic]:
    if isinstance(mapping.source, PayloadField) and mapping.source.path not in OUTCOME_FIELDS:
        path = mapping.source.path
        yield Diagnostic(
            "FT306",
            f"`{flow.name}` maps `{mapping.parameter}` from `{path}`, which an outcome does not have",
            mapping.span,
            f"`{mapping.parameter}` would never get a value",
            notes=("an outcome has " + ", ".join(f"`{name}`" for name in OUTCOME_FIELDS),),
            helps=did_you_mean(path, OUTCOME_FIELDS),
        )


def _outcome_filter(flow: Flow, dependency: FinishDependency, said: Filter) -> Iterator[Diagnostic]:
    for name in said.value:
        if name not in OUTCOME_FIELDS:
            yield Diagnostic(
                "FT306",
                f"`{flow.name}` filters the end of `{dependency.flow}` by `{name}`, which an outcome does not have",
                dependency.span,
                "no outcome has it",
                notes=("an outcome has " + ", ".join(f"`{item}`" for item in OUTCOME_FIELDS),),
                helps=did_you_mean(name, OUTCOME_FIELDS),
            )


def _fills(trigger: Trigger, dependency: Dependency) -> set[str] | None:
    """The parameters that a dependency fills; None for all of them."""
    filled = facts.mapped_parameters(dependency)
    if trigger.auto_map:
        if isinstance(dependency, EventDependency):
            return None
        filled.update(OUTCOME_FIELDS)
    return filled


def _unfilled(flow: Flow, trigger: Trigger, needed: Sequence[Parameter]) -> Iterator[Diagnostic]:
    fills = [_fills(trigger, dependency) for dependency in trigger.dependencies]
    meant = [_meant(flow, dependency) for dependency in trigger.dependencies]
    if trigger.join == "all":
        if None in fills:
            return
        together: set[str] = set().union(*(filled or () for filled in fills), *meant)
        for parameter in needed:
            if parameter.name not in together:
                yield _left_open(flow, trigger, None, parameter)
        return
    for dependency, filled, misspelt in zip(trigger.dependencies, fills, meant, strict=True):
        for parameter in needed:
            if filled is not None and parameter.name not in filled | misspelt:
                yield _left_open(flow, trigger, dependency, parameter)


def _meant(flow: Flow, dependency: Dependency) -> set[str]:
    """The parameter that each misspelt mapping most likely means: FT301 tells of it, FT304 need not."""
    names = [item.name for item in flow.parameters if not item.is_config]
    known = {item.name for item in flow.parameters}
    unknown = [item.parameter for item in dependency.mappings if item.parameter not in known]
    return {near[0] for near in (suggest(name, names) for name in unknown) if len(near) == 1}


def _left_open(flow: Flow, trigger: Trigger, dependency: Dependency | None, parameter: Parameter) -> Diagnostic:
    if isinstance(dependency, EventDependency):
        what, code = f"event `{dependency.name}`", repr(dependency.name)
        help_text = f"write {{'name': {code}, 'parameters': {{{parameter.name!r}: 'field of the event'}}}}"
    elif dependency is not None:
        what = f"the end of `{dependency.flow}`"
        help_text = f"write `parameters={{{parameter.name!r}: 'run_id'}}` or another of {', '.join(OUTCOME_FIELDS)}"
    else:
        what = f"no dependency of @{'trigger' if trigger.kind == 'event' else 'trigger_on_finish'}"
        help_text = f"map `{parameter.name}` in one of them"
    helps = [help_text]
    if isinstance(dependency, EventDependency) and len(trigger.dependencies) == 1 and not dependency.mappings:
        helps.append("or map every parameter by name: `options={'auto_map': True}`")
    helps.append(f"or give `{parameter.name}` a default")
    verb = "gives" if dependency is None else "starts"
    message = (
        f"{what} {verb} a value for the required parameter `{parameter.name}` of `{flow.name}`"
        if dependency is None
        else f"{what} {verb} `{flow.name}` without a value for its required parameter `{parameter.name}`"
    )
    return Diagnostic(
        "FT304",
        message,
        dependency.span if dependency else trigger.span,
        "such a run could not start",
        ((parameter.span, "required, and without a default"),),
        helps=tuple(helps),
    )


def _remarks(flow: Flow, trigger: Trigger, is_unfilled: bool) -> Iterator[Diagnostic]:
    count = len(trigger.dependencies)
    kind = "events" if trigger.kind == "event" else "flows"
    if count > 1 and not trigger.join_is_stated:
        meaning = "any one of them starts a run" if trigger.join == "any" else "a run starts when all have come"
        yield Diagnostic(
            "FT113",
            f"`{flow.name}` waits for {count} {kind} without `require`, taken as `{trigger.join}`",
            trigger.span,
            meaning,
            helps=(f"write `require='{trigger.join}'` to say so",),
        )
    if count == 1 and not trigger.auto_map and not is_unfilled:
        dependency = trigger.dependencies[0]
        names = [item.name for item in flow.parameters if not item.is_config]
        if isinstance(dependency, EventDependency) and not dependency.mappings and names:
            yield Diagnostic(
                "FT114",
                f"event `{dependency.name}` sets no parameter of `{flow.name}`",
                dependency.span,
                "every parameter keeps its default" if len(names) > 1 else f"`{names[0]}` keeps its default",
                helps=(
                    f"to map: `event={{'name': {dependency.name!r}, 'parameters': {names[:10]!r}}}`",
                    "to map every parameter by name: `options={'auto_map': True}`",
                ),
            )
