"""Read shared: what the objects that all flows share allow and where they listen, held against the settings.

In:   the shared objects by file name, the settings.
Out:  texts: each thing that is not as the settings say.

Not here: objects of a flow (`read_back`), what is the same under all settings (`schemas/argo`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....model.settings import Settings

RIGHTS = {
    "metaflow-triggers-sensor": {
        ("", "configmaps", "create"),
        *(("argoproj.io", "workflows", verb) for verb in ("get", "create", "patch")),
    },
    "metaflow-triggers-run": {
        ("argoproj.io", "workflows", "get"),
        ("argoproj.io", "workflowtaskresults", "create"),
        ("argoproj.io", "workflowtaskresults", "patch"),
    },
}
"""Role -> (API group, resource, verb): what a Sensor and a run do, and nothing else."""

PORT, ENDPOINT, OUTCOME_ENDPOINT = 12000, "/events", "/outcomes"


def differences(objects: dict[str, Any], settings: Settings) -> Iterator[str]:
    """What the objects say and the settings do not."""
    try:
        yield from _differences(objects, settings)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"the shared objects cannot be read back: {error!r}"


def _differences(objects: dict[str, Any], settings: Settings) -> Iterator[str]:
    sensors, runs = settings.argo_sensor_namespace, settings.kubernetes_namespace
    own_account = settings.argo_sensor_service_account is None
    sensor_account = settings.argo_sensor_service_account or "metaflow-triggers-sensor"
    bound = {"metaflow-triggers-sensor": (sensor_account, sensors)}
    if settings.workflow_service_account is not None:
        bound["metaflow-triggers-run"] = (settings.workflow_service_account, runs)
    meant = {("Role", name, runs) for name in RIGHTS} | {("RoleBinding", name, runs) for name in bound}
    if own_account:
        meant.add(("ServiceAccount", sensor_account, sensors))
    if settings.argo_event_source_is_ours:
        meant.add(("EventSource", settings.argo_event_source, sensors))
        meant.add(("NetworkPolicy", f"{settings.argo_event_source}-webhook", sensors))
    if settings.argo_outcome_event_source_is_ours:
        meant.add(("EventSource", settings.argo_outcome_event_source, sensors))
        meant.add(("NetworkPolicy", f"{settings.argo_outcome_event_source}-webhook", sensors))
    listed = {name: item for name, item in objects.items() if item["kind"] != "Kustomization"}
    said = {(item["kind"], item["metadata"]["name"], item["metadata"]["namespace"]) for item in listed.values()}
    yield from (f"is not meant: {' '.join(item)}" for item in sorted(said - meant))
    yield from (f"is missing: {' '.join(item)}" for item in sorted(meant - said))
    for item in objects.values():
        if item["kind"] == "Role":
            given = {
                (group, resource, verb)
                for rule in item["rules"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
            yield from _equal(item, "rights", given, RIGHTS.get(item["metadata"]["name"]))
        elif item["kind"] == "RoleBinding":
            name = item["metadata"]["name"]
            yield from _equal(item, "role", item["roleRef"]["name"], name)
            subjects = [(subject["name"], subject["namespace"]) for subject in item["subjects"]]
            yield from _equal(item, "accounts", subjects, [bound.get(name)])
        elif item["kind"] == "EventSource":
            yield from _event_source(item, settings)
        elif item["kind"] == "NetworkPolicy":
            yield from _policy(item, settings)
        elif item["kind"] == "Kustomization":
            yield from _equal(item, "files", sorted(item["resources"]), sorted(listed))


def _equal(item: Any, what: str, said: Any, meant: Any) -> Iterator[str]:
    if said != meant:
        name = item.get("metadata", {}).get("name", "")
        yield f"{item['kind']} {name}: its {what} are {said!r}, not {meant!r}"


def _event_source(item: Any, settings: Settings) -> Iterator[str]:
    spec = item["spec"]
    yield from _equal(item, "bus", spec["eventBusName"], settings.argo_event_bus)
    ports = [(port["port"], port["targetPort"]) for port in spec["service"]["ports"]]
    yield from _equal(item, "ports", ports, [(PORT, PORT)])
    events = {
        name: (webhook["port"], webhook["endpoint"], webhook["authSecret"]["name"], webhook["authSecret"]["key"])
        for name, webhook in spec["webhook"].items()
    }
    meant = {settings.argo_event: (str(PORT), ENDPOINT, settings.argo_webhook_secret, "token")}
    if _is_of_outcomes(item["metadata"]["name"], settings):
        meant = {settings.argo_outcome_event: (str(PORT), OUTCOME_ENDPOINT, settings.argo_outcome_secret, "token")}
    yield from _equal(item, "events", events, meant)
    tls = settings.argo_webhook_tls_secret
    pair = [{"name": tls, "key": "tls.crt"}, {"name": tls, "key": "tls.key"}] if tls else [None, None]
    for webhook in spec["webhook"].values():
        given = [webhook.get("serverCertSecret"), webhook.get("serverKeySecret")]
        yield from _equal(item, "certificate and key", given, pair)


def _is_of_outcomes(event_source: str, settings: Settings) -> bool:
    """Whether exit handlers alone publish there."""
    return settings.argo_outcome_event_source_is_ours and event_source == settings.argo_outcome_event_source


def _policy(item: Any, settings: Settings) -> Iterator[str]:
    spec = item["spec"]
    chosen = spec["podSelector"]["matchLabels"]
    source = item["metadata"]["name"].removesuffix("-webhook")
    yield from _equal(item, "pods", chosen, {"eventsource-name": source})
    ways = [(way["from"], [(port["protocol"], port["port"]) for port in way["ports"]]) for way in spec["ingress"]]
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": settings.kubernetes_namespace}}
    pods = {"matchLabels": {"app.kubernetes.io/part-of": "metaflow"}}
    # An administrator's label opens it to publishers of other namespaces.
    labelled = {"namespaceSelector": {"matchLabels": {"metaflow-triggers/may-publish": "true"}}}
    sources: list[Any] = [{"namespaceSelector": namespace, "podSelector": pods}]
    if not _is_of_outcomes(source, settings):
        sources.append(labelled)
    yield from _equal(item, "ways in", ways, [(sources, [("TCP", PORT)])])
