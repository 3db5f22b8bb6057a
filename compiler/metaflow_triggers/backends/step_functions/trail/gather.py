"""Gather: the facts of one flow and one event, each asked for by a computed name.

In:   `computed.Roads`, `asking.Asking`.
Out:  a `Trace` for each dependency where something of the event was found, or may lie unseen; the rules and machines
      of those where nothing was.

Not here: what the facts come to (`tell`), dead letters (`letters`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from metaflow_extensions.triggers.contract.words import POLLED_RUN, STARTED_BY_EVENT, TRIGGERS_FOLDER

from ..compile import names
from ..compile.resources import EventRule, OutcomeRule
from .asking import Asking, Rule, Run, Stored, Unanswered
from .computed import RUN, Kept, Roads, Way, document_key, event_key, set_run
from .deployed import Known

MOST_MISSING = 2
"""Numbers of rules in a row that are not there, before no more is tried."""
MOST_RUNS = 50
"""Runs of the flow that are looked into for the set that an event went with, the first ones after it came."""


@dataclass(frozen=True)
class Place:
    """What waits in one place of a set: marks, the oldest first. `claimed`: of a set that is being started."""

    marks: tuple[str, ...] = ()
    claimed: str = ""


@dataclass(frozen=True)
class Trace:
    """What is kept of an event that came on a way. `stored` is the run's document, or the event of a set.

    Of a set: `places` are those of the row, all of them; `in_place`: the event waits there; `gone`: it came, and is in
    the row no more. `run` is the run that it, or its set, started; `searched` is false where nobody could look for it.
    """

    way: Way
    kept: Kept
    stored: Stored | None = None
    run: Run | None = None
    document: Stored | None = None
    places: tuple[Place, ...] = ()
    in_place: bool = False
    claimed: bool = False
    gone: bool = False
    searched: bool = True
    by: str = ""
    """The mark of an event that came to its place later; `perhaps_by`: later, or in the second before it."""
    perhaps_by: str = ""


@dataclass(frozen=True)
class OwnRun:
    """A run of the flow by its own id, and its document, if it has one. `root`: where the flow's runs are in the
    datastore, as far as its document says it."""

    run: Run
    document: Stored | None
    root: str | None = None


@dataclass(frozen=True)
class Standing:
    """What is there of a way: its rules, the state machine. `needs`: it refuses events that lack a field, and no file
    says which."""

    way: Way
    rules: tuple[LookedFor, ...]
    definition: Any
    needs: bool = False


@dataclass(frozen=True)
class LookedFor:
    """A rule: its name for people, how it was meant (None: no file says it), what is there of it (None: nothing)."""

    shown: str
    meant: EventRule | OutcomeRule | None
    there: Rule | Unanswered | None


def trace(roads: Roads, way: Way, asking: Asking) -> Trace | None:
    """What is kept of the event on this way, or None."""
    for kept in way.keeps:
        found = _of_set(roads, way, kept, asking) if way.set is not None else _alone(roads, way, kept, asking)
        if found is not None:
            return found
    return None


def own_run(roads: Roads, identity: str, asking: Asking) -> OwnRun | None:
    """The flow's run that Metaflow calls so."""
    if RUN.fullmatch(identity) is None:
        return None
    name = identity.removeprefix("sfn-")
    run = asking.run(name)
    if not isinstance(run, Run):
        return None
    if name.startswith(POLLED_RUN):  # a flow that polls alone start has no machine that says where its documents are
        bucket, key = _document_of(run)
        found = asking.stored(bucket, key) if key else None
        root = f"s3://{bucket}/{key.rpartition(f'{TRIGGERS_FOLDER}/')[0]}" if key else None
        return OwnRun(run, None if isinstance(found, Unanswered) else found, root)
    started_by_event = STARTED_BY_EVENT.fullmatch(identity) is not None
    return OwnRun(run, stored(roads, document_key(roads, name), asking) if started_by_event else None)


