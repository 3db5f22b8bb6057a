"""Differences: what changed between two trigger graphs, in words.

In:   flows before and after, as the model has them (places in files do not count).
Out:  `Change`s, sorted; the model of a flow as it stands in an output folder's index, and back.

Not here: files, their text, printing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.facts import filter_text, is_set, needs_value
from ..model.flows import (
    Constant,
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    Parameter,
    PollTrigger,
    Schedule,
    Span,
    Trigger,
)
from ..model.flows import Mapping as ParameterMapping
from ..model.kinds import assert_never
from ..model.serialize import from_json, to_json
from .explain import dependency_words, mapping_words, qualified_name, reasons, source_words, upstream_name
from .polled import poll_changes, recorded_polls
from .polled import restored_polls as _restored_polls

_NOWHERE = Span("", 1, 1, 1, 1)
_PLACES = ("span", "file", "emits")
"""What says where something is written, or what others may start: it changes nothing that starts the flow."""
_TOLD = ("name", "flow", "project", "branch", "match", "mappings", "filter", "origin", "span")
"""Fields of a dependency that have words of their own, or say which it is."""
_POLLS = "polls"
"""Beside the fields of a recorded flow: poll triggers are none of its own."""
_WRITTEN = {"filter": "Filter", "origin": "Origin", "options": "Options"}
"""What stands as its text alone."""


@dataclass(frozen=True)
class Change:
    """One difference. `kind` is a word for programs (see `KINDS`), `text` one for people."""

    flow: str
    kind: str
    text: str


KINDS = (
    "flow-added",
    "flow-removed",
    "start-added",
    "start-removed",
    "join-changed",
    "mapping-added",
    "mapping-removed",
    "mapping-changed",
    "filter-changed",
    "origin-changed",
    "schedule-changed",
    "poll-added",
    "poll-removed",
    "poll-changed",
    "option-changed",
    "parameter-changed",
    "name-changed",
)


# --- the model in an index --------------------------------------------------------------------------


def recorded(flow: Flow, polls: Iterable[PollTrigger] = ()) -> dict[str, Any]:
    """A flow as a JSON object without places, for the index of an output folder. `polls` start it; a flow that none
    starts is recorded as it was before polls were."""
    found: dict[str, Any] = _without_places(to_json(flow))
    rows = recorded_polls(polls)
    return {**found, _POLLS: rows} if rows else found


def restored_polls(value: Any) -> tuple[PollTrigger, ...] | None:
    """The poll triggers of what `recorded` gave; None: there were none, or an earlier version did not record them."""
    rows = value.get(_POLLS) if isinstance(value, dict) else None
    return None if rows is None else _restored_polls(rows)


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        if value["kind_of"] in _WRITTEN.values():
            return value["text"]
        return {key: _without_places(item) for key, item in value.items() if key not in _PLACES}
    return [_without_places(item) for item in value] if isinstance(value, list) else value


def with_polls(value: Any, polls: Iterable[PollTrigger]) -> Any:
    """What `recorded` gave, with these poll triggers where an earlier version recorded none."""
    return value if not isinstance(value, dict) or _POLLS in value else {**value, _POLLS: recorded_polls(polls)}


def restored(value: Any) -> Flow:
    """The flow of what `recorded` gave; its places are nowhere. Raises ValueError for anything else."""
    try:
        flow = from_json(_with_places({key: item for key, item in value.items() if key != _POLLS}))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a recorded flow") from error
    if not isinstance(flow, Flow):
        raise ValueError("not a recorded flow")
    return flow


def _with_places(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_places(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {
        key: {"kind_of": _WRITTEN[key], "text": item} if key in _WRITTEN and item is not None else _with_places(item)
        for key, item in value.items()
    }
    if value["kind_of"] not in ("PayloadField", "Constant"):
        out["span"] = to_json(_NOWHERE)
    if value["kind_of"] == "Flow":
        out.update(file="", emits=[])
    return out


# --- changes ----------------------------------------------------------------------------------------


def changes(before: Iterable[Flow], after: Iterable[Flow]) -> list[Change]:
    """What changed, flow by flow; flows are the same when project, branch, name and deployed name are."""
    old, new = _by_name(before), _by_name(after)
    found: list[Change] = []
    for name in sorted(set(old) | set(new)):
        if name not in old:
            found.append(added(new[name]))
        elif name not in new:
            found.append(Change(name, "flow-removed", f"{name} is no longer deployed"))
        else:
            found.extend(between(old[name], new[name]))
    return found


def _by_name(flows: Iterable[Flow]) -> dict[str, Flow]:
    return {qualified_name(flow) + (f" ({flow.deployed_as})" if flow.deployed_as else ""): flow for flow in flows}


def added(flow: Flow, polls: Iterable[PollTrigger] = ()) -> Change:
    """A flow that was not there. `polls` start it."""
    rows = [when for when, _ in reasons(flow, polls)]
    starts = f"it starts when {'; or when '.join(rows)}" if rows else "it is started by hand"
    name = qualified_name(flow)
    return Change(name, "flow-added", f"{name} is new: {starts.replace('when schedule', 'on schedule')}")


def between(
    old: Flow, new: Flow, polled: Iterable[PollTrigger] = (), polls: Iterable[PollTrigger] = ()
) -> list[Change]:
    """What changed from one form of a flow to another; `polled` are the poll triggers of the old one, `polls` those of
    the new."""
    name = new.name
    found: list[Change] = []

    def say(kind: str, text: str) -> None:
        found.append(Change(qualified_name(new), kind, f"{name} {text}"))

    if qualified_name(old) != qualified_name(new):
        say("name-changed", f"is {qualified_name(new)} instead of {qualified_name(old)}")
    starts_before = bool(reasons(old))
    left_old, left_new = list(old.triggers), list(new.triggers)
    for kind in sorted({item.kind for item in (*left_old, *left_new)}):
        befores = [item for item in left_old if item.kind == kind]
        afters = [item for item in left_new if item.kind == kind]
        for before, after in zip(befores, afters, strict=False):
            for change in _trigger(before, after):
                say(*change)
        for before in befores[len(afters) :]:
            for words in _starts(before):
                say("start-removed", f"no longer starts {words}")
        for after in afters[len(befores) :]:
            for words in _starts(after):
                say("start-added", f"now {'also ' if starts_before else ''}starts {words}")
    for text in _schedule(old.schedule, new.schedule, starts_before):
        say("schedule-changed", text)
    for change in poll_changes(polled, polls):
        say(*change)
    for text in _parameters(old.parameters, new.parameters):
        say("parameter-changed", text)
    return found


def since_recorded(model: Any, flow: Flow, polls: Iterable[PollTrigger]) -> list[str]:
    """In words what changed since what `recorded` gave. Raises ValueError for anything else."""
    return [change.text for change in between(restored(model), flow, restored_polls(model) or (), polls)]


def _when(dependency: Dependency) -> str:
    """`on order-placed` or `when DataIngestion fails`."""
    if isinstance(dependency, EventDependency):
        return f"on {dependency.name}"
    if isinstance(dependency, FinishDependency):
        return f"when {dependency_words(dependency)}"
    assert_never(dependency)


def _starts(trigger: Trigger) -> list[str]:
    if not is_set(trigger):
        return [_when(item) + _only_if(item) + _with(item) for item in trigger.dependencies]
    together = " and ".join(_noun(item) for item in trigger.dependencies)
    return [f"when all of {together} have come"]


def _only_if(dependency: Dependency) -> str:
    return f" if it matches {dependency.filter.text}" if dependency.filter is not None else ""


def _with(dependency: Dependency) -> str:
    return f" with {mapping_words(dependency.mappings)}" if dependency.mappings else ""


def _noun(dependency: Dependency) -> str:
    if isinstance(dependency, EventDependency):
        return dependency.name
    if isinstance(dependency, FinishDependency):
        return f"the end of {upstream_name(dependency)} ({' or '.join(dependency.match)})"
    assert_never(dependency)


def _key(dependency: Dependency) -> tuple[str, ...]:
    if isinstance(dependency, EventDependency):
        return ("event", dependency.name)
    if isinstance(dependency, FinishDependency):
        return ("flow", upstream_name(dependency))
    assert_never(dependency)


def _pairs(old: Trigger, new: Trigger) -> Iterator[tuple[Dependency | None, Dependency | None]]:
    """Dependencies of both, matched by what they wait for; one flow may stand several times, for other outcomes."""
    rest: dict[tuple[str, ...], list[Dependency]] = {}
    for item in new.dependencies:
        rest.setdefault(_key(item), []).append(item)
    # Of an event that stands several times those with the same filter first, so that none is taken for another one.
    kept: dict[int, Dependency] = {}
    for before in old.dependencies:
        same = rest.get(_key(before), [])
        place = next((at for at, item in enumerate(same) if item.filter == before.filter), None)
        if isinstance(before, EventDependency) and place is not None:
            kept[id(before)] = same.pop(place)
    for before in old.dependencies:
        same = rest.get(_key(before), [])
        if id(before) in kept or not same:
            yield before, kept.get(id(before))
            continue
        # The one that shares most outcomes, else the first.
        shared = [
            len(set(before.match) & set(item.match))
            if isinstance(before, FinishDependency) and isinstance(item, FinishDependency)
            else 0
            for item in same
        ]
        yield before, same.pop(shared.index(max(shared)))
    for items in rest.values():
        for item in items:
            yield None, item


def _trigger(old: Trigger, new: Trigger) -> Iterator[tuple[str, str]]:
    joins = ["all" if is_set(item) else "any" for item in (old, new)]
    pairs = list(_pairs(old, new))
    waits = joins[1] == "all" or joins[0] == "all"
    if joins[0] != joins[1]:
        alone = " and ".join(_noun(item) for item in (new if joins[1] == "all" else old).dependencies)
        if joins[1] == "all":
            yield "join-changed", f"now waits until all of {alone} have come"
        else:
            rest = " or ".join(_noun(item) for item in new.dependencies)
            yield (
                "join-changed",
                f"now starts on any of {rest}" if len(new.dependencies) > 1 else f"now starts on {rest} alone",
            )
    for before, after in pairs:
        if before is None and after is not None:
            if joins == ["any", "any"]:
                yield "start-added", f"now also starts {_when(after)}{_only_if(after)}{_with(after)}"
            elif joins == ["all", "all"]:
                yield "start-added", f"now waits for {_noun(after)} as well{_with(after)}"
        elif after is None and before is not None:
            if joins == ["any", "any"]:
                yield "start-removed", f"no longer starts {_when(before)}"
            elif waits:
                yield "start-removed", f"no longer waits for {_noun(before)}"
        elif before is not None and after is not None:
            many = len(old.dependencies) > 1 or len(new.dependencies) > 1
            yield from _dependency(before, after, many, waits)
    yield from _order(pairs, new) if joins == ["any", "any"] else ()
    yield from _options(old, new)


def _order(pairs: list[tuple[Dependency | None, Dependency | None]], new: Trigger) -> Iterator[tuple[str, str]]:
    """Where one event stands several times, the first that it matches counts."""
    places = {id(item): place for place, item in enumerate(new.dependencies)}
    last: dict[tuple[str, ...], int] = {}
    told: set[tuple[str, ...]] = set()
    for before, after in pairs:
        if before is None or after is None:
            continue
        key, place = _key(after), places[id(after)]
        if place < last.get(key, -1) and key not in told:
            told.add(key)
            filtered = f"if it matches {after.filter.text}" if after.filter is not None else "without a filter"
            yield "mapping-changed", f"looks at {_plain(after)} {filtered} before others of the name, which came first"
        last[key] = max(place, last.get(key, -1))


def _dependency(old: Dependency, new: Dependency, many: bool, waits: bool) -> Iterator[tuple[str, str]]:
    of = f" of {_plain(new)}" if many else ""
    if isinstance(old, FinishDependency) and isinstance(new, FinishDependency):
        added = tuple(item for item in new.match if item not in old.match)
        removed = tuple(item for item in old.match if item not in new.match)
        if added:
            words = dependency_words(dataclasses.replace(new, match=added))
            yield "start-added", f"now also {'counts' if waits else 'starts'} when {words}"
        if removed:
            words = dependency_words(dataclasses.replace(old, match=removed))
            yield "start-removed", f"no longer {'counts' if waits else 'starts'} when {words}"
    was, now = filter_text(old), filter_text(new)
    if was != now:
        subject = _plain(new)
        if was is None:
            yield "filter-changed", f"now starts on {subject} only if it matches {now}"
        elif now is None:
            yield "filter-changed", f"no longer filters {subject}: before, only if it matched {was}"
        else:
            yield "filter-changed", f"filters {subject} by {now} instead of {was}"
    if isinstance(old, EventDependency) and isinstance(new, EventDependency) and old.origin != new.origin:
        before, after = (item.origin.text if item.origin else "its own bus" for item in (old, new))
        yield "origin-changed", f"takes {new.name} from {after} instead of {before}"
    for field in dataclasses.fields(new):
        was, now = getattr(old, field.name, None), getattr(new, field.name)
        if field.name not in _TOLD and was != now:
            yield "option-changed", f"has the {field.name} {_json(now)} instead of {_json(was)}{of}"
    yield from _mappings(_sources(old.mappings), _sources(new.mappings), of, _plain(new))


def _plain(dependency: Dependency) -> str:
    return _key(dependency)[1]


def _sources(mappings: tuple[ParameterMapping, ...]) -> dict[str, str]:
    return {
        item.parameter: f"{'the constant ' if isinstance(item.source, Constant) else ''}{source_words(item.source)}"
        for item in mappings
    }


def _mappings(old: Mapping[str, str], new: Mapping[str, str], of: str, subject: str) -> Iterator[tuple[str, str]]:
    for name in sorted(set(old) | set(new)):
        if name not in old:
            yield "mapping-added", f"now takes {name} from {new[name]} of {subject}"
        elif name not in new:
            yield "mapping-removed", f"no longer takes {name} from {old[name]} of {subject}"
        elif old[name] != new[name]:
            yield "mapping-changed", f"takes {name} from {new[name]} instead of {old[name]}{of}"


def _options(old: Trigger, new: Trigger) -> Iterator[tuple[str, str]]:
    if old.auto_map != new.auto_map:
        if new.auto_map:
            yield "option-changed", "now takes every parameter from the field of its name"
        else:
            yield "option-changed", "no longer takes every parameter from the field of its name"
    before, after = old.options.plain(), new.options.plain()
    for key in sorted((set(before) | set(after)) - {"auto_map"}):
        was, now = before.get(key), after.get(key)
        if was != now:
            yield "option-changed", f"has the option {key} {_json(now)} instead of {_json(was)}"


def _json(value: Any) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _at(schedule: Schedule) -> str:
    return f"{schedule.cron}{f' ({schedule.timezone})' if schedule.timezone else ''}"


def _schedule(old: Schedule | None, new: Schedule | None, starts_before: bool) -> Iterator[str]:
    if old is None and new is not None:
        yield f"now {'also ' if starts_before else ''}starts on the schedule {_at(new)}"
    elif new is None and old is not None:
        yield f"no longer starts on the schedule {_at(old)}"
    elif old is not None and new is not None and _at(old) != _at(new):
        yield f"starts on the schedule {_at(new)} instead of {_at(old)}"


def _parameters(old: tuple[Parameter, ...], new: tuple[Parameter, ...]) -> Iterator[str]:
    before, after = ({item.name: item for item in items} for items in (old, new))
    for name in sorted(set(before) | set(after)):
        if name not in before:
            needed = " (required)" if needs_value(after[name]) else ""
            yield f"has a new parameter {name}{needed}"
        elif name not in after:
            yield f"no longer has the parameter {name}"
        else:
            was, now = before[name], after[name]
            if was.type != now.type:
                yield f"reads the parameter {name} as {now.type} instead of {was.type}"
            needs = [needs_value(item) for item in (was, now)]
            if needs[0] != needs[1]:
                yield f"{'now' if needs[1] else 'no longer'} requires the parameter {name}"
