"""Starts: how one event reaches a flow, and what it writes into the Workflow that it makes.

In:   a flow, one of its dependencies, the options of its trigger.
Out:  dependencies of a Sensor with the `Write`s of each; dependencies whose events are refused.

Not here: sets of events (`argo.sets`), which trigger of the Sensor holds what (`argo.lower`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from metaflow_extensions.triggers.contract import words

from ....model import facts
from ....model.flows import Dependency, EventDependency, Filter, FinishDependency, Flow, Trigger
from ....model.names import word
from . import names
from .alike import Alike
from .escape import go_regexp, go_string, jq_string, lua_string
from .options import Options, origin
from .patterns import PASSES, alternative, jq_alternatives, jq_program
from .resources import SensorDependency, Write
from .trust import Trust, outcome_place

ARGUMENTS = (words.EVENT_ARGUMENT, words.PAYLOAD_ARGUMENT)

ENVELOPE = '{{ omit .Input.body "payload" "payload_base64" | toRawJson | b64enc }}'
"""The webhook body without its payload, so that a payload of 240 KiB travels once."""

PAYLOAD = (
    '{{ if kindIs "string" .Input.body.payload_base64 }}{{ .Input.body.payload_base64 | b64dec | b64enc }}'
    "{{ else }}{{ .Input.body.payload | default dict | toRawJson | b64enc }}{{ end }}"
)
"""`payload_base64` is the exact text that our publisher serialised: templates read numbers as 64-bit floats.
Decoding and encoding again keeps any foreign text out of the argument."""

TOLD = '{{ pick .Input.body "name" "id" "timestamp" | toRawJson }}'
"""What is told of an event when its start is given up: small, and nothing of the payload."""

FOREIGN_PAYLOAD = f'{{{{ omit .Input "{PASSES}" | toRawJson | b64enc }}}}'
"""Of an event with an `origin`: all of its data."""

Found = list[tuple[SensorDependency, tuple[Write, ...]]]


def required_fields(flow: Flow, trigger: Trigger, dependency: Dependency) -> tuple[str, ...]:
    """Payload fields without which the event must not start the flow, sorted."""
    return tuple(sorted({path for _, path in facts.required_fields(flow, trigger, dependency)}))


# filters -----------------------------------------------------------------------------------------------------------

_OWN_KEYS = (
    "local payload = {}",
    'if type(body.payload) == "table" then payload = body.payload end',
    'if type(body.keys) == "table" then',
    "  local own = {}",
    "  for _, key in ipairs(body.keys) do own[key] = payload[key] end",
    "  payload = own",
    "end",
)
"""What our publisher added to the payload for Sensors that upstream deployed is not the user's."""

_AT = (
    "local function at(value, keys, first)",
    "  if first > #keys then return value end",
    '  if type(value) ~= "table" then return nil end',
    "  for last = #keys, first, -1 do",
    '    local found = at(value[table.concat(keys, ".", first, last)], keys, last + 1)',
    "    if found ~= nil then return found end",
    "  end",
    "  return nil",
    "end",
)


def script(*conditions: str, filtered: bool = False, foreign: bool = False) -> str:
    """Lua that is true when all conditions hold, and the filter where there is one.

    A null is absent in these tables. `body`, `payload` and `at` are the names that conditions use; the body of our
    webhook is an object. The payload of a `foreign` event is all of its data.
    """
    text = " and ".join(conditions)
    lines = []
    if filtered:
        lines.append(f"if event.{PASSES} ~= true then return false end")
    if foreign:
        lines.append("local payload = event")
    else:
        lines += ["local body = event.body", 'if type(body) ~= "table" then return false end']
        if "payload" in text or "at(" in text:
            lines += _OWN_KEYS
    if "at(" in text:
        lines += _AT
    return "\n".join([*lines, f"return {text or 'true'}"]) + "\n"


def given(path: str) -> str:
    """A condition: the field is there and not null. A key that itself contains dots is tried first."""
    keys = [lua_string(key) for key in path.split(".")]
    if len(keys) == 1:
        return f"payload[{keys[0]}] ~= nil"
    return f"at(payload, {{{', '.join(keys)}}}, 1) ~= nil"