def _document_of(run: Run) -> tuple[str, str]:
    """(bucket, key) of the document that a run was started with, as its input says; "" where it says none."""
    try:
        uri = str(json.loads(run.input)["MetaflowTrigger"]["uri"])
    except (ValueError, TypeError, KeyError):
        return "", ""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return (bucket, key) if uri.startswith("s3://") and f"/{TRIGGERS_FOLDER}/" in key else ("", "")


def ended(way: Way, identity: str, asking: Asking) -> Run | None:
    """The run that Metaflow calls so, if it is one of the flow whose ends the way is for."""
    named = RUN.fullmatch(identity)
    if named is None or way.sender.machine is None:
        return None
    run = asking.run(named["name"], way.sender.machine)
    return run if isinstance(run, Run) else None


def standing(way: Way, asking: Asking) -> Standing:
    """The rules and the state machine of a way."""
    rules = tuple(
        LookedFor(_shown(rule.name, _bus(rule)), rule, asking.rule(rule.name, _bus(rule))) for rule in way.rules
    )
    return Standing(way, rules, asking.definition(way.machine))


def standing_unread(way: Way, known: Known, bus: str, asking: Asking) -> Standing:
    """The same of a flow of which no file was read: how many rules it has, and on which bus, is tried."""
    needs = way.machine in known.needs
    if way.sender.machine is not None:
        return replace(standing(way, asking), needs=needs)
    found = []
    deployed = known.flow.deployed_as or known.flow.name
    for name in dict.fromkeys(("default", bus)):
        missing, number = 0, 1
        while missing < MOST_MISSING:
            rule = asking.rule(names.rule_name(deployed, "events", name, str(number)), name)
            missing, number = missing + 1 if rule is None else 0, number + 1
            if isinstance(rule, Unanswered) or (rule is not None and _takes(rule, way)):
                found.append(
                    LookedFor(_shown(names.rule_name(deployed, "events", name, str(number - 1)), name), None, rule)
                )
            if isinstance(rule, Unanswered):
                break
    return Standing(way, tuple(found), asking.definition(way.machine), needs)


def _takes(rule: Rule, way: Way) -> bool:
    """Whether the rule is for events of this name and leads to the way's machine, or to none any more."""
    named = rule.pattern.get("detail-type")
    leads = not rule.targets or any(arn.endswith(f":stateMachine:{way.machine}") for arn in rule.targets)
    return leads and (way.sender.detail_type in named if named else way.sender.detail_type is None)


def _shown(name: str, bus: str) -> str:
    return f"{bus.rpartition('event-bus/')[2]}/{name}"


def _bus(rule: EventRule | OutcomeRule) -> str:
    return rule.bus if isinstance(rule, EventRule) else "default"


def stored(roads: Roads, key: str, asking: Asking) -> Stored | None:
    """A file of the flow, if it is there, and may be read."""
    if roads.bucket is None:
        return None
    found = asking.stored(roads.bucket, key)
    return None if isinstance(found, Unanswered) else found


def with_events(roads: Roads, document: Stored, asking: Asking) -> dict[str, Any] | None:
    """The document of a run with its events, those of a set from their files; None where one cannot be read."""
    events = []
    for item in document.value.get("events", []):
        if "uri" in item:
            mark = str(item["uri"]).rpartition("/")[2].removesuffix(".json")
            file = stored(roads, event_key(roads, mark), asking)
            if file is None:
                return None
            events.append({"transport": item.get("transport"), "event": file.value})
        else:
            events.append(item)
    return {**document.value, "events": events}


# an event that starts the flow by itself ------------------------------------------------------------------------------


def _alone(roads: Roads, way: Way, kept: Kept, asking: Asking) -> Trace | None:
    run = asking.run(kept.run)
    document = stored(roads, document_key(roads, kept.run), asking)
    if document is not None and not _is_of(document, way):
        return None
    if isinstance(run, Run):
        return Trace(way, kept, document, run, document)
    if document is None:
        return None
    return Trace(way, kept, document, document=document, searched=not isinstance(run, Unanswered))


