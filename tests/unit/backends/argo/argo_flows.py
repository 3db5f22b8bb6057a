"""Flows, settings and an upstream WorkflowTemplate for the tests of the Argo backend."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

from metaflow_triggers.model.flows import (
    FinishDependency,
    Flow,
    Mapping,
    Origin,
    Parameter,
    Span,
    Trigger,
)

from tests.flows import At
from tests.settings import OPEN

SPAN = Span("flow.py", 1, 1, 1, 2)

SETTINGS = replace(
    OPEN,
    datastore_s3="s3://bucket/metaflow",
    kubernetes_namespace="flows",
    argo_sensor_namespace="events",
)


_here = At(SPAN)
mapping, constant, event, trigger = _here.mapping, _here.constant, _here.event, _here.trigger


def finish(flow: str, *match: str, mappings: tuple[Mapping, ...] = (), project: str | None = None) -> FinishDependency:
    branch = "user.tester" if project else None
    return _here.finish(flow, *match, mappings=mappings, project=project, branch=branch)


def from_origin(dependency: Any, source: str, name: str) -> Any:
    return replace(dependency, origin=Origin(json.dumps({"argo-workflows": {"event-source": source, "event": name}})))


def required(name: str) -> Parameter:
    return _here.parameter(name, required=True)


def optional(name: str) -> Parameter:
    return _here.parameter(name, has_default=True)


def flow(*triggers: Trigger, parameters: tuple[Parameter, ...] = (), name: str = "DemoFlow", **changes: Any) -> Flow:
    return _here.flow(name, *triggers, parameters=parameters, **changes)


EVERYTHING = flow(
    trigger(event("user.signup", mapping("order_id", "order.id"), constant("note", "{{x}}")), event("other")),
    trigger(finish("Parent", "failure", "success"), finish("Score", project="shop")),
    parameters=(required("order_id"), optional("note")),
)

_UPSTREAM: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {
        "name": "demoflow",
        "namespace": "flows",
        "annotations": {"metaflow/owner": "tester", "metaflow/flow_name": "DemoFlow"},
        "labels": {"app.kubernetes.io/part-of": "metaflow", "app.kubernetes.io/name": "metaflow-flow"},
    },
    "spec": {
        "parallelism": 100,
        "workflowMetadata": {"labels": {"app.kubernetes.io/part-of": "metaflow"}},
        "arguments": {"parameters": [{"name": "order_id", "value": "null", "description": None}]},
        "entrypoint": "DemoFlow",
        "onExit": "capture-error-hook-fn-preflight",
        "hooks": {},
        "templates": [
            {"name": "DemoFlow", "dag": {"tasks": [{"name": "start", "template": "start"}]}},
            {
                "name": "start",
                "serviceAccountName": "runner",
                "activeDeadlineSeconds": 432000,
                "retryStrategy": {"retryPolicy": "Always", "limit": 3, "backoff": {"duration": "2m"}},
                "metadata": {"annotations": {"metaflow/step_name": "start"}},
                "container": {
                    "args": None,
                    "command": ["bash", "-c", "true"],
                    "env": [
                        {"name": "METAFLOW_USER", "value": "argo-workflows", "valueFrom": None},
                        {"name": "METAFLOW_PRODUCTION_TOKEN", "value": "literal-token"},
                    ],
                    "image": "python:3.11",
                    "name": "start",
                },
            },
            {"name": "capture-error-hook-fn-preflight", "steps": [[{"name": "capture", "template": "start"}]]},
        ],
    },
}


def upstream(name: str = "demoflow") -> Any:
    """A new copy of what `seams` gives for a flow that is deployed as `name`."""
    made = copy.deepcopy(_UPSTREAM)
    made["metadata"]["name"] = name
    return {"workflow_template": made, "at_start": {"packages": "", "python": "python"}}
