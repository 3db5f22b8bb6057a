"""Read back: what finished objects mean, held against what the flow means.

In:   a flow's objects by file name (as they will be written, or as they were read), the flow, the settings.
Out:  texts: each thing that the one says and the other does not.

Not here: the ways in which events reach a flow (`ways`), what is the same in every object (`schemas/argo`), whether
Argo takes it (`object_checks`), the objects that flows share (`shared_read_back`).
The flow's side is worked out from the model and the settings alone, not from `lower`'s resources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract import trigger_document, words
from metaflow_extensions.triggers.plugins import webhook

from ....graph import entries
from ....model import facts, marks
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from ..compile import event_delivery, names, shared
from ..compile.options import origin
from ..compile.trust import OUTCOMES, Trust
from .ways import way_differences


def differences(objects: dict[str, Any], flow: Flow, settings: Settings, believed: Trust) -> Iterator[str]:
    """What the objects say and the flow does not mean, and the other way round. `objects`: file name -> object."""
    try:
        yield from _differences(objects, flow, settings, believed)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"the objects cannot be read back: {error!r}"


def _differences(objects: dict[str, Any], flow: Flow, settings: Settings, believed: Trust) -> Iterator[str]:
    by_kind: dict[str, list[Any]] = {}
    for item in objects.values():
        by_kind.setdefault(item["kind"], []).append(item)
    deployed = names.own_name(flow)
    yield from way_differences(by_kind.get("Sensor", []), flow, settings, believed)
    yield from _sensors(by_kind.get("Sensor", []), deployed, settings)
    for sensor in by_kind.get("Sensor", []):
        yield from _made(sensor, flow, deployed, settings)
    yield from _schedule(by_kind.get("CronWorkflow", []), flow, deployed, settings)
    for template in by_kind.get("WorkflowTemplate", []):
        yield from _template(template, by_kind.get("Sensor", []), flow, deployed, settings)
    meant = marks.mark_values(flow, settings)
    for name, item in objects.items():
        found = item.get("metadata", {}).get("labels", {}).items()
        if item["kind"] != "Kustomization":
            said = {key: value for key, value in found if key in marks.NAMES}
            yield from _equal(f"the project, branch and user of {name}", said, meant)
    for listing in by_kind.get("Kustomization", []):
        files = [name for name, item in objects.items() if item is not listing]
        if sorted(listing["resources"]) != sorted(files):
            yield f"lists {listing['resources']}, not {files}"


def _equal(where: str, said: Any, meant: Any) -> Iterator[str]:
    if said != meant:
        yield f"{where} is {said!r}, where the flow means {meant!r}"


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


def _document(flow: Flow, of: Trigger | None = None) -> dict[str, Any]:
    """What a run is told about its dependencies (architecture, "What travels into a run"); `of`: a set's trigger."""
    out: list[dict[str, Any]] = []
    set_at = None
    for trigger in flow.triggers:
        groups = [_events_of(item) for item in trigger.dependencies]
        if trigger is of and len(set(groups)) < len(groups):
            set_at = len(out)
        for item, group in zip(trigger.dependencies, groups, strict=True):
            apart: dict[str, Any] = {}
            if not facts.is_set(trigger) and groups.count(group) > 1:
                first = trigger.dependencies[groups.index(group)]
                fields = event_delivery.required_fields(flow, trigger, item)
                same_as = None
                if isinstance(item, EventDependency) and isinstance(first, EventDependency) and first.name != item.name:
                    same_as = first.name
                apart = trigger_document.telling_apart(facts.filter_text(item), fields, same_as)
            if isinstance(item, EventDependency):
                out.append(entries.event_entry(trigger, item, apart))
            elif isinstance(item, FinishDependency):
                name = names.template_name(item.flow, item.project, item.branch)
                out.append(entries.finish_entry(trigger, item, name, apart))
            else:
                assert_never(item)
    return trigger_document.document(out, set_at)


def _events_of(item: Dependency) -> Any:
    """Equal for dependencies that wait for the same events, filters aside."""
    if isinstance(item, EventDependency):
        return origin(item) if item.origin else item.name
    if isinstance(item, FinishDependency):
        return item.flow, item.project, item.branch, ""
    assert_never(item)


