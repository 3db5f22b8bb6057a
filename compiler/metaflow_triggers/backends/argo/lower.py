"""Lower: a flow's triggers as the decisions behind one Sensor.

In:   a flow and the settings.
Out:  `resources.Sensor`, or None for a flow that nothing starts.

Not here: keys of objects, refusing (whoever calls has asked `argo.refusals`).

What Argo Events does with these values is in its sources, release 1.9.11:
filters in pkg/sensors/dependencies/filter.go, parameters in pkg/sensors/triggers/params.go,
`operation: patch` (get, else create) in pkg/sensors/triggers/standard-k8s/standard-k8s.go.
"""

from __future__ import annotations

from ...model import (
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    Parameter,
    PayloadField,
    Trigger,
)
from ...names import word
from ...settings import Settings
from . import names
from .document import trigger_document
from .escape import go_regexp, go_string, inert_json, lua_string
from .resources import Sensor, SensorDependency, Start

SENSOR_ACCOUNT = "metaflow-triggers-sensor"

_ENVELOPE = '{{ omit .Input.body "payload" "payload_base64" | toRawJson | b64enc }}'
"""The webhook body without its payload, so that a payload of 240 KiB travels once."""

_PAYLOAD = (
    '{{ if kindIs "string" .Input.body.payload_base64 }}{{ .Input.body.payload_base64 | b64dec | b64enc }}'
    "{{ else }}{{ .Input.body.payload | default dict | toRawJson | b64enc }}{{ end }}"
)
"""`payload_base64` is the exact text that our publisher serialised: templates read numbers as 64-bit floats.
Decoding and encoding again keeps any foreign text out of the argument."""


def sensor(flow: Flow, settings: Settings) -> Sensor | None:
    """The Sensor of `flow`."""
    if not flow.triggers:
        return None
    deployed = names.own_name(flow)
    dependencies: dict[str, SensorDependency] = {}
    refused: dict[str, SensorDependency] = {}
    starts: dict[str, Start] = {}
    for trigger in flow.triggers:
        for dependency in trigger.dependencies:
            fields = required_fields(flow, trigger, dependency)
            if isinstance(dependency, EventDependency):
                found = _event(deployed, dependency, fields)
                discarded = _refused_event(dependency, fields)
            else:
                found = _finish(deployed, dependency, fields)
                discarded = _refused_finish(dependency, fields)
            for item, start in found:
                dependencies.setdefault(item.name, item)
                starts.setdefault(item.name, start)
            for item in discarded:
                refused.setdefault(item.name, item)
    return Sensor(
        name=names.sensor_name(deployed),
        namespace=settings.argo_sensor_namespace,
        deployed_name=deployed,
        event_bus=settings.argo_event_bus,
        event_source=settings.argo_event_source,
        event_name=settings.argo_event,
        service_account=settings.argo_sensor_service_account or SENSOR_ACCOUNT,
        workflow_namespace=settings.kubernetes_namespace,
        trigger_document=inert_json(trigger_document(flow)),
        dependencies=(*dependencies.values(), *refused.values()),
        starts=tuple(starts.values()),
        refused=tuple(refused.values()),
    )


def required_fields(flow: Flow, trigger: Trigger, dependency: Dependency) -> tuple[str, ...]:
    """Payload fields without which the event must not start the flow, sorted."""
    required = {item.name for item in flow.parameters if _needs_value(item)}
    fields = {
        mapping.source.path
        for mapping in dependency.mappings
        if isinstance(mapping.source, PayloadField) and mapping.parameter in required
    }
    if trigger.auto_map:
        fields |= required - {mapping.parameter for mapping in dependency.mappings}
    return tuple(sorted(fields))


def _needs_value(parameter: Parameter) -> bool:
    return parameter.required and not parameter.has_default and not parameter.is_config


def _script(*conditions: str) -> str:
    """Lua that is true when the body is an object and all conditions hold.

    A null is absent in these tables. `body`, `payload` and `at` are the names that conditions use.
    """
    text = " and ".join(conditions)
    lines = ["local body = event.body", 'if type(body) ~= "table" then return false end']
    if "payload" in text or "at(" in text:
        lines.append('local payload = type(body.payload) == "table" and body.payload or {}')
    if "at(" in text:
        lines += [
            "local function at(value, keys, first)",
            "  if first > #keys then return value end",
            '  if type(value) ~= "table" then return nil end',
            "  for last = #keys, first, -1 do",
            '    local found = at(value[table.concat(keys, ".", first, last)], keys, last + 1)',
            "    if found ~= nil then return found end",
            "  end",
            "  return nil",
            "end",
        ]
    return "\n".join([*lines, f"return {text}"]) + "\n"