def _missing(fields: tuple[str, ...]) -> str:
    return f"not ({' and '.join(given(path) for path in fields)})"


_BODY = '(if (.body | type) == "object" then .body else {} end)'
_EVENT_PAYLOAD = (
    f'{_BODY} as $body | (if ($body.payload | type) == "object" then $body.payload else {{}} end)'
    ' | if ($body.keys | type) == "array"'
    " then with_entries(select(.key as $key | any($body.keys[]; . == $key))) else . end"
)


def event_transform(dependency: EventDependency) -> str | None:
    """The filter over the user's payload."""
    if dependency.filter is None:
        return None
    return jq_program(dependency.filter, "." if dependency.origin else _EVENT_PAYLOAD)


def group_transform(filters: Sequence[Filter | None], foreign: bool) -> str:
    """Several filters over one event's payload."""
    return jq_alternatives(filters, "." if foreign else _EVENT_PAYLOAD)


def outcome_transform(dependency: FinishDependency) -> str | None:
    """The filter over the payload of an outcome of ours."""
    return None if dependency.filter is None else jq_program(dependency.filter, _EVENT_PAYLOAD)


def end_transform(dependency: FinishDependency) -> str | None:
    """The filter over what upstream's own event of a success says in our words."""
    if dependency.filter is None:
        return None
    fields = {
        "flow": jq_string(dependency.flow),
        "run_id": f'({_BODY} | .payload | if type == "object" then .run_id else null end)',
        "outcome": jq_string("success"),
    }
    if dependency.project:
        fields["project"] = jq_string(dependency.project)
        fields["branch"] = jq_string(dependency.branch or "")
    text = ", ".join(f"{jq_string(name)}: {value}" for name, value in fields.items())
    return jq_program(dependency.filter, f"{{{text}}}")


# events ------------------------------------------------------------------------------------------------------------

IDENTIFIED = '(type(body.id) == "string" and body.id ~= "")'
POSTED = (
    'type(event.header) == "table" and event.header["Ce-Specversion"] == nil'
    ' and type(event.header["Content-Type"]) == "table" and event.header["Content-Type"][1] == "application/json"'
)
"""Later versions of Argo Events than 1.9.11 take source and subject of an event from a CloudEvent that is posted, and
with them the dependency that it belongs to: who may post anywhere could say that it came from another event source."""
HAS_RUN = 'type(payload.run_id) == "string" and payload.run_id ~= ""'


def event_scope(flow: Flow, name: str) -> str:
    """What the id of an event of this name is joined with to make the start key, as a Go string."""
    return go_string(f"event {names.own_name(flow)} {name}")


def event(flow: Flow, dependency: EventDependency, fields: tuple[str, ...], options: Options, beside: Alike) -> Found:
    """Two dependencies: the start key is the event's id where it has one, else the transport's.

    An event with an `origin` has no id but the transport's. Of several dependencies that one event matches each makes
    the same Workflow; its run finds out which of them counts.
    """
    pattern = go_regexp(dependency.name)
    conditions = [given(path) for path in fields]
    prefix = names.workflow_prefix(names.own_name(flow))
    scope = event_scope(flow, beside.name)
    transform = event_transform(dependency)
    if dependency.origin:
        name = word(dependency.name, "event", "origin", *beside.parts)
        source, subject = origin(dependency)
        item = SensorDependency(
            name, source, subject, (), transform, script(*conditions, filtered=bool(transform), foreign=True)
        )
        key = f'{{{{ printf "%s %s" {scope} .Input.id | sha256sum | trunc 40 }}}}'
        return [
            (item, _writes(_named(name, f"{prefix}-{key}", True), foreign_envelope(beside.name), FOREIGN_PAYLOAD, True))
        ]
    found: Found = []
    for kind, condition, place in (
        ("id", IDENTIFIED, ".Input.body.id"),
        ("transport", f"not {IDENTIFIED}", ".Input.id"),
    ):
        name = word(dependency.name, "event", kind, *beside.parts)
        key = f'{{{{ printf "%s %s" {scope} {place} | sha256sum | trunc 40 }}}}'
        item = SensorDependency(
            name,
            options.event_source,
            options.event,
            (pattern,),
            transform,
            script(condition, *conditions, filtered=bool(transform)),
        )
        found.append((item, _writes(_named(name, f"{prefix}-{key}", kind == "transport"), ENVELOPE, PAYLOAD)))
    return found


