"""Judge: what a flow's filters and parameters say of a payload; nobody is asked.

In:   a flow, the name of an event, a payload.
Out:  `Judged` for each dependency that waits for the name: the causes for which it says no; else that it takes it.
      `before_arrival`: what they come to where a target has kept nothing of the event.

Not here: what is deployed, which may be older than the file; sets that wait; what is known of the very event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values

from ..language import filters, refusing
from ..model import facts
from ..model.flows import Constant, Dependency, Flow, PayloadField, Trigger
from ..model.kinds import assert_never
from . import causes
from .causes import Cause
from .question import Asked, waits


@dataclass(frozen=True)
class Judged:
    """`refusals`: why this dependency does not take the payload. `unfit`: it does, and the run fails before user code.

    `notes`: numbers over which the targets may part.
    """

    trigger: Trigger
    place: int
    refusals: tuple[Cause, ...] = ()
    unfit: str | None = None
    notes: tuple[Cause, ...] = ()


def judged(asked: Asked, event: str, payload: dict[str, Any]) -> list[Judged]:
    """A row for each dependency of the flow that waits for events of this name, in written order."""
    if asked.flow is None:
        return []
    return [
        judge(asked.flow, trigger, place, dependency, payload) for trigger, place, dependency in waits(asked, event)
    ]


def judge(flow: Flow, trigger: Trigger, place: int, dependency: Dependency, payload: dict[str, Any]) -> Judged:
    """What one dependency says of a payload (semantics, sections 5 and 6)."""
    pattern = dependency.filter.plain() if dependency.filter is not None else None
    notes = _numbers(pattern, payload) if pattern is not None else ()
    refusals = tuple(_filter(pattern, payload)) if pattern is not None else ()
    if not refusals:
        refusals = tuple(_missing(flow, trigger, dependency, payload))
    unfit = None if refusals else _unfit(flow, trigger, dependency, payload)
    return Judged(trigger, place, refusals, unfit, notes)


def before_arrival(asked: Asked, event: str, payload: dict[str, Any] | None) -> tuple[Cause, tuple[Cause, ...]]:
    """(cause, what holds beside it) of an event of which a target knows nothing: no run, no dead letter, no set."""
    if payload is None:
        return causes.NOT_KEPT(), ()
    found = judged(asked, event, payload)
    notes = tuple(dict.fromkeys(note for item in found for note in item.notes))
    if not found or any(not item.refusals for item in found):
        return causes.NOT_ARRIVED(), notes
    first, *rest = [cause for item in found for cause in item.refusals]
    return first, (*rest, *notes)


def _filter(pattern: dict[str, Any], payload: dict[str, Any]) -> Iterator[Cause]:
    for item in refusing.refusing(pattern, payload):
        if item.together:
            yield causes.FILTER_TOGETHER(wanted=item.wanted, found=item.found)
        else:
            yield causes.FILTER(path=item.path, wanted=item.wanted, found=item.found)


def _missing(flow: Flow, trigger: Trigger, dependency: Dependency, payload: dict[str, Any]) -> Iterator[Cause]:
    """What this very event has to give. In a set `auto_map` may find it in another."""
    needed = {item.name for item in facts.needed(flow)}
    given = facts.mapped_fields(dependency) if facts.is_set(trigger) else facts.given_fields(flow, trigger, dependency)
    for parameter, path in given:
        if parameter in needed and event_reader.field(payload, path) is None:
            yield causes.MISSING_FIELD(parameter=parameter, field=path)
    if facts.is_set(trigger):
        return
    fed = facts.mapped_parameters(dependency) | (needed if trigger.auto_map else set())
    for parameter in needed - fed:
        yield causes.REFUSED(why=f"the required parameter `{parameter}` has no value: no event gives it")


def _unfit(flow: Flow, trigger: Trigger, dependency: Dependency, payload: dict[str, Any]) -> str | None:
    types = {item.name: item.type for item in flow.parameters if not item.is_config}
    for parameter, place, value in _values(flow, trigger, dependency, payload):
        if value is None or parameter not in types:
            continue
        try:
            parameter_values.convert(value, types[parameter])
        except ValueError as error:
            return f"{place} does not fit parameter `{parameter}` of type {types[parameter]}: {error}"
    return None


def _values(
    flow: Flow, trigger: Trigger, dependency: Dependency, payload: dict[str, Any]
) -> Iterator[tuple[str, str, Any]]:
    """(parameter, where its value is from, the value)."""
    for mapping in dependency.mappings:
        if isinstance(mapping.source, Constant):
            yield mapping.parameter, "the constant", exact_json.loads(mapping.source.json)
        elif not isinstance(mapping.source, PayloadField):
            assert_never(mapping.source)
    for parameter, path in facts.given_fields(flow, trigger, dependency):
        yield parameter, f"field `{path}`", event_reader.field(payload, path)


def _numbers(pattern: dict[str, Any], payload: dict[str, Any]) -> tuple[Cause, ...]:
    return tuple(
        causes.NUMBER_NOT_KEPT(path=path, found=number[:40])
        for path, number in filters.numbers_not_kept(pattern, payload)
    )
