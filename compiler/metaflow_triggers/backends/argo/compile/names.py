"""Names: what the flow's objects are called on Argo.

In:   flow, project and branch as Metaflow spells them.
Out:  upstream's WorkflowTemplate name (its other commands find deployments by it), and ours.

Not here: judging a name (`argo.refusals`). The rules of `template_name` are those of
`resolve_workflow_name_v2` in metaflow/plugins/argo/argo_workflows_cli.py (2.19), without a command line;
a property test compares the two.
"""

from __future__ import annotations

import base64
import hashlib
import re

from metaflow_extensions.triggers.contract import words

from ....model.flows import Flow
from ....model.names import digest, dns_label

LIMIT = 45
"""Upstream's: a CronWorkflow adds 11 characters, and the result is a label of 63."""

_VALID = re.compile(r"^[a-z]([a-z0-9\.\-]*[a-z0-9])?$")
_LEADING = re.compile(r"^[^A-Za-z0-9]+")
_AROUND_DOT = re.compile(r"[^a-z0-9]*\.[^a-z0-9]*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def qualified(flow: str, project: str | None, branch: str | None) -> str:
    """Upstream's `project_flow_name`: the name that a run's own events carry."""
    return f"{project}.{branch}.{flow}" if project else flow


def is_valid(name: str, project: str | None = None) -> bool:
    """Whether the API server takes the name (RFC 1123 subdomain) and upstream's limit holds.

    Upstream does not apply its limit to a name that it shortened itself (at most 47 characters).
    """
    return (project is not None or len(name) <= LIMIT) and _LABEL.fullmatch(name) is not None


def template_name(flow: str, project: str | None, branch: str | None) -> str:
    """The WorkflowTemplate's name. A flow without project may get one that is too long; upstream refuses it."""
    name = qualified(flow, project, branch)
    if project and len(name) > LIMIT:
        name = _shortened(flow, project, branch or "", name)
    return name if _VALID.search(name) else _sanitized(name)


def _shortened(flow: str, project: str, branch: str, name: str) -> str:
    suffix = base64.b32encode(hashlib.sha1(name.encode("utf-8"), usedforsecurity=False).digest()).decode("ascii")
    parts = (project, branch, flow)
    least = 7
    remaining = LIMIT - 6 - len(parts) * least
    extras = [int(remaining * len(part) / sum(map(len, parts))) for part in parts]
    while sum(extras) < remaining:
        extras[extras.index(min(extras))] += 1
    project_room, branch_room, flow_room = (least + extra for extra in extras)
    short = f"{_middle_cut(project, project_room)}.{branch[:branch_room]}.{_middle_cut(flow, flow_room)}"
    return f"{_sanitized(short)}-{suffix[:5].lower()}"


def _middle_cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    head = room // 2
    return text[:head] + text[-(room - head) :]


def _sanitized(text: str) -> str:
    text = _LEADING.sub("", text)
    text = text.replace("_", "").replace("@", "").replace("+", "").lower()
    return _AROUND_DOT.sub(".", text)


def sensor_name(deployed: str) -> str:
    """A DNS label: a Sensor's name is a JetStream bucket and a label value, which take no dots."""
    return dns_label(deployed)


def further_sensor_name(deployed: str, event_bus: str, namespace: str) -> str:
    """Of a Sensor for a trigger that names another event bus or namespace than the flow's first one."""
    return dns_label(deployed, event_bus, namespace)


def workflow_prefix(deployed: str) -> str:
    """The readable part of a started Workflow's name. With a hyphen and 40 hex digits it stays below 63."""
    text = re.sub(r"[^a-z0-9]+", "-", deployed.lower()).strip("-")[:22].strip("-")
    return text if text and text[0].isalpha() else "flow"


def token_secret(deployed: str) -> str:
    """The Secret that holds the flow's production token."""
    return f"metaflow-triggers-token-{digest(deployed)}"


def end_event(flow: str, project: str | None, branch: str | None) -> str:
    """The event that upstream publishes when a flow's end step has succeeded."""
    return words.end_event(qualified(flow, project, branch))


def own_name(flow: Flow) -> str:
    """The name of a flow of ours: the user's, else the derived one."""
    return flow.deployed_as or template_name(flow.name, flow.project, flow.branch)


def former_names(flow: Flow) -> tuple[str, ...]:
    """Other names under which Metaflow up to 2.16 deployed the flow, which its `create` replaces.

    `resolve_workflow_name_v1` in metaflow/plugins/argo/argo_workflows_cli.py; names beyond 253 characters, which it
    cut, are left out.
    """
    name = qualified(flow.name, flow.project, flow.branch)
    if flow.deployed_as or len(name) > 253:
        return ()
    if not _VALID.search(name):
        name = re.sub(r"^[^A-Za-z0-9]+", "", name).replace("_", "").replace("@", "").replace("+", "").lower()
    return (name,) if name != own_name(flow) else ()