def _given(path: str) -> str:
    """A condition: the field is there and not null. A key that itself contains dots is tried first."""
    keys = [lua_string(key) for key in path.split(".")]
    if len(keys) == 1:
        return f"payload[{keys[0]}] ~= nil"
    return f"at(payload, {{{', '.join(keys)}}}, 1) ~= nil"


_IDENTIFIED = '(type(body.id) == "string" and body.id ~= "")'
_HAS_RUN = 'type(payload.run_id) == "string" and payload.run_id ~= ""'


def _event(deployed: str, dependency: EventDependency, fields: tuple[str, ...]) -> list[tuple[SensorDependency, Start]]:
    """Two dependencies: the start key is the event's id where it has one, else the transport's."""
    pattern = go_regexp(dependency.name)
    given = [_given(path) for path in fields]
    prefix = names.workflow_prefix(deployed)
    scope = go_string(f"event {deployed} {dependency.name}")
    found = []
    for kind, condition, field in (
        ("id", _IDENTIFIED, ".Input.body.id"),
        ("transport", f"not {_IDENTIFIED}", ".Input.id"),
    ):
        name = word(dependency.name, "event", kind)
        key = f'{{{{ printf "%s %s" {scope} {field} | sha256sum | trunc 40 }}}}'
        found.append(
            (
                SensorDependency(name, pattern, _script(condition, *given)),
                Start(name, f"{prefix}-{key}", kind == "transport", _ENVELOPE, _PAYLOAD),
            )
        )
    return found


def _refused_event(dependency: EventDependency, fields: tuple[str, ...]) -> list[SensorDependency]:
    if not fields:
        return []
    name = word(dependency.name, "event", "refused")
    return [SensorDependency(name, go_regexp(dependency.name), _refusal(fields))]


def _refusal(fields: tuple[str, ...]) -> str:
    return _script(f"not ({' and '.join(_given(path) for path in fields)})")


def _finish(
    deployed: str, dependency: FinishDependency, fields: tuple[str, ...]
) -> list[tuple[SensorDependency, Start]]:
    """One dependency per outcome, and for success one more for the event that upstream itself publishes.

    Both events of one success lead to the same Workflow name and to the same bytes in it, so that the
    second is a patch which changes nothing.
    """
    parent = names.template_name(dependency.flow, dependency.project, dependency.branch)
    found = []
    for outcome in dependency.match:
        event = names.outcome_event(parent, outcome)
        name = word(dependency.flow, "finish", parent, outcome)
        given = [_given(path) for path in fields]
        item = SensorDependency(name, go_regexp(event), _script(_HAS_RUN, *given))
        found.append((item, _finish_start(deployed, dependency, parent, outcome, name)))
        if outcome == "success" and not set(fields) - set(_success_payload(dependency)):
            name = word(dependency.flow, "finish", parent, "end")
            item = SensorDependency(
                name,
                go_regexp(names.end_event(dependency.flow, dependency.project, dependency.branch)),
                # Upstream writes its own fields as text; users' events of that name lack this one.
                _script(_HAS_RUN, 'tostring(payload["auto-generated-by-metaflow"]):lower() == "true"'),
            )
            found.append((item, _finish_start(deployed, dependency, parent, outcome, name)))
    return found


def _refused_finish(dependency: FinishDependency, fields: tuple[str, ...]) -> list[SensorDependency]:
    parent = names.template_name(dependency.flow, dependency.project, dependency.branch)
    return [
        SensorDependency(
            word(dependency.flow, "finish", parent, outcome, "refused"),
            go_regexp(names.outcome_event(parent, outcome)),
            _refusal(fields),
        )
        for outcome in dependency.match
        if set(fields) - set(_success_payload(dependency))
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


def _finish_start(deployed: str, dependency: FinishDependency, parent: str, outcome: str, name: str) -> Start:
    run = ".Input.body.payload.run_id"
    key = f'(printf "%s/%s" {run} {go_string(outcome)})'
    scope = go_string(f"outcome {deployed} {parent}")
    name_template = f'{names.workflow_prefix(deployed)}-{{{{ printf "%s %s" {scope} {key} | sha256sum | trunc 40 }}}}'
    if outcome != "success":
        return Start(name, name_template, False, _ENVELOPE, _PAYLOAD)
    event = names.outcome_event(parent, outcome)
    payload = " ".join(f"{go_string(field)} {value}" for field, value in sorted(_success_payload(dependency).items()))
    return Start(
        name,
        name_template,
        False,
        f'{{{{ dict "id" {key} "name" {go_string(event)} | toRawJson | b64enc }}}}',
        f"{{{{ dict {payload} | toRawJson | b64enc }}}}",
    )
