"""Ways: how events reach a flow, as its Sensors say it and as the flow means it.

In:   a flow's Sensors, the flow, the settings, whose outcomes are believed.
Out:  texts: each way, each set of events, each word about a missing field that only one of the two sides has.

Not here: the objects around (`read_back`), the programs in a Sensor (`sensor_programs`).
The flow's side is worked out from the model and the settings alone, not from `lower`'s resources. Ways of one trigger
may be spread over triggers of a Sensor, so they are compared one by one, and sets of events as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract import words

from ....model import facts
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from ..compile import event_delivery, names
from ..compile.escape import go_string
from ..compile.options import Options, origin, read_options
from ..compile.trust import Trust
from .sensor_programs import SET_CLOSING, SET_OPENING, exact_name, script_conditions, set_key, start_key

Told = set[str]

_DESTINATION = re.compile(r"spec\.arguments\.parameters\.([0-9]+)\.value")
_SET_NAME = "k8s.parameters.0.src.dataTemplate"


def way_differences(sensors: list[Any], flow: Flow, settings: Settings, believed: Trust) -> Iterator[str]:
    """What the Sensors say and the flow does not mean, and the other way round."""
    said: Told = set()
    for sensor in sensors:
        said |= _sensor(sensor)
    meant = _flow(flow, settings, believed)
    yield from (f"says what the flow does not mean: {item}" for item in sorted(said - meant))
    yield from (f"lacks what the flow means: {item}" for item in sorted(meant - said))


def _text(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


# what a Sensor says ------------------------------------------------------------------------------------------------


def _sensor(sensor: Any) -> Told:
    """Each way in which an event starts the flow, each set, each way in which a missing field is told of."""
    spec = sensor["spec"]
    ways = {item["name"]: _way(item) for item in spec["dependencies"]}
    place = (spec["eventBusName"], sensor["metadata"]["namespace"])
    out: Told = set()
    for trigger in spec["triggers"]:
        template = trigger["template"]
        waited = re.findall(r"\w+", template["conditions"])
        if "k8s" not in template:
            out |= {_text("tells of a missing field", *place, ways[name]) for name in waited}
            continue
        delivery = (*place, trigger["retryStrategy"]["steps"], _rate(trigger.get("rateLimit")))
        arguments = _arguments(template["k8s"], waited)
        keys = {
            write["src"]["dependencyName"]: start_key(*_source(write))
            for write in template["k8s"]["parameters"]
            if write["dest"] == "metadata.name"
        }
        if "&&" in template["conditions"]:
            resets = [
                (item["byTime"]["cron"], item["byTime"]["timezone"]) for item in template.get("conditionsReset", [])
            ]
            members = [(ways[name], arguments[name]) for name in waited]
            out.add(_text("a set starts", *delivery, resets, _set_keys(trigger, waited), members))
        else:
            out |= {_text("starts", *delivery, ways[name], keys.get(name), arguments[name]) for name in waited}
    return out


def _way(item: Any) -> tuple[Any, ...]:
    """(event source, event, names or None for all, jq program, conditions of the script)."""
    filters = item["filters"]
    patterns = [pattern for data in filters.get("data", []) for pattern in data["value"]]
    found = sorted(exact_name(pattern) or f"the pattern {pattern}" for pattern in patterns)
    where = [data["path"] for data in filters.get("data", [])]
    known = found if where in ([], ["body.name"]) else [*found, *where]
    program = item.get("transform", {}).get("jq")
    return (
        item["eventSourceName"],
        item["eventName"],
        known if where else None,
        program,
        script_conditions(filters.get("script", "")),
    )


def _rate(limit: Any) -> Any:
    return None if limit is None else (limit["requestsPerUnit"], limit.get("unit", "Second"))


def _source(write: Any) -> tuple[str, str]:
    ((kind, text),) = ((key, value) for key, value in write["src"].items() if key != "dependencyName")
    return kind, text


def _arguments(k8s: Any, waited: list[str]) -> dict[str, list[Any]]:
    """Dependency -> (name of the argument, kind of template, template) of each write into an argument."""
    declared = [item["name"] for item in k8s["source"]["resource"]["spec"]["arguments"]["parameters"]]
    out: dict[str, list[Any]] = {name: [] for name in waited}
    for write in k8s["parameters"]:
        match = _DESTINATION.fullmatch(write["dest"])
        if match is not None:
            written = [declared[int(match[1])], *_source(write)]
            out.setdefault(write["src"]["dependencyName"], []).append(written)
    return out


def _set_keys(trigger: Any, waited: list[str]) -> list[Any]:
    """How the name of a set's Workflow is put together, dependencies by their place."""
    names_ = [write for write in trigger["template"]["k8s"]["parameters"] if write["dest"] == "metadata.name"]
    out: list[Any] = [
        *((waited.index(write["src"]["dependencyName"]), *_source(write)) for write in names_),
    ]
    for write in trigger.get("parameters", []):
        kind, text = _source(write)
        key = ("value", text) if kind == "value" else set_key(kind, text)
        out.append((waited.index(write["src"]["dependencyName"]), write["dest"], write.get("operation"), *key))
    return out


