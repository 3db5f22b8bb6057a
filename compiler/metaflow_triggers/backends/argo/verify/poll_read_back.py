"""Poll read-back: what the objects of a flow's poller say, held against its poll triggers.

In:   a flow's objects by file name, the flow, its poll triggers, the settings.
Out:  texts: each thing that the one says and the other does not.

Not here: the other objects of the flow (`read_back`), what is the same in every object (`schemas/argo`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from ....model.facts import needs_value
from ....model.flows import Flow, PollTrigger
from ....model.settings import Settings
from ..compile import names
from ..compile.workflow_template import start_template

_KINDS = ("ServiceAccount", "Role", "RoleBinding", "Lease", "ConfigMap", "Deployment")


def differences(objects: dict[str, Any], flow: Flow, settings: Settings, polls: Sequence[PollTrigger]) -> Iterator[str]:
    """What the objects say and the triggers do not mean, and the other way round."""
    try:
        yield from _differences(objects, flow, settings, polls)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"the objects of the poller cannot be read back: {error!r}"


def _differences(
    objects: dict[str, Any], flow: Flow, settings: Settings, polls: Sequence[PollTrigger]
) -> Iterator[str]:
    found = [item for item in objects.values() if item["kind"] in _KINDS]
    if not polls:
        if found:
            yield "there is a poller, and nothing to poll"
        return
    deployed = names.own_name(flow)
    for item in found:
        metadata = item["metadata"]
        if metadata["labels"].get("metaflow-triggers/deployed-name") != deployed:
            yield f"{item['kind']} {metadata['name']} says another flow"
        if metadata["namespace"] != settings.kubernetes_namespace:
            yield f"{item['kind']} {metadata['name']} is in another namespace than the runs"
    by_kind: dict[str, list[Any]] = {kind: [item for item in found if item["kind"] == kind] for kind in _KINDS}
    records = {json.loads(item["data"]["declaration"])["name"]: item for item in by_kind["ConfigMap"]}
    if sorted(records) != sorted(poll.name for poll in polls):
        yield f"there are records of {sorted(records)}"
        return
    for poll in polls:
        yield from _declared(json.loads(records[poll.name]["data"]["declaration"]), flow, poll)
    in_order = sorted(item["metadata"]["name"] for item in records.values())
    lease = by_kind["Lease"][0]["metadata"]["name"]
    yield from _rights(by_kind, in_order, lease)
    for deployment in by_kind["Deployment"]:
        yield from _container(deployment, in_order, lease, settings)
        yield from _as_the_start_step(deployment, objects)


def _declared(said: dict[str, Any], flow: Flow, poll: PollTrigger) -> Iterator[str]:
    meant = {
        "workflow": flow.name,
        "template": names.own_name(flow),
        "poll_interval_ms": poll.interval_milliseconds,
        "allow_concurrent": poll.allow_concurrent,
        "dedup": poll.dedup,
        "dedup_keys": None if poll.dedup_keys is None else list(poll.dedup_keys),
    }
    for key, value in meant.items():
        if said[key] != value:
            yield f"the record of {poll.name} says {key}={said[key]!r}, where {value!r} is meant"
    needed = [item.name for item in flow.parameters if needs_value(item)]
    asked = [item[0] for item in said["parameters"] if item[2] and not item[3] and not item[4]]
    if asked != needed:
        yield f"the record of {poll.name} asks for values of {asked}, where {needed} are needed"
    if not poll.file.endswith(said["file"]):
        yield f"the record of {poll.name} says the file {said['file']!r}, which is not {poll.file!r}"


def _rights(by_kind: dict[str, list[Any]], records: list[str], lease: str) -> Iterator[str]:
    rights: set[tuple[str, str, str, tuple[str, ...]]] = {
        (group, resource, verb, tuple(sorted(rule.get("resourceNames", []))))
        for rule in by_kind["Role"][0]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    meant: set[tuple[str, str, str, tuple[str, ...]]] = {
        ("argoproj.io", "workflows", verb, ()) for verb in ("get", "create")
    }
    meant |= {("", "configmaps", verb, tuple(records)) for verb in ("get", "update")}
    meant |= {("coordination.k8s.io", "leases", verb, (lease,)) for verb in ("get", "update")}
    if rights != meant:
        yield f"the poller's rights are {sorted(rights ^ meant)} too many or too few"
    binding, account = by_kind["RoleBinding"][0], by_kind["ServiceAccount"][0]["metadata"]["name"]
    if (binding["roleRef"]["name"], [item["name"] for item in binding["subjects"]]) != (lease, [account]):
        yield "the poller's rights are bound to something else"


def _container(deployment: Any, records: list[str], lease: str, settings: Settings) -> Iterator[str]:
    spec = deployment["spec"]
    if spec["replicas"] != 1 or spec["strategy"] != {"type": "Recreate"}:
        yield "there would be more than one poller"
    pod = spec["template"]
    if not spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items():
        yield "the Deployment does not select its own pods"
    for variable in pod["spec"]["containers"][0]["env"]:
        path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        name = path.removeprefix("metadata.annotations['").removesuffix("']")
        if name != path and name not in pod["metadata"].get("annotations", {}):
            yield f"the poller's {variable['name']} is taken from the annotation {name}, which its pods do not have"
    command = pod["spec"]["containers"][0]["command"][-1]
    if "{{" in command:
        yield "the poller's command holds a text that Argo would have to fill in"
    words = shlex.split(command[command.rindex(" && exec ") :])
    given = words[words.index("--namespace") :]
    if given[:4] != ["--namespace", settings.kubernetes_namespace, "--lease", lease] or sorted(given[4:]) != records:
        yield f"the poller is told {given}"


def _as_the_start_step(deployment: Any, objects: dict[str, Any]) -> Iterator[str]:
    """What lets a pod start and read its code, held against the step's own."""
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    mounted = {item["name"] for item in container.get("volumeMounts", [])}
    there = {item["name"] for item in pod.get("volumes", [])}
    if mounted - there:
        yield f"the poller mounts {sorted(mounted - there)}, which its pod does not have"
    (template,) = (item for item in objects.values() if item["kind"] == "WorkflowTemplate")
    start = start_template(template["spec"])
    patched = json.loads(start.get("podSpecPatch", "{}"))
    said = [{key: text for key, text in item.items() if text != ""} for item in start.get("tolerations") or ()]
    meant = {"nodeSelector": start.get("nodeSelector"), "tolerations": said} | patched
    for key in (*meant, "imagePullSecrets"):
        if (pod.get(key) or None) != (meant.get(key) or None):
            yield f"the poller's pod has {key}={pod.get(key)!r}, where the start step's has {meant.get(key)!r}"
    for key in ("image", "imagePullPolicy", "envFrom", "securityContext"):
        if (container.get(key) or None) != (start["container"].get(key) or None):
            yield f"the poller's container has another {key} than the start step's"
    of_step = {item["name"] for item in start["container"].get("volumeMounts", [])} - {"out"}
    if mounted != of_step:
        yield f"the poller mounts {sorted(mounted)}, where the start step mounts {sorted(of_step)}"
