"""Read back: what finished objects mean, held against what the flow means.

In:   a flow's objects by file name (as they will be written, or as they were read), the flow, the settings.
Out:  texts: each thing that the one says and the other does not.

Not here: what is the same in every object (`schemas/argo`), whether Argo takes it (`checks`), the objects that flows
share (`read_shared`).
The flow's side is worked out from the model and the settings alone, not from `lower`'s resources. An event reaches a
flow by `Way`s; ways of one trigger may be spread over triggers of a Sensor, so they are compared one by one, and sets
of events as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, PayloadField, Trigger
from ....model.settings import Settings
from ..compile import event_delivery, names, shared
from ..compile.escape import go_string
from ..compile.options import Options, origin, read_options
from .sensor_programs import SET_CLOSING, SET_OPENING, exact_name, script_conditions, set_key, start_key

Told = set[str]

_DESTINATION = re.compile(r"spec\.arguments\.parameters\.([0-9]+)\.value")
_SET_NAME = "k8s.parameters.0.src.dataTemplate"


def differences(objects: dict[str, Any], flow: Flow, settings: Settings) -> Iterator[str]:
    """What the objects say and the flow does not mean, and the other way round. `objects`: file name -> object."""
    try:
        yield from _differences(objects, flow, settings)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"the objects cannot be read back: {error!r}"


def _differences(objects: dict[str, Any], flow: Flow, settings: Settings) -> Iterator[str]:
    by_kind: dict[str, list[Any]] = {}
    for item in objects.values():
        by_kind.setdefault(item["kind"], []).append(item)
    deployed = names.own_name(flow)
    said: Told = set()
    for sensor in by_kind.get("Sensor", []):
        said |= _sensor(sensor)
    meant = _flow(flow, settings)
    yield from (f"says what the flow does not mean: {item}" for item in sorted(said - meant))
    yield from (f"lacks what the flow means: {item}" for item in sorted(meant - said))
    yield from _sensors(by_kind.get("Sensor", []), deployed, settings)
    for sensor in by_kind.get("Sensor", []):
        yield from _made(sensor, flow, deployed, settings)
    yield from _schedule(by_kind.get("CronWorkflow", []), flow, deployed, settings)
    for template in by_kind.get("WorkflowTemplate", []):
        yield from _template(template, by_kind.get("Sensor", []), flow, deployed, settings)
    for listing in by_kind.get("Kustomization", []):
        files = [name for name, item in objects.items() if item is not listing]
        if sorted(listing["resources"]) != sorted(files):
            yield f"lists {listing['resources']}, not {files}"


def _equal(where: str, said: Any, meant: Any) -> Iterator[str]:
    if said != meant:
        yield f"{where} is {said!r}, where the flow means {meant!r}"


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


def _flow(flow: Flow, settings: Settings) -> Told:
    out: Told = set()
    for trigger in flow.triggers:
        options = read_options(trigger, settings)
        place = (options.event_bus, options.namespace)
        delivery = (*place, options.steps, (options.rate_limit, "Second") if options.rate_limit else None)
        needs = {id(item): event_delivery.required_fields(flow, trigger, item) for item in trigger.dependencies}
        for item in trigger.dependencies:
            fields = needs[id(item)]
            out |= {_text("tells of a missing field", *place, way) for way in _refused(item, fields, options)}
        if trigger.join == "all" and len(trigger.dependencies) > 1:
            out.add(_set(flow, trigger, needs, options, delivery))
            continue
        for item in trigger.dependencies:
            out |= {_text("starts", *delivery, *start) for start in _starts(flow, item, needs[id(item)], options)}
    return out


def _conditions(
    *conditions: str, fields: tuple[str, ...] = (), program: str | None, foreign: bool = False
) -> list[str]:
    kinds = [*(["filtered"] if program else []), *(["foreign"] if foreign else [])]
    return sorted([*kinds, *conditions, *(f"has `{path}`" for path in fields)])


def _starts(flow: Flow, item: Dependency, fields: tuple[str, ...], options: Options) -> Iterator[tuple[Any, ...]]:
    """(way, start key, arguments) of each way in which an event of the dependency is a start of its own."""
    deployed = names.own_name(flow)
    prefix = names.workflow_prefix(deployed)
    source = (options.event_source, options.event)
    if isinstance(item, EventDependency):
        program = event_delivery.event_transform(item)
        scope = f"event {deployed} {item.name}"
        if item.origin:
            told = _conditions(fields=fields, program=program, foreign=True)
            yield (*origin(item), None, program, told), (prefix, scope, "transport"), _foreign_arguments(item, "")
            return
        for condition, kind in (("has an id", "id"), ("has no id", "transport")):
            told = _conditions(condition, fields=fields, program=program)
            yield (*source, [item.name], program, told), (prefix, scope, kind), _own_arguments("")
        return
    parent = names.template_name(item.flow, item.project, item.branch)
    scope = f"outcome {deployed} {parent}"
    for outcome in item.match:
        program = event_delivery.outcome_transform(item)
        told = _conditions("has a run", fields=fields, program=program)
        key = (prefix, scope, f"run/{outcome}")
        arguments = _success_arguments(item, parent) if outcome == "success" else _own_arguments("")
        yield (*source, [names.outcome_event(parent, outcome)], program, told), key, arguments
        if outcome == "success" and set(fields) <= _known_fields(item):
            program = event_delivery.end_transform(item)
            told = _conditions("has a run", "is Metaflow's own", program=program)
            event = names.end_event(item.flow, item.project, item.branch)
            yield (*source, [event], program, told), key, arguments


def _refused(item: Dependency, fields: tuple[str, ...], options: Options) -> Iterator[tuple[Any, ...]]:
    """Ways of events that lack a field which the flow requires."""
    lacks = f"lacks one of {' '.join(sorted(f'`{path}`' for path in fields))}"
    if isinstance(item, EventDependency):
        if fields:
            program, foreign = event_delivery.event_transform(item), bool(item.origin)
            source, event = origin(item) if foreign else (options.event_source, options.event)
            told = _conditions(lacks, program=program, foreign=foreign)
            yield source, event, None if foreign else [item.name], program, told
        return
    if set(fields) <= _known_fields(item):
        return
    parent = names.template_name(item.flow, item.project, item.branch)
    program = event_delivery.outcome_transform(item)
    for outcome in item.match:
        told = _conditions(lacks, program=program)
        yield options.event_source, options.event, [names.outcome_event(parent, outcome)], program, told


def _known_fields(item: FinishDependency) -> set[str]:
    return {"flow", "run_id", "outcome", *(["project", "branch"] if item.project else [])}


def _own_arguments(suffix: str) -> list[Any]:
    return [
        [f"metaflow-triggers-event{suffix}", "dataTemplate", event_delivery.ENVELOPE],
        [f"metaflow-triggers-payload{suffix}", "dataTemplate", event_delivery.PAYLOAD],
    ]


def _foreign_arguments(item: EventDependency, suffix: str) -> list[Any]:
    said = f'dict "name" {go_string(item.name)} "id" .Input.id "timestamp" .Input.time'
    return [
        [f"metaflow-triggers-event{suffix}", "contextTemplate", f"{{{{ {said} | toRawJson | b64enc }}}}"],
        [f"metaflow-triggers-payload{suffix}", "dataTemplate", '{{ omit .Input "passes" | toRawJson | b64enc }}'],
    ]


def _success_arguments(item: FinishDependency, parent: str) -> list[Any]:
    """Metaflow's event of a success and ours give the same bytes."""
    run = ".Input.body.payload.run_id"
    payload = {"flow": go_string(item.flow), "outcome": '"success"', "run_id": run}
    if item.project:
        payload |= {"project": go_string(item.project), "branch": go_string(item.branch or "")}
    fields = " ".join(f'"{name}" {value}' for name, value in sorted(payload.items()))
    event = go_string(names.outcome_event(parent, "success"))
    envelope = f'dict "id" (printf "%s/%s" {run} "success") "name" {event}'
    return [
        ["metaflow-triggers-event", "dataTemplate", f"{{{{ {envelope} | toRawJson | b64enc }}}}"],
        ["metaflow-triggers-payload", "dataTemplate", f"{{{{ dict {fields} | toRawJson | b64enc }}}}"],
    ]