# what the flow means -----------------------------------------------------------------------------------------------


def _flow(flow: Flow, settings: Settings, believed: Trust) -> Told:
    out: Told = set()
    for trigger in flow.triggers:
        options = read_options(trigger, settings)
        place = (options.event_bus, options.namespace)
        delivery = (*place, options.steps, (options.rate_limit, "Second") if options.rate_limit else None)
        needs = {id(item): event_delivery.required_fields(flow, trigger, item) for item in trigger.dependencies}
        gathers = facts.is_set(trigger)
        for group in [[item] for item in trigger.dependencies] if gathers else _groups(trigger):
            fields = [needs[id(item)] for item in group]
            out |= {
                _text("tells of a missing field", *place, way) for way in _refused(group, fields, options, believed)
            }
        if gathers:
            out.add(_set(flow, trigger, needs, (options, believed), delivery))
            continue
        for group in _groups(trigger):
            for item in group:
                starts = _starts(flow, (item, group[0]), needs[id(item)], options, believed)
                out |= {_text("starts", *delivery, *start) for start in starts}
    return out


def _groups(trigger: Trigger) -> list[list[Dependency]]:
    """Dependencies by what they wait for, filters aside: an event starts one run for all of a group."""
    found: dict[Any, list[Dependency]] = {}
    for place, item in enumerate(trigger.dependencies):
        key: Any = place
        if isinstance(item, EventDependency):
            key = origin(item) if item.origin else item.name
        found.setdefault(key, []).append(item)
    return list(found.values())


def _conditions(
    *conditions: str, fields: tuple[str, ...] = (), program: str | None, foreign: bool = False
) -> list[str]:
    kinds = [*(["filtered"] if program else []), *(["foreign"] if foreign else [])]
    return sorted([*kinds, *conditions, *(f"has `{path}`" for path in fields)])


def _place(item: FinishDependency, options: Options, believed: Trust) -> tuple[str, str, list[str]]:
    """Where an outcome comes from, and what it must be to be believed."""
    if believed.proves(item, options):
        return options.outcome_event_source, options.outcome_event, ["was posted as it is"]
    return options.event_source, options.event, []


def _starts(
    flow: Flow, pair: tuple[Dependency, Dependency], fields: tuple[str, ...], options: Options, believed: Trust
) -> Iterator[tuple[Any, ...]]:
    """(way, start key, arguments) of each way in which an event of the dependency is a start of its own.

    An event with an `origin` has the name of the first dependency that waits for it, the second of `pair`.
    """
    item, first = pair
    deployed = names.own_name(flow)
    prefix = names.workflow_prefix(deployed)
    source = (options.event_source, options.event)
    if isinstance(item, EventDependency):
        program = event_delivery.event_transform(item)
        name = first.name if isinstance(first, EventDependency) else ""
        scope = f"event {deployed} {name}"
        if item.origin:
            told = _conditions(fields=fields, program=program, foreign=True)
            yield (*origin(item), None, program, told), (prefix, scope, "transport"), _foreign_arguments(name, "")
            return
        for condition, kind in (("has an id", "id"), ("has no id", "transport")):
            told = _conditions(condition, fields=fields, program=program)
            yield (*source, [item.name], program, told), (prefix, scope, kind), _own_arguments("")
        return
    if not isinstance(item, FinishDependency):
        assert_never(item)
    parent = names.template_name(item.flow, item.project, item.branch)
    scope = f"outcome {deployed} {parent}"
    *source_of_outcomes, posted = _place(item, options, believed)
    for outcome in item.match:
        program = event_delivery.outcome_transform(item)
        told = _conditions(*posted, "has a run", fields=fields, program=program)
        key = (prefix, scope, f"run/{outcome}")
        arguments = _success_arguments(item, parent) if outcome == "success" else _own_arguments("")
        yield (*source_of_outcomes, [words.outcome_event(parent, outcome)], program, told), key, arguments
        if not posted and outcome == "success" and all(facts.has_field(item, path) for path in fields):
            program = event_delivery.end_transform(item)
            told = _conditions("has a run", "is Metaflow's own", program=program)
            event = names.end_event(item.flow, item.project, item.branch)
            yield (*source, [event], program, told), key, arguments


def _refused(
    group: list[Dependency], fields: list[tuple[str, ...]], options: Options, believed: Trust
) -> Iterator[tuple[Any, ...]]:
    """Ways of events that lack a field which the flow requires, for each dependency that they may start it by."""
    item, needs = group[0], fields[0]
    if isinstance(item, FinishDependency):
        yield from _refused_outcomes(item, needs, options, believed)
        return
    if not isinstance(item, EventDependency):
        assert_never(item)
    filters = [one.filter for one in group]
    takes_all = any(not need and said is None for need, said in zip(fields, filters, strict=True))
    if takes_all or not any(fields):
        return
    foreign = bool(item.origin)
    if len(group) == 1:
        program, lacks = event_delivery.event_transform(item), f"lacks one of {_shown(needs)}"
    else:
        program = event_delivery.group_transform(filters, foreign)
        each = [" and ".join([f"filter {place}", *_each(need)]) for place, need in enumerate(fields)]
        lacks = f"is for none of: {'; '.join(each)}"
    source, event = origin(item) if foreign else (options.event_source, options.event)
    told = _conditions(lacks, program=program, foreign=foreign)
    yield source, event, None if foreign else [item.name], program, told