def foreign_envelope(name: str) -> str:
    """Of an event with an `origin`: what our publisher would have written around the payload."""
    said = f'dict "name" {go_string(name)} "id" .Input.id "timestamp" .Input.time'
    return f"{{{{ {said} | toRawJson | b64enc }}}}"


def _writes(key: Write, envelope: str, payload: str, foreign: bool = False) -> tuple[Write, ...]:
    return (key, *arguments(key.dependency, envelope, foreign, payload, 0))


def _named(dependency: str, template: str, from_context: bool = False) -> Write:
    return Write(dependency, "contextTemplate" if from_context else "dataTemplate", template, "metadata.name")


def arguments(name: str, envelope: str, from_context: bool, payload: str, place: int) -> tuple[Write, Write]:
    """The two arguments of the event at `place`."""
    path = "spec.arguments.parameters.{}.value"
    return (
        Write(name, "contextTemplate" if from_context else "dataTemplate", envelope, path.format(2 * place)),
        Write(name, "dataTemplate", payload, path.format(2 * place + 1)),
    )


def record(writes: Sequence[Write]) -> tuple[tuple[str, ...], tuple[Write, ...]]:
    """(fields, what is written) of the object that tells of a start that was given up: the Workflow's name, its events.

    `writes` are those of the start.
    """
    found: list[Write] = []
    for write in writes:
        place = _ENVELOPE_PLACE.fullmatch(write.destination)
        if place is None:
            found += [write] if write.destination == "metadata.name" else []
        elif int(place[1]) % 2 == 0:
            text = TOLD if write.text == ENVELOPE else write.text.replace(" | b64enc }}", " }}")
            found.append(Write(write.dependency, write.source, text, f"data.event-{int(place[1]) // 2}"))
    fields = {write.destination.removeprefix("data."): None for write in found if write.destination != "metadata.name"}
    return tuple(fields), tuple(found)


_ENVELOPE_PLACE = re.compile(r"spec\.arguments\.parameters\.([0-9]+)\.value")


def refused_event(beside: Alike, fields: Sequence[tuple[str, ...]], options: Options) -> list[SensorDependency]:
    """Events that lack a required field of each dependency that they match. `fields` of each of the group."""
    events = [item for item in beside.group if isinstance(item, EventDependency)]
    first = events[0]
    if not all(fields) and any(item.filter is None and not need for item, need in zip(events, fields, strict=True)):
        return []  # one of them takes every event
    if not any(fields):
        return []
    name = word(first.name, "event", "refused", *beside.parts)
    foreign = bool(first.origin)
    source, subject = origin(first) if foreign else (options.event_source, options.event)
    patterns = () if foreign else (go_regexp(first.name),)
    if len(events) == 1:
        transform = event_transform(first)
        text = script(_missing(fields[0]), filtered=bool(transform), foreign=foreign)
        return [SensorDependency(name, source, subject, patterns, transform, text)]
    transform = group_transform([item.filter for item in events], foreign)
    able = [
        " and ".join([f"event.{alternative(place)} == true", *(given(path) for path in need)])
        for place, need in enumerate(fields)
    ]
    text = script(f"not ({' or '.join(f'({item})' for item in able)})", filtered=True, foreign=foreign)
    return [SensorDependency(name, source, subject, patterns, transform, text)]


# outcomes ----------------------------------------------------------------------------------------------------------


def parent_name(dependency: FinishDependency) -> str:
    """The deployed name of the flow that is waited for."""
    return names.template_name(dependency.flow, dependency.project, dependency.branch)


def finish_scope(flow: Flow, parent: str) -> str:
    """What run and outcome are joined with to make the start key, as a Go string."""
    return go_string(f"outcome {names.own_name(flow)} {parent}")