def _set(
    flow: Flow, trigger: Trigger, needs: dict[int, tuple[str, ...]], options: Options, delivery: tuple[Any, ...]
) -> str:
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
                known, own, arguments = None, [("only transport", scope)], _foreign_arguments(item, f"-{place}")
            told = _conditions(fields=fields, program=program, foreign=foreign)
        else:
            parent = names.template_name(item.flow, item.project, item.branch)
            program = event_delivery.outcome_transform(item)
            known = sorted(names.outcome_event(parent, outcome) for outcome in item.match)
            own = [("run", f"outcome {deployed} {parent}", names.outcome_event(parent, ""))]
            arguments = _own_arguments(f"-{place}")
            told = _conditions("has a run", fields=fields, program=program)
        keys += [(place, _SET_NAME, "append", *key) for key in own]
        members.append(((source, event, known, program, told), arguments))
    keys.append((0, _SET_NAME, "append", "value", SET_CLOSING))
    resets = [(options.reset_cron, options.reset_timezone)] if options.reset_cron else []
    return _text("a set starts", *delivery, resets, keys, members)


# the objects around ------------------------------------------------------------------------------------------------


def _sensors(sensors: list[Any], deployed: str, settings: Settings) -> Iterator[str]:
    for place, sensor in enumerate(sensors):
        metadata, spec = sensor["metadata"], sensor["spec"]
        name = names.sensor_name(deployed)
        if place:
            name = names.further_sensor_name(deployed, spec["eventBusName"], metadata["namespace"])
        yield from _equal("the Sensor's name", metadata["name"], name)
        yield from _equal("the Sensor's flow", metadata["labels"].get("metaflow-triggers/deployed-name"), deployed)
        account = settings.argo_sensor_service_account or "metaflow-triggers-sensor"
        yield from _equal("the Sensor's account", spec["template"]["serviceAccountName"], account)