def _is_of(document: Stored, way: Way) -> bool:
    """Under an id of the bus, which is an event's alone, the run has one name whatever the event is called."""
    events = document.value.get("events") or [{}]
    event = events[0].get("event") or {}
    mine = way.sender
    if mine.machine is not None:
        return str(event.get("detail", {}).get("stateMachineArn")).endswith(f":{mine.machine}")
    return event.get("source") == mine.source and mine.detail_type in (None, event.get("detail-type"))


# an event of a set --------------------------------------------------------------------------------------------------


def _of_set(roads: Roads, way: Way, kept: Kept, asking: Asking) -> Trace | None:
    assert way.set is not None and roads.lowered is not None
    seen = asking.row(roads.lowered.table, f"seen-{kept.mark}")
    event = stored(roads, event_key(roads, kept.mark), asking)
    if event is None and not isinstance(seen, dict):
        return None
    if not isinstance(seen, dict):
        return Trace(way, kept, event, searched=seen is None)
    row = asking.row(roads.lowered.table, way.set.key)
    if isinstance(row, Unanswered):
        return Trace(way, kept, event, searched=False)
    places = tuple(_place(row or {}, number) for number in range(len(way.set.attributes)))
    mine = places[way.set.attributes.index(way.slot)]
    if kept.mark in mine.marks:
        return Trace(way, kept, event, places=places, in_place=True)
    if mine.claimed == kept.mark:
        name = set_run(roads.deployed, tuple(item.claimed for item in places))
        run = asking.run(name)
        document = stored(roads, document_key(roads, name), asking)
        found = run if isinstance(run, Run) else None
        return Trace(way, kept, event, found, document, places, claimed=True, searched=not isinstance(run, Unanswered))
    return _left(roads, Trace(way, kept, event, places=places, gone=True), asking)


def _place(row: dict[str, Any], number: int) -> Place:
    held = row.get(f"slot_{number}", {})
    marks = tuple(item["S"] for item in held["L"]) if "L" in held else ((held["S"],) if "S" in held else ())
    return Place(marks, row.get(f"claim_{number}", {}).get("S", ""))


def _left(roads: Roads, one: Trace, asking: Asking) -> Trace:
    """The event is in its set no more: the run that has it is looked for among the flow's runs since it came."""
    assert one.way.set is not None
    place = one.way.set.attributes.index(one.way.slot)
    runs = asking.runs_since(one.stored.when) if one.stored is not None else None
    if runs is None or isinstance(runs, Unanswered):
        return replace(one, searched=False)
    by = perhaps = ""
    for name, began in runs[:MOST_RUNS]:
        document = stored(roads, document_key(roads, name), asking) if name.startswith("event-") else None
        marks = _marks(document) if document is not None else ()
        if len(marks) != len(one.places):
            continue
        if marks[place] == one.kept.mark:
            run = asking.run(name)
            found = run if isinstance(run, Run) else None
            return replace(one, run=found, document=document, searched=found is not None)
        # S3 tells a time by the second: what began in the same one may have been before.
        if one.stored is not None and began >= one.stored.when + timedelta(seconds=1):
            by = by or marks[place]
        perhaps = perhaps or marks[place]
    held = one.places[place].marks
    if len(runs) > MOST_RUNS:
        return replace(one, searched=False)
    return replace(one, by=by or (held[0] if held else ""), perhaps_by=perhaps)


def _marks(document: Stored) -> tuple[str, ...]:
    """The marks of the events of a set's document, in the order of the dependencies."""
    uris = [item.get("uri") for item in document.value.get("events", [])]
    return tuple(str(uri).rpartition("/")[2].removesuffix(".json") for uri in uris if uri)
