"""Dependencies: what the state machines between rules and flow have to know of each.

In:   a flow and its dependencies.
Out:  the static part of the trigger document; what is checked as an event arrives.

Not here: which machine serves whom (`machines`), the states themselves (`templates/step_functions/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from metaflow_extensions.triggers.contract import trigger_document

from ....graph import entries
from ....model import facts
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from .conditions import belongs, found, json_paths, may_match
from .event_patterns import OutcomeFilter, outcome_filter
from .machines import Groups, origin_of, sender
from .names import deployed_name
from .resources import Arrival, ErrorFilter, Requirement

Served = tuple[tuple[Trigger, Dependency], ...]


def document_dependencies(flow: Flow, triggers: Sequence[Trigger], settings: Settings) -> list[dict[str, Any]]:
    """`dependencies` of the trigger document (architecture, "What travels into a run").

    Where one event may belong to several dependencies of an *any*, each says what makes it the one: its filter, and
    the fields without which it does not start the flow.
    """
    out = []
    for trigger in triggers:
        grouped = None if facts.is_set(trigger) else Groups(trigger, settings)
        for item in trigger.dependencies:
            apart = None
            if grouped and len(grouped.of(item)) > 1:
                needs = [path for _, path in facts.required_fields(flow, trigger, item)]
                apart = trigger_document.telling_apart(facts.filter_text(item), needs)
            out.append(_entry(trigger, item, apart, settings))
    return out


def _entry(trigger: Trigger, item: Dependency, apart: dict[str, Any] | None, settings: Settings) -> dict[str, Any]:
    if isinstance(item, EventDependency):
        # The run knows the event by its origin: on the bus it has another name.
        return entries.event_entry(trigger, item, apart, origin_of(item))
    if not isinstance(item, FinishDependency):
        assert_never(item)
    # CloudFormation refuses nulls, so a flow without @project has no such keys here.
    name = deployed_name(item.flow, item.project, item.branch, settings)
    return entries.finish_entry(trigger, item, name, apart, without_nulls=True)


def finish_filter(item: FinishDependency) -> OutcomeFilter:
    """What is left of an outcome's filter when this flow is meant. Raises filters.CannotKeep."""
    payload = {"flow": item.flow, "project": item.project, "branch": item.branch, "step": None}
    return outcome_filter(item.filter, payload, item.match)


def arrival(served: Served, flow: Flow, settings: Settings, *, in_set: bool) -> Arrival:
    """What is done with each event that comes to a machine.

    A place of a set takes events of one name, and is part of what tells its events apart; a start by one event, and a
    place for all events of a source, need the name beside the id (semantics, section 7).
    """
    errors = []
    reads_outcomes = False
    for _, item in served:
        if isinstance(item, FinishDependency):
            reads_outcomes = True
            condition = finish_filter(item).error
            if condition is not None:
                errors.append(ErrorFilter(replace(sender(item, settings), statuses=()), condition))
    senders = [sender(item, settings) for _, item in served]
    named = not in_set or any(one.machine is None and one.detail_type is None for one in senders)
    return Arrival(requirements(served, flow, settings), tuple(errors), reads_outcomes, named)


def requirements(served: Served, flow: Flow, settings: Settings) -> tuple[Requirement, ...]:
    """One for each (dependency, mapped parameter that must have a value and has no default), in the user's order."""
    out: dict[str, Requirement] = {}  # by what it says: two events may need the same
    grouped = {id(trigger): Groups(trigger, settings) for trigger in {id(one): one for one, _ in served}.values()}
    for trigger, item in served:
        if isinstance(item, FinishDependency):
            for parameter, path in facts.required_fields(flow, trigger, item):
                out |= {repr(need): need for need in _of_outcome(item, parameter, path, settings)}
            continue
        if not isinstance(item, EventDependency):
            assert_never(item)
        group = [item]
        if not facts.is_set(trigger):
            group = [one for one in grouped[id(trigger)].of(item) if isinstance(one, EventDependency)]
        out |= {repr(need): need for need in _of_event(item, group, trigger, flow, settings)}
    return tuple(out.values())


def _of_event(
    item: EventDependency, group: list[EventDependency], trigger: Trigger, flow: Flow, settings: Settings
) -> list[Requirement]:
    """An event is refused when it lacks what the dependency needs, and none of its group can start the flow instead."""
    needs = {id(one): facts.required_fields(flow, trigger, one) for one in group}
    if len({(sender(one, settings), tuple(path for _, path in needs[id(one)])) for one in group}) == 1:
        item, group = group[0], group[:1]  # whichever of them it is
    others = [one for one in group if one is not item]
    instead = [_can_start(one, item, [path for _, path in needs[id(one)]], settings) for one in others]
    if () in instead:
        return []
    when = tuple(may_match(_pattern(item))) if others else ()
    return [
        Requirement(
            sender(item, settings),
            json_paths(path),
            f"event {item.name} has no field {path}, which the required parameter {parameter} takes its value from",
            when,
            tuple(instead),
        )
        for parameter, path in needs[id(item)]
    ]


def _can_start(
    one: EventDependency, instead_of: EventDependency, needs: list[str], settings: Settings
) -> tuple[Any, ...]:
    """Conditions that together let an event start the flow as one of this dependency; none for every event."""
    own = sender(one, settings)
    known = [] if own == sender(instead_of, settings) or own.detail_type is None else belongs(own)
    return (*known, *may_match(_pattern(one)), *(found(json_paths(path)) for path in needs))


def _pattern(item: EventDependency) -> dict[str, Any] | None:
    return item.filter.plain() if item.filter else None


def _of_outcome(item: FinishDependency, parameter: str, path: str, settings: Settings) -> list[Requirement]:
    if facts.has_field(item, path):
        return []
    reason = (
        f"the end of {item.flow} has no field {path}, which the required parameter {parameter} takes its value from"
    )
    # The run makes `error` of these two; AWS sends null in both for a success.
    places = ("$.event.detail['error']", "$.event.detail['cause']") if path == "error" else ()
    return [Requirement(replace(sender(item, settings), statuses=()), places, reason)]