def _document(flow: Flow) -> dict[str, Any]:
    """What a run is told about its dependencies (architecture, "What travels into a run")."""
    out = []
    for trigger in flow.triggers:
        for item in trigger.dependencies:
            mappings = [
                {"parameter": mapping.parameter, "field": mapping.source.path}
                if isinstance(mapping.source, PayloadField)
                else {"parameter": mapping.parameter, "constant_json": mapping.source.json}
                for mapping in item.mappings
            ]
            told: dict[str, Any] = {"auto_map": trigger.auto_map, "mappings": mappings}
            if isinstance(item, EventDependency):
                told |= {"kind": "event", "name": item.name}
            else:
                name = names.template_name(item.flow, item.project, item.branch)
                told |= {"kind": "finish", "name": name, "flow": item.flow, "match": list(item.match)}
                told |= {"project": item.project, "branch": item.branch}
            out.append(told)
    return {"version": 1, "dependencies": out}


def _made(sensor: Any, flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    """The Workflow that a start makes."""
    document = _document(flow)
    for trigger in sensor["spec"]["triggers"]:
        template = trigger["template"]
        if "k8s" not in template:
            continue
        where = f"the Workflow of `{template['name']}`"
        resource = template["k8s"]["source"]["resource"]
        metadata = resource["metadata"]
        yield from _equal(f"{where}: its template", resource["spec"]["workflowTemplateRef"]["name"], deployed)
        yield from _equal(f"{where}: its namespace", metadata["namespace"], settings.kubernetes_namespace)
        labels = {"metaflow-triggers/started-by": "event", "metaflow-triggers/deployed-name": deployed}
        yield from _equal(f"{where}: its labels", metadata["labels"], labels)
        told = json.loads(metadata["annotations"]["metaflow-triggers/dependencies"])
        yield from _equal(f"{where}: its document", told, document)
        lost = trigger.get("dlqTrigger", {}).get("template", {}).get("name")
        yield from _equal(f"{where}: what tells of a loss", lost, f"{template['name']}-lost")


def _schedule(found: list[Any], flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    yield from _equal("the number of schedules", len(found), 0 if flow.schedule is None else 1)
    if flow.schedule is None:
        return
    from ....language.cron import to_five_fields

    for item in found:
        spec, metadata = item["spec"], item["metadata"]
        yield from _equal("the schedule's cron", spec["schedules"], [to_five_fields(flow.schedule.cron)])
        yield from _equal("the schedule's time zone", spec["timezone"], flow.schedule.timezone or "UTC")
        yield from _equal("the schedule's template", spec["workflowSpec"]["workflowTemplateRef"]["name"], deployed)
        place = (metadata["name"], metadata["namespace"], metadata["labels"].get("metaflow-triggers/deployed-name"))
        yield from _equal("the schedule's place", place, (deployed, settings.kubernetes_namespace, deployed))


def _template(item: Any, sensors: list[Any], flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    """What we add to upstream's template."""
    metadata, spec = item["metadata"], item["spec"]
    place = (metadata["name"], metadata["labels"].get("metaflow-triggers/deployed-name"))
    yield from _equal("the template's name", place, (deployed, deployed))
    for sensor, key in ((item, f"metaflow/sensor_{key}") for item in sensors[:1] for key in ("name", "namespace")):
        told = metadata["annotations"].get(key)
        yield from _equal(f"the template's {key}", told, sensor["metadata"][key.rpartition("_")[2]])
    taken = {argument["name"]: argument for argument in spec["arguments"]["parameters"]}
    for sensor in sensors:
        for trigger in sensor["spec"]["triggers"]:
            resource = trigger["template"].get("k8s", {}).get("source", {}).get("resource")
            given = resource["spec"]["arguments"]["parameters"] if resource else []
            for argument in given:
                if taken.get(argument["name"]) != {"name": argument["name"], "value": ""}:
                    yield f"the template takes no argument `{argument['name']}`, or gives it a value of its own"
    yield from _equal("the template's exit handler", spec.get("onExit"), "metaflow-triggers-exit")
    templates = {template["name"]: template for template in spec["templates"]}
    steps = [step for group in templates["metaflow-triggers-exit"]["steps"] for step in group]
    # A lost outcome must not turn a succeeded run into a failed one.
    step = {"name": "outcome", "template": "metaflow-triggers-outcome"}
    if step | {"continueOn": {"error": True, "failed": True}} not in steps:
        yield "the exit handler does not tell the outcome, or fails with it"
    outcome = templates["metaflow-triggers-outcome"]["container"]
    told = json.loads(_environment(outcome)["METAFLOW_TRIGGERS_OUTCOME"]["value"])
    meant = {"flow": flow.name, "project": flow.project, "branch": flow.branch, "template": deployed}
    yield from _equal("the outcome", told, meant)
    small = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    yield from _equal("what the outcome takes", outcome.get("resources"), small)
    for name, template in templates.items():
        if "container" in template:
            yield from _container(name, template["container"], deployed, settings)


def _environment(container: Any) -> dict[str, Any]:
    return {entry["name"]: entry for entry in container.get("env", [])}


def _container(name: str, container: Any, deployed: str, settings: Settings) -> Iterator[str]:
    """How a run's tasks publish, and that no text of an event gets into a command."""
    environment = _environment(container)
    url = environment.get("METAFLOW_TRIGGERS_WEBHOOK_URL", {}).get("value")
    yield from _equal(f"`{name}`: where it publishes", url, shared.webhook_url(settings))
    secret = environment.get("METAFLOW_TRIGGERS_WEBHOOK_TOKEN", {}).get("valueFrom", {}).get("secretKeyRef", {})
    # Optional, so that tasks run also where nobody has made the secret.
    expected = {"name": settings.argo_webhook_secret, "key": "token", "optional": True}
    yield from _equal(f"`{name}`: its secret", secret, expected)
    if name != "metaflow-triggers-outcome":
        token = environment.get("METAFLOW_PRODUCTION_TOKEN", {}).get("valueFrom", {}).get("secretKeyRef", {})
        yield from _equal(f"`{name}`: its production token", token.get("name"), names.token_secret(deployed))
    command = " ".join(container.get("command", []))
    for tag in re.findall(r"\{\{.*?\}\}", command):
        if "workflow.parameters" in tag and not tag.startswith("{{=toBase64("):
            yield f"`{name}` puts an argument into its command: {tag}"
    if " init --run-id " in command and "triggers.plugins.launcher argo-workflows " not in command:
        yield f"`{name}` does not hand a run its event"
