"""WorkflowTemplate: what upstream's compiler made, completed with what triggers need.

In:   upstream's object, the flow, the settings.
Out:  a new object: the arguments that hold events, environment, exit handler, labels.

Not here: changing upstream's steps. Explicit nulls, which upstream writes for "not set", are left out:
the API server reads both alike, a closed schema does not. Numbers that may also be text are written as text.

The exit handler is one template that runs upstream's handler and ours side by side. Argo runs `onExit` alone
where a spec has both `onExit` and `hooks.exit` (GetExitHook in its pkg/apis/workflow/v1alpha1/workflow_types.go),
so an `exit` hook of upstream becomes a step of that template. A failure of our step does not fail the run.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import words
from metaflow_extensions.triggers.plugins import webhook

from ....manifests import job_set
from ....manifests.templates import render
from ....model.facts import is_set, max_active
from ....model.flows import Flow
from ....model.marks import mark_values
from ....model.settings import Settings
from . import event_delivery, lower, names, sets, shared, user_text
from .escape import inert_json
from .trust import OUTCOMES, also_shared, outcomes_at

SENSOR_NAMESPACES = "metaflow-triggers/sensor-namespaces"
"""Where the flow's Sensors are when its options say something else than the configuration."""


def complete(template: Any, flow: Flow, settings: Settings, *, is_polled: bool = False) -> Any:
    """Upstream's WorkflowTemplate with ours added. The input is not changed. Raises DiagnosticError (FT512)."""
    deployed = names.own_name(flow)
    result = without_nulls(template)
    user_text.keep(result, flow)
    metadata = result["metadata"]
    metadata.setdefault("labels", {}).update(
        {"app.kubernetes.io/managed-by": "metaflow-triggers", "metaflow-triggers/deployed-name": deployed}
        | mark_values(flow, settings)
    )
    metadata.setdefault("annotations", {})[OUTCOMES] = outcomes_at(settings)
    namespaces = lower.sensor_namespaces(flow, settings)
    if namespaces:
        annotations = metadata["annotations"]
        # Upstream's `delete` looks the Sensor up by these.
        annotations["metaflow/sensor_name"] = names.sensor_name(deployed)
        annotations["metaflow/sensor_namespace"] = namespaces[0]
        if set(namespaces) != {settings.argo_sensor_namespace}:  # ours looks there, too
            annotations[SENSOR_NAMESPACES] = ",".join(sorted(set(namespaces)))
    spec = result["spec"]
    told = _told_to_people(flow, settings)
    if told:  # an empty map is a field of its own for server-side apply
        for holder in (metadata, spec.get("workflowMetadata", {}), spec.get("podMetadata", {})):
            holder.setdefault("annotations", {}).update(told)
    arguments = spec.setdefault("arguments", {}).setdefault("parameters", [])
    largest = max((len(item.dependencies) for item in flow.triggers if is_set(item)), default=0)
    arguments += [{"name": name, "value": ""} for name in (*event_delivery.ARGUMENTS, *sets.argument_names(largest))]

    def tell(container: dict[str, Any]) -> None:
        container["env"] = environment(container.get("env", []), deployed, settings)
        if is_polled:
            container["env"].append({"name": words.POLLED_VARIABLE, "value": "1"})

    for item in spec["templates"]:
        _numbers_as_text(item)
        if "container" in item:
            tell(item["container"])
        if "manifest" in item.get("resource", {}):
            item["resource"]["manifest"] = job_set.with_containers(item["resource"]["manifest"], tell)
    _add_exit_handler(spec, flow, deployed, settings)
    if max_active(flow) == 1:  # further runs wait until this one has ended; `mutexes` is Argo's word since 3.6
        spec.setdefault("synchronization", {}).setdefault("mutexes", []).append({"name": deployed})
    return result


def _told_to_people(flow: Flow, settings: Settings) -> dict[str, str]:
    """What upstream writes for people of the things that start a flow, in upstream's form (argo_workflows.py:830)."""
    schedule = lower.schedule(flow, settings)
    if schedule is None:
        return {}
    return {"metaflow/cron": json.dumps({"schedule": schedule.cron, "tz": schedule.timezone or ""})}


