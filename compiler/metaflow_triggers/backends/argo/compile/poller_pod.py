"""Poller pod: what a flow's poller has of the pod of its start step.

In:   upstream's WorkflowTemplate, without nulls; what makes the step's packages be there.
Out:  a `Pod`: what the Deployment's pod and container take from it.

Not here: what is the poller's own (`poller`). Each field that upstream writes of a step's pod is decided below, once:
the poller has it, or there is a reason why not. What nobody has decided is refused (FT004), never silently left out.

A Deployment is an object whose types the API server knows: it gives back what it understood, without texts that are
empty, and quantities as it writes them itself. So it is written here, else each `create` would find it changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_ANNOTATION

from ....diagnostics import DiagnosticError
from ....seams.poller_command import with_code
from ....seams.shape import unknown_shape
from .workflow_template import start_template

CARRIED = ""
OF_TEMPLATE: Mapping[str, str] = {
    "container": CARRIED,
    "metadata": CARRIED,
    "nodeSelector": CARRIED,
    "podSpecPatch": CARRIED,
    "tolerations": CARRIED,
    "affinity": CARRIED,
    "volumes": CARRIED,
    "activeDeadlineSeconds": "a poller has no end",
    "failFast": "of a node of a graph",
    "inputs": "of a task of a run",
    "name": "of a node of a graph",
    "outputs": "of a task of a run",
    "retryStrategy": "a Deployment starts its pod again by itself",
    "serviceAccountName": "the poller has an account of its own, which may make Workflows",
}
"""Field of a step's template -> why the poller does not have it."""
OF_CONTAINER: Mapping[str, str] = {
    "command": CARRIED,
    "env": CARRIED,
    "envFrom": CARRIED,
    "image": CARRIED,
    "imagePullPolicy": CARRIED,
    "securityContext": CARRIED,
    "terminationMessagePolicy": CARRIED,
    "volumeMounts": CARRIED,
    "name": "it is `poller`",
    "ports": "nobody connects to a poller",
    "resources": "a poll needs little of what a step works with, and holds it for ever",
}
"""Field of its container -> why the poller's does not have it."""
OF_SPEC: Mapping[str, str] = {
    "affinity": CARRIED,
    "imagePullSecrets": CARRIED,
    "nodeSelector": CARRIED,
    "tolerations": CARRIED,
    "volumes": CARRIED,
}
"""Fields of the whole Workflow, which stand for each of its pods; a template's go before them."""
OF_PATCH: Mapping[str, str] = dict.fromkeys(
    (
        "affinity",
        "dnsConfig",
        "dnsPolicy",
        "hostAliases",
        "hostNetwork",
        "imagePullSecrets",
        "nodeSelector",
        "priorityClassName",
        "runtimeClassName",
        "schedulerName",
        "securityContext",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    ),
    CARRIED,
) | {
    "activeDeadlineSeconds": "a poller has no end",
    "restartPolicy": "a Deployment knows one",
    "serviceAccountName": "the poller has an account of its own, which may make Workflows",
    "terminationGracePeriodSeconds": "the poller's own",
}
"""Fields that Argo puts into the pod by a patch; upstream writes the first of which Argo's templates have no field."""
_ADDED_TO = ("hostAliases", "imagePullSecrets", "tolerations", "volumes")
_OF_TASKS = "out"
"""The volume in which a task leaves what Argo reads."""
_MEBIBYTES = re.compile(r"([0-9]+)Mi")
_UNITS = ("Mi", "Gi", "Ti")
_OF_A_RUN = frozenset(
    (
        "ARGO_WORKFLOW_NAME",
        "ARGO_WORKFLOW_TEMPLATE",
        "METAFLOW_PRODUCTION_TOKEN",
        "METAFLOW_RETRY_COUNT",
        "METAFLOW_RUN_ID",
        "METAFLOW_STEP_NAME",
        "METAFLOW_TASK_ID",
    )
)