def finish(  # noqa: PLR0917 - as `event`, and who is believed
    flow: Flow, dependency: FinishDependency, fields: tuple[str, ...], options: Options, beside: Alike, believed: Trust
) -> Found:
    """One dependency per outcome, and for the success of a parent that need not prove itself one more for the event
    that upstream itself publishes.

    Both events of one success lead to the same Workflow name and to the same bytes in it, so that the
    second is a patch which changes nothing.
    """
    parent = parent_name(dependency)
    source, subject, proven = outcome_place(dependency, options, believed)
    found: Found = []
    for outcome in dependency.match:
        name = word(dependency.flow, "finish", parent, outcome, *beside.parts, *proof(proven))
        transform = outcome_transform(dependency)
        conditions = outcome_conditions(fields, proven)
        text = script(*conditions, filtered=bool(transform))
        pattern = go_regexp(words.outcome_event(parent, outcome))
        item = SensorDependency(name, source, subject, (pattern,), transform, text)
        found.append((item, _finish_writes(flow, dependency, parent, outcome, name)))
        if not proven and outcome == "success" and not set(fields) - set(_success_payload(dependency)):
            name = word(dependency.flow, "finish", parent, "end", *beside.parts)
            transform = end_transform(dependency)
            # Upstream writes its own fields as text; users' events of that name lack this one.
            text = script(
                HAS_RUN,
                'tostring(payload["auto-generated-by-metaflow"]):lower() == "true"',
                filtered=bool(transform),
            )
            pattern = go_regexp(names.end_event(dependency.flow, dependency.project, dependency.branch))
            item = SensorDependency(name, source, subject, (pattern,), transform, text)
            found.append((item, _finish_writes(flow, dependency, parent, outcome, name)))
    return found


def proof(proven: bool) -> tuple[str, ...]:
    """What the name of a dependency has of it: one that listens elsewhere must have another name on the bus."""
    return ("proven",) if proven else ()


def outcome_conditions(fields: tuple[str, ...], proven: bool) -> tuple[str, ...]:
    """What an outcome must have."""
    return (*((POSTED,) if proven else ()), HAS_RUN, *(given(path) for path in fields))


def refused_finish(
    dependency: FinishDependency, fields: tuple[str, ...], options: Options, beside: Alike, believed: Trust
) -> list[SensorDependency]:
    """Outcomes that lack a required field."""
    if not set(fields) - set(_success_payload(dependency)):
        return []
    parent = parent_name(dependency)
    source, subject, proven = outcome_place(dependency, options, believed)
    transform = outcome_transform(dependency)
    return [
        SensorDependency(
            word(dependency.flow, "finish", parent, outcome, "refused", *beside.parts, *proof(proven)),
            source,
            subject,
            (go_regexp(words.outcome_event(parent, outcome)),),
            transform,
            script(*((POSTED,) if proven else ()), _missing(fields), filtered=bool(transform)),
        )
        for outcome in dependency.match
    ]


def _success_payload(dependency: FinishDependency) -> dict[str, str]:
    """The fields that every outcome has, with the values of a success, as Go template expressions."""
    fields = {
        "flow": go_string(dependency.flow),
        "run_id": ".Input.body.payload.run_id",
        "outcome": go_string("success"),
    }
    if dependency.project:
        fields["project"] = go_string(dependency.project)
        fields["branch"] = go_string(dependency.branch or "")
    return fields


def _finish_writes(flow: Flow, dependency: FinishDependency, parent: str, outcome: str, name: str) -> tuple[Write, ...]:
    run = ".Input.body.payload.run_id"
    key = f'(printf "%s/%s" {run} {go_string(outcome)})'
    prefix = names.workflow_prefix(names.own_name(flow))
    template = f'{prefix}-{{{{ printf "%s %s" {finish_scope(flow, parent)} {key} | sha256sum | trunc 40 }}}}'
    if outcome != "success":
        return _writes(_named(name, template), ENVELOPE, PAYLOAD)
    event = words.outcome_event(parent, outcome)
    payload = " ".join(f"{go_string(field)} {value}" for field, value in sorted(_success_payload(dependency).items()))
    envelope = f'{{{{ dict "id" {key} "name" {go_string(event)} | toRawJson | b64enc }}}}'
    return _writes(_named(name, template), envelope, f"{{{{ dict {payload} | toRawJson | b64enc }}}}")