def _numbers_as_text(template: Any) -> None:
    """Fields that take a number or its text, as text: Argo's published schema knows no other form of them."""
    retry = template.get("retryStrategy", {})
    for holder, key in (
        (template, "activeDeadlineSeconds"),
        (retry, "limit"),
        (retry.get("backoff", {}), "factor"),
    ):
        if isinstance(holder.get(key), int):
            holder[key] = str(holder[key])


def environment(current: list[Any], deployed: str, settings: Settings) -> list[Any]:
    """A container's environment with ours; an entry of ours replaces one of the same name."""
    ours: list[dict[str, Any]] = [
        {"name": webhook.URL_VARIABLE, "value": shared.webhook_url(settings)},
        {
            "name": webhook.TOKEN_VARIABLE,
            "valueFrom": _secret(settings.argo_webhook_secret, optional=True),
        },
        {"name": "METAFLOW_PRODUCTION_TOKEN", "valueFrom": _secret(names.token_secret(deployed), optional=False)},
    ]
    ours += _answers_and_trust(settings)
    taken = {entry["name"] for entry in ours}
    return [entry for entry in current if entry["name"] not in taken] + ours


def _answers_and_trust(settings: Settings) -> list[dict[str, Any]]:
    """Which answers of a gateway count, and whose certificates, where configuration says so."""
    found: list[dict[str, Any]] = []
    if settings.argo_webhook_accepted is not None:
        found.append({"name": webhook.ACCEPTED_VARIABLE, "value": settings.argo_webhook_accepted})
    if settings.argo_webhook_ca_secret is not None:
        # Optional as the token is: without it an event is refused with a reason, where a pod would never start.
        source = _secret(settings.argo_webhook_ca_secret, optional=True, key="ca.crt")
        found.append({"name": webhook.CA_VARIABLE, "valueFrom": source})
    return found


def _secret(name: str, optional: bool, key: str = "token") -> dict[str, Any]:
    reference: dict[str, Any] = {"name": name, "key": key}
    if optional:
        reference["optional"] = True
    return {"secretKeyRef": reference}


def _add_exit_handler(spec: Any, flow: Flow, deployed: str, settings: Settings) -> None:
    hooks = spec.get("hooks", {})
    upstream = spec.get("onExit") or hooks.get("exit", {}).get("template")
    hooks.pop("exit", None)
    if not hooks:
        spec.pop("hooks", None)
    start = start_template(spec)
    outcome = {"flow": flow.name, "project": flow.project, "branch": flow.branch, "template": deployed}
    spec["onExit"] = "metaflow-triggers-exit"
    spec["templates"] += [
        render("argo/exit_template", upstream=upstream),
        render(
            "argo/outcome_template",
            account=start.get("serviceAccountName"),
            image=start["container"]["image"],
            script=script(),
            outcome=inert_json(outcome),
            webhook_url=shared.webhook_url(settings) if also_shared(settings) else None,
            webhook_secret=settings.argo_webhook_secret,
            outcome_url=shared.outcome_webhook_url(settings),
            outcome_secret=settings.argo_outcome_secret,
            more=_answers_and_trust(settings),
        ),
    ]


def start_template(spec: Any) -> Any:
    """The container template of the first step: its image is known to be pullable."""
    steps = [
        item
        for item in spec["templates"]
        if "container" in item and "metaflow/step_name" in item.get("metadata", {}).get("annotations", {})
    ]
    containers = steps or [item for item in spec["templates"] if "container" in item]
    named = [item for item in containers if item["name"] == "start"]
    return (named or containers)[0]


@functools.cache
def script() -> str:
    """The program of the exit handler: the text of the runtime's `webhook`, then that of `outcome_script`."""
    text = (resources.files(__package__) / "outcome_script.py").read_text("utf-8")
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("from metaflow_extensions")]
    return Path(webhook.__file__).read_text("utf-8") + "\n\n" + "".join(lines)


def without_nulls(value: Any) -> Any:
    """A copy of a JSON value without keys whose value is null."""
    if isinstance(value, dict):
        return {
            key: item if isinstance(item, str) else without_nulls(item)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