def _each(fields: tuple[str, ...]) -> list[str]:
    return sorted(f"`{path}`" for path in fields)


def _shown(fields: tuple[str, ...]) -> str:
    return " ".join(_each(fields))


def _refused_outcomes(
    item: FinishDependency, fields: tuple[str, ...], options: Options, believed: Trust
) -> Iterator[tuple[Any, ...]]:
    if all(facts.has_field(item, path) for path in fields):
        return
    parent = names.template_name(item.flow, item.project, item.branch)
    program = event_delivery.outcome_transform(item)
    source, event, posted = _place(item, options, believed)
    for outcome in item.match:
        told = _conditions(*posted, f"lacks one of {_shown(fields)}", program=program)
        yield source, event, [words.outcome_event(parent, outcome)], program, told


def _own_arguments(suffix: str) -> list[Any]:
    return [
        [words.EVENT_ARGUMENT + suffix, "dataTemplate", event_delivery.ENVELOPE],
        [words.PAYLOAD_ARGUMENT + suffix, "dataTemplate", event_delivery.PAYLOAD],
    ]


def _foreign_arguments(name: str, suffix: str) -> list[Any]:
    said = f'dict "name" {go_string(name)} "id" .Input.id "timestamp" .Input.time'
    return [
        [words.EVENT_ARGUMENT + suffix, "contextTemplate", f"{{{{ {said} | toRawJson | b64enc }}}}"],
        [words.PAYLOAD_ARGUMENT + suffix, "dataTemplate", '{{ omit .Input "passes" | toRawJson | b64enc }}'],
    ]


def _success_arguments(item: FinishDependency, parent: str) -> list[Any]:
    """Metaflow's event of a success and ours give the same bytes."""
    run = ".Input.body.payload.run_id"
    payload = {"flow": go_string(item.flow), "outcome": '"success"', "run_id": run}
    if item.project:
        payload |= {"project": go_string(item.project), "branch": go_string(item.branch or "")}
    fields = " ".join(f'"{name}" {value}' for name, value in sorted(payload.items()))
    event = go_string(words.outcome_event(parent, "success"))
    envelope = f'dict "id" (printf "%s/%s" {run} "success") "name" {event}'
    return [
        [words.EVENT_ARGUMENT, "dataTemplate", f"{{{{ {envelope} | toRawJson | b64enc }}}}"],
        [words.PAYLOAD_ARGUMENT, "dataTemplate", f"{{{{ dict {fields} | toRawJson | b64enc }}}}"],
    ]


def _set(
    flow: Flow,
    trigger: Trigger,
    needs: dict[int, tuple[str, ...]],
    where: tuple[Options, Trust],
    delivery: tuple[Any, ...],
) -> str:
    options, believed = where
    deployed = names.own_name(flow)
    keys: list[Any] = [(0, "dataTemplate", f"{names.workflow_prefix(deployed)}-{SET_OPENING}")]
    members = []
    for place, item in enumerate(trigger.dependencies):
        fields = needs[id(item)]
        source, event = options.event_source, options.event
        known: list[str] | None
        if isinstance(item, EventDependency):
            program, foreign = event_delivery.event_transform(item), bool(item.origin)
            scope = f"event {deployed} {item.name}"
            own: list[tuple[str, ...]] = [("id", scope), ("transport", scope)]
            known, arguments = [item.name], _own_arguments(f"-{place}")
            if foreign:
                source, event = origin(item)
                known, own, arguments = None, [("only transport", scope)], _foreign_arguments(item.name, f"-{place}")
            told = _conditions(fields=fields, program=program, foreign=foreign)
        elif not isinstance(item, FinishDependency):
            assert_never(item)
        else:
            parent = names.template_name(item.flow, item.project, item.branch)
            program = event_delivery.outcome_transform(item)
            known = sorted(words.outcome_event(parent, outcome) for outcome in item.match)
            own = [("run", f"outcome {deployed} {parent}", words.outcome_event(parent, ""))]
            arguments = _own_arguments(f"-{place}")
            source, event, posted = _place(item, options, believed)
            told = _conditions(*posted, "has a run", fields=fields, program=program)
        keys += [(place, _SET_NAME, "append", *key) for key in own]
        members.append(((source, event, known, program, told), arguments))
    keys.append((0, _SET_NAME, "append", "value", SET_CLOSING))
    resets = [(options.reset_cron, options.reset_timezone)] if options.reset_cron else []
    return _text("a set starts", *delivery, resets, keys, members)