@dataclass(frozen=True)
class Pod:
    """`spec` are fields of the pod, `container` of its container; `beginning` is the shell text that gets the code."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    image: str
    beginning: str
    environment: list[Any]
    container: Mapping[str, Any]


def of_start_step(template: Any, packages: str = "") -> Pod:
    """What the pod of the start step has. `packages`: shell text of `seams.poller_command.packages_of`.

    Raises DiagnosticError (FT004) for what is not known.
    """
    whole = template["spec"]
    start = start_template(whole)
    container = start["container"]
    patch = _patch(start)
    undecided = [
        *(f"{name} of its template" for name in start if name not in OF_TEMPLATE),
        *(f"{name} of its container" for name in container if name not in OF_CONTAINER),
        *(f"{name} of its podSpecPatch" for name in patch if name not in OF_PATCH),
    ]
    if undecided:
        told = f"the pod of step `{start['name']}` has what a poller is not known to need: {', '.join(undecided)}"
        raise DiagnosticError([unknown_shape(told)])
    volumes = [item for item in [*start.get("volumes", []), *whole.get("volumes", [])] if item["name"] != _OF_TASKS]
    spec = {key: start.get(key) or whole.get(key) for key in ("nodeSelector", "tolerations", "affinity")}
    spec |= {"imagePullSecrets": whole.get("imagePullSecrets"), "volumes": volumes}
    for key, value in _carried(patch, OF_PATCH):
        spec[key] = _patched(spec.get(key), value, is_list=key in _ADDED_TO)
    more = {key: container.get(key) for key in ("imagePullPolicy", "envFrom", "securityContext")}
    more["terminationMessagePolicy"] = container.get("terminationMessagePolicy")
    more["volumeMounts"] = [item for item in container.get("volumeMounts", []) if item["name"] != _OF_TASKS]
    metadata = start.get("metadata", {})
    beginning = with_code(container["command"][-1])
    package = whole.get("podMetadata", {}).get("annotations", {}).get(CODE_PACKAGE_ANNOTATION)
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if _is_users(key)}
    spec["tolerations"] = [_without_empty(item) for item in spec["tolerations"] or ()]
    spec["volumes"] = [_as_written(item) for item in spec["volumes"] or ()]
    return Pod(
        labels={key: value for key, value in metadata.get("labels", {}).items() if _is_users(key)},
        annotations=annotations | ({CODE_PACKAGE_ANNOTATION: package} if package else {}),
        spec=_said(spec),
        image=container["image"],
        beginning=f"{beginning} && {packages}" if packages else beginning,
        environment=[_without_empty(item) for item in container.get("env", []) if item["name"] not in _OF_A_RUN],
        container=_said(more),
    )


def _patch(start: Any) -> dict[str, Any]:
    try:
        found = json.loads(start.get("podSpecPatch", "{}"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DiagnosticError([unknown_shape(f"podSpecPatch of step `{start['name']}` is no JSON object")])
    return found


def _carried(found: Mapping[str, Any], decided: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in found.items() if decided[key] == CARRIED)


def _patched(present: Any, value: Any, *, is_list: bool) -> Any:
    """As Kubernetes patches: lists that have a merge key are added to, objects as well, anything else is replaced."""
    if is_list:
        return [*(item for item in present or [] if item not in value), *value]
    if isinstance(present, dict) and isinstance(value, dict):
        return {**present, **value}
    return value


def _is_users(key: str) -> bool:
    """Metaflow's own say which task a pod is of; ours are the poller's own."""
    return not key.startswith(("metaflow/", "metaflow-triggers/"))


def _without_empty(item: Mapping[str, Any]) -> dict[str, Any]:
    """A variable without a value has the empty one; so it is with the fields of a toleration."""
    return {key: value for key, value in item.items() if value != ""}


def _as_written(volume: Mapping[str, Any]) -> dict[str, Any]:
    """The size of a volume in memory, of which Metaflow says the MiB, as the API server writes it: `2Gi`."""
    limit = volume.get("emptyDir", {}).get("sizeLimit")
    size = _MEBIBYTES.fullmatch(str(limit))
    if size is None:
        return dict(volume)
    number, unit = int(size[1]), 0
    while number and number % 1024 == 0 and unit < len(_UNITS) - 1:
        number, unit = number // 1024, unit + 1
    return {**volume, "emptyDir": {**volume["emptyDir"], "sizeLimit": f"{number}{_UNITS[unit]}"}}


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in (None, {}, [])}