def _made(sensor: Any, flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    """The Workflow that a start makes."""
    sets = {"start-all-events": "event", "start-all-flows": "finish"}
    for trigger in sensor["spec"]["triggers"]:
        template = trigger["template"]
        if "k8s" not in template:
            continue
        kind = sets.get(template["name"])
        document = _document(flow, next((item for item in flow.triggers if item.kind == kind), None))
        where = f"the Workflow of `{template['name']}`"
        resource = template["k8s"]["source"]["resource"]
        metadata = resource["metadata"]
        yield from _equal(f"{where}: its template", resource["spec"]["workflowTemplateRef"]["name"], deployed)
        yield from _equal(f"{where}: its namespace", metadata["namespace"], settings.kubernetes_namespace)
        labels = {words.STARTED_BY_LABEL: "event", "metaflow-triggers/deployed-name": deployed}
        yield from _equal(f"{where}: its labels", metadata["labels"], labels)
        told = json.loads(metadata["annotations"][words.DEPENDENCIES_ANNOTATION])
        yield from _equal(f"{where}: its document", told, document)
        lost = trigger.get("dlqTrigger", {}).get("template", {}).get("name")
        yield from _equal(f"{where}: what tells of a loss", lost, f"{template['name']}-lost")
        if "log" not in trigger["dlqTrigger"]["template"]:  # in a Sensor that has no room for more
            yield from _equal(f"{where}: the object of a loss", *_told_of_a_loss(trigger, deployed, settings))


def _told_of_a_loss(trigger: Any, deployed: str, settings: Settings) -> tuple[Any, Any]:
    """(what is said, what is meant): a ConfigMap beside the Workflow that was not made, named by the same keys."""
    start, lost = trigger["template"]["k8s"], trigger["dlqTrigger"]
    resource = lost["template"]["k8s"]["source"]["resource"]
    events = len(start["source"]["resource"]["spec"]["arguments"]["parameters"]) // 2
    fields = [f"event-{place}" for place in range(events)]
    said = (
        resource["kind"],
        resource["metadata"]["namespace"],
        resource["metadata"]["labels"],
        sorted(resource["data"]),
        lost.get("parameters"),
        sorted({write["dest"] for write in lost["template"]["k8s"]["parameters"]}),
    )
    labels = {"metaflow-triggers/start": "given-up", "metaflow-triggers/deployed-name": deployed}
    meant = (
        "ConfigMap",
        settings.kubernetes_namespace,
        labels,
        sorted(fields),
        trigger.get("parameters"),
        sorted([*(f"data.{field}" for field in fields), "metadata.name"]),
    )
    return said, meant


def _schedule(found: list[Any], flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    yield from _equal("the number of schedules", len(found), 0 if flow.schedule is None else 1)
    if flow.schedule is None:
        return
    from . import schedules

    for item in found:
        spec, metadata = item["spec"], item["metadata"]
        if settings.compatibility == "upstream":  # its five fields, its controller's own time
            cron = " ".join(flow.schedule.cron.split()[:5])
            yield from _equal("the schedule's cron", spec["schedules"], [cron])
            yield from _equal("the schedule's time zone", spec["timezone"], flow.schedule.timezone or "")
            yield from _equal("what lets the schedule pass", spec.get("when"), None)
        else:
            zone = flow.schedule.timezone or "UTC"
            yield from _equal("the schedule's time zone", spec["timezone"], zone)
            said, meant = schedules.said(spec), schedules.meant(flow.schedule.cron, zone)
            yield from _equal("the schedule", said, meant)
        yield from _equal("the schedule's template", spec["workflowSpec"]["workflowTemplateRef"]["name"], deployed)
        place = (metadata["name"], metadata["namespace"], metadata["labels"].get("metaflow-triggers/deployed-name"))
        yield from _equal("the schedule's place", place, (deployed, settings.kubernetes_namespace, deployed))


def _template(item: Any, sensors: list[Any], flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    """What we add to upstream's template."""
    metadata, spec = item["metadata"], item["spec"]
    place = (metadata["name"], metadata["labels"].get("metaflow-triggers/deployed-name"))
    yield from _equal("the template's name", place, (deployed, deployed))
    # Flows that wait for this one are deployed by what this says.
    at = "/".join((settings.argo_sensor_namespace, settings.argo_outcome_event_source, settings.argo_outcome_event))
    yield from _equal("where the template's outcomes are proven", metadata["annotations"].get(OUTCOMES), at)
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
    url = environment.get(webhook.URL_VARIABLE, {}).get("value")
    secret = environment.get(webhook.TOKEN_VARIABLE, {}).get("valueFrom", {}).get("secretKeyRef")
    # Optional, so that tasks run also where nobody has made the secret.
    expected: Any = {"name": settings.argo_webhook_secret, "key": "token", "optional": True}
    address: str | None = shared.webhook_url(settings)
    if name == "metaflow-triggers-outcome" and (settings.argo_unproven_parents or "").strip() == "refuse":
        address, expected = None, None  # nobody takes outcomes from where all events go
    yield from _equal(f"`{name}`: where it publishes", url, address)
    yield from _equal(f"`{name}`: its secret", secret, expected)
    accepted = environment.get(webhook.ACCEPTED_VARIABLE, {}).get("value")
    yield from _equal(f"`{name}`: which answers count", accepted, settings.argo_webhook_accepted)
    trusted = environment.get(webhook.CA_VARIABLE, {}).get("valueFrom", {}).get("secretKeyRef")
    ca = settings.argo_webhook_ca_secret
    meant_ca = {"name": ca, "key": "ca.crt", "optional": True} if ca else None
    yield from _equal(f"`{name}`: whom it trusts", trusted, meant_ca)
    # What proves an outcome is given to the exit handler alone.
    entries = [entry for entry in container.get("env", []) if {*entry} != {"name", "value"}]  # no text is a source
    read = [entry["valueFrom"]["secretKeyRef"] for entry in entries if "secretKeyRef" in str(entry)]
    proofs = [one for one in read if one.get("name") == settings.argo_outcome_secret]
    if name == "metaflow-triggers-outcome":
        place = environment.get("METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL", {}).get("value")
        yield from _equal(f"`{name}`: where it proves itself", place, shared.outcome_webhook_url(settings))
        shown = environment.get("METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN", {}).get("valueFrom", {}).get("secretKeyRef")
        meant = {"name": settings.argo_outcome_secret, "key": "token", "optional": True}
        yield from _equal(f"`{name}`: with what it proves itself", shown, meant)
    elif proofs and settings.argo_outcome_secret != settings.argo_webhook_secret:
        yield f"`{name}` is given what proves an outcome"
    if name != "metaflow-triggers-outcome":
        token = environment.get("METAFLOW_PRODUCTION_TOKEN", {}).get("valueFrom", {}).get("secretKeyRef", {})
        yield from _equal(f"`{name}`: its production token", token.get("name"), names.token_secret(deployed))
    command = " ".join(container.get("command", []))
    for tag in re.findall(r"\{\{.*?\}\}", command):
        if "workflow.parameters" in tag and not tag.startswith("{{=toBase64("):
            yield f"`{name}` puts an argument into its command: {tag}"
    if " init --run-id " in command and f"{words.LAUNCHER} argo-workflows " not in command:
        yield f"`{name}` does not hand a run its event"
