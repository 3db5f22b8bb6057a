"""The Kubernetes objects that we emit for Argo. What Metaflow's compiler made of a WorkflowTemplate is open."""

from __future__ import annotations

from typing import Any

from .notation import Schema, any_of, closed, document, either, in_order, named, number, open_object, some, text

_LABEL = text("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_NAME = text("^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
_FLOWS_NAME = text("^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", at_most=52)
_CRON, _SOME_TEXT = text("^[^ ]+( [^ ]+){4}$"), text(at_least=1)
_INTEGER, _FROM_ONE = number("integer"), number("integer", 1)
_OURS = {"app.kubernetes.io/managed-by": "metaflow-triggers"}
_OF_FLOW = {"metaflow-triggers/deployed-name": _NAME}
_MARK = text("^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
# Of a project with an id: all of these, or none.
_MARKS = {
    "metaflow-triggers/project?": text("^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"),
    "metaflow-triggers/branch?": _MARK,
    "metaflow-triggers/production?": any_of("true", "false"),
    "metaflow-triggers/user?": _MARK,
}
_OF_PROJECT = [f"metaflow-triggers/{name}" for name in ("project", "production", "user")]
_TOGETHER = {name: [other for other in _OF_PROJECT if other != name] for name in _OF_PROJECT}
_TOGETHER["metaflow-triggers/branch"] = _OF_PROJECT
_LABELS = closed(_OURS | _OF_FLOW | _MARKS, dependentRequired=_TOGETHER)
_ARGO, _RBAC = "argoproj.io/v1alpha1", "rbac.authorization.k8s.io"


def _object(version: str, kind: str, metadata: dict[str, Any], what: str, **members: Any) -> dict[str, dict[str, Any]]:
    whole = {"apiVersion": version, "kind": kind, "metadata": {"namespace": _LABEL, **metadata}, **members}
    return document(f"argo/{kind.lower()}.schema.json", f"{kind}{what}", closed(whole))


_CRON_WORKFLOW = _object(
    _ARGO,
    "CronWorkflow",
    {"name": _FLOWS_NAME, "labels": _LABELS},
    ": the schedule of one flow",
    spec={
        "schedules": some(_CRON, 1, 1),
        "timezone": text(),
        "when?": text('^\\{\\{= [^{}"\\\\\\n]+ \\}\\}$'),
        "suspend": False,
        "concurrencyPolicy": "Allow",
        "startingDeadlineSeconds": 3540,
        "successfulJobsHistoryLimit": 10000,
        "failedJobsHistoryLimit": 10000,
        "workflowSpec": {"workflowTemplateRef": {"name": _FLOWS_NAME}},
    },
)

_WEBHOOK = closed(
    {
        "port": text("^[0-9]+$"),
        "endpoint": text("^/"),
        "method": "POST",
        "url": "",
        "maxPayloadSize": _FROM_ONE,
        "authSecret": {"name": _NAME, "key": "token"},
        "serverCertSecret?": {"name": _NAME, "key": "tls.crt"},
        "serverKeySecret?": {"name": _NAME, "key": "tls.key"},
    },
    dependentRequired={"serverCertSecret": ["serverKeySecret"], "serverKeySecret": ["serverCertSecret"]},
)
_EVENT_SOURCE = _object(
    _ARGO,
    "EventSource",
    {"name": text("^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$"), "labels": _OURS},
    ": the webhook that takes events",
    spec={
        "eventBusName": _SOME_TEXT,
        "service": {"ports": some({"name": "webhook", "port": _INTEGER, "targetPort": _INTEGER}, 1, 1)},
        "webhook": closed({"^[A-Za-z0-9_-]+$": _WEBHOOK}, minProperties=1, maxProperties=1),
    },
)

_KUSTOMIZATION = document(
    "argo/kustomization.schema.json",
    "Kustomization: the files of one folder",
    closed(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": some(text("^[a-z0-9_][a-z0-9_.-]*$"), uniqueItems=True),
        }
    ),
)

_SENDERS = any_of(
    {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": _LABEL}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "metaflow"}},
    },
    {"namespaceSelector": {"matchLabels": {"metaflow-triggers/may-publish": "true"}}},
)
_NETWORK_POLICY = _object(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    {"name": _LABEL, "labels": _OURS},
    ": runs reach the webhook",
    spec={
        "podSelector": {"matchLabels": {"eventsource-name": _LABEL}},
        "policyTypes": ["Ingress"],
        "ingress": some(
            {"from": some(_SENDERS, 1, 2), "ports": some({"protocol": "TCP", "port": _INTEGER}, 1, 1)}, 1, 1
        ),
    },
)


def _may(group: str, resource: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": [resource], "verbs": some(Schema(enum=list(verbs)), uniqueItems=True)}


_ROLE = _object(
    f"{_RBAC}/v1",
    "Role",
    {"name": _LABEL, "labels": _OURS},
    ": exact resources and verbs, no wildcard",
    rules=some(
        any_of(
            _may("argoproj.io", "workflows", "get", "create", "patch"),
            _may("argoproj.io", "workflowtaskresults", "create", "patch"),
            _may("", "configmaps", "create"),
        )
    ),
)
_ROLE_BINDING = _object(
    f"{_RBAC}/v1",
    "RoleBinding",
    {"name": _LABEL, "labels": _OURS},
    " of one of our Roles",
    roleRef={"apiGroup": _RBAC, "kind": "Role", "name": _LABEL},
    subjects=some({"kind": "ServiceAccount", "name": _NAME, "namespace": _LABEL}, 1, 1),
)
_SERVICE_ACCOUNT = _object("v1", "ServiceAccount", {"name": _LABEL, "labels": _OURS}, " of the Sensors")

_DEPENDENCY_NAME = text("^[a-z][a-z0-9]*$", at_most=40)
_DATA, _CONTEXT, _VALUE = (
    {"dependencyName": _DEPENDENCY_NAME, kind: _SOME_TEXT} for kind in ("dataTemplate", "contextTemplate", "value")
)
_DEPENDENCY = {
    "name": _DEPENDENCY_NAME,
    "eventSourceName": _LABEL,
    "eventName": text("^[A-Za-z0-9_-]+$"),
    "filters": {
        "data?": some(
            {"path": "body.name", "type": "string", "value": some(text("^\\^.*\\$$"), uniqueItems=True)}, 1, 1
        ),
        "script": _SOME_TEXT,
    },
    "transform?": {"jq": _SOME_TEXT},
}
_ALTERNATIVES = some(
    {"src": any_of(_DATA, _CONTEXT, _VALUE), "dest": "k8s.parameters.0.src.dataTemplate", "operation": "append"}, 2
)


def _written(operation: str, resource: dict[str, Any], at_least: int, places: str) -> dict[str, Any]:
    """A Kubernetes object that a trigger writes, with what it takes from events."""
    taken = {"src": any_of(_DATA, _CONTEXT), "dest": text(f"^(metadata\\.name|{places})$")}
    return {"operation": operation, "source": {"resource": resource}, "parameters": some(taken, at_least)}


_WORKFLOW = {
    "apiVersion": _ARGO,
    "kind": "Workflow",
    "metadata": {
        "name": "named-by-the-start-key",
        "namespace": _LABEL,
        "labels": {"metaflow-triggers/started-by": "event"} | _OF_FLOW,
        "annotations": {"metaflow-triggers/dependencies": _SOME_TEXT},
    },
    "spec": {
        "arguments": {
            "parameters": some(
                {"name": text("^metaflow-triggers-(event|payload)(-[0-9]+)?$"), "value": ""}, 2, uniqueItems=True
            )
        },
        "workflowTemplateRef": {"name": _NAME},
    },
}
_LOST = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "named-as-the-workflow",
        "namespace": _LABEL,
        "labels": {"metaflow-triggers/start": "given-up"} | _OF_FLOW,
    },
    "data": closed({"^event-(0|[1-9][0-9]*)$": ""}, minProperties=1),
}
_LOST_NAME = text("^start(-[a-z]+)*-lost$")
_GIVEN_UP = {
    "template": any_of(
        {"name": _LOST_NAME, "k8s": _written("create", _LOST, 2, "data\\.event-(0|[1-9][0-9]*)")},
        {"name": _LOST_NAME, "log": {}},
    ),
    "parameters?": _ALTERNATIVES,
    "atLeastOnce": True,
    "retryStrategy": {"steps": 3, "duration": "2s", "factor": 2, "jitter": 0.1},
}
_MISSING = {
    "template": {
        "name": "required-field-missing",
        "conditions": text("^[a-z][a-z0-9]*( \\|\\| [a-z][a-z0-9]*)*$"),
        "log": {},
    },
    "atLeastOnce": True,
    "retryStrategy": {"steps": 1, "duration": "1s"},
}
_START = {
    "template": {
        "name": any_of("start", "start-on-finish", "start-all-events", "start-all-flows"),
        "conditions": text("^[a-z][a-z0-9]*(( \\|\\| [a-z][a-z0-9]*)*|( && [a-z][a-z0-9]*)+)$"),
        "conditionsReset?": some({"byTime": {"cron": _CRON, "timezone": _SOME_TEXT}}, 1, 1),
        "k8s": _written("patch", _WORKFLOW, 3, "spec\\.arguments\\.parameters\\.(0|[1-9][0-9]*)\\.value"),
    },
    "parameters?": _ALTERNATIVES,
    "rateLimit?": {"unit": "Second", "requestsPerUnit": _FROM_ONE},
    "atLeastOnce": True,
    "retryStrategy": {
        "steps": _FROM_ONE,
        "duration": text("^[0-9]+s$"),
        "factor": number("number", 1),
        "jitter": number("number", 0),
    },
    "dlqTrigger": _GIVEN_UP,
}
_IS_MISSING = open_object("template", properties={"template": named("required-field-missing")})
_SENSOR = _object(
    _ARGO,
    "Sensor",
    {"name": _LABEL, "labels": _LABELS},
    ": what starts one flow",
    spec={
        "eventBusName": _SOME_TEXT,
        "replicas": 1,
        "template": {"serviceAccountName": _NAME},
        "dependencies": some(_DEPENDENCY),
        "triggers": some(either(_IS_MISSING, _MISSING, _START), 1, 5),
    },
)


def _variable(name: str, value: Any) -> dict[str, Any]:
    return {"name": f"METAFLOW_TRIGGERS_{name}", "value": value}


def _secret(name: str, key: str) -> dict[str, Any]:
    told = {"name": _NAME, "key": key, "optional?": True}
    return {"name": f"METAFLOW_TRIGGERS_{name}", "valueFrom": {"secretKeyRef": told}}


_OUTCOME_VARIABLES = [
    _variable("OUTCOME", _SOME_TEXT),
    _variable("WORKFLOW", "{{workflow.name}}"),
    _variable("STATUS", "{{workflow.status}}"),
    _variable("FAILURES", _SOME_TEXT),
    _variable("OUTCOME_WEBHOOK_URL", _SOME_TEXT),
    _secret("OUTCOME_WEBHOOK_TOKEN", "token"),
]
_WEBHOOK_VARIABLES = (
    _variable("WEBHOOK_URL", _SOME_TEXT),
    _secret("WEBHOOK_TOKEN", "token"),
    _variable("WEBHOOK_ACCEPTED", _SOME_TEXT),
    _secret("WEBHOOK_CA", "ca.crt"),
)
_AMOUNTS = open_object(additionalProperties=text())
_OUTCOME = {
    "name": "metaflow-triggers-outcome",
    "serviceAccountName?": _NAME,
    "retryStrategy": {"limit": text(), "retryPolicy": "OnError"},
    "container": {
        "name": "main",
        "image": _SOME_TEXT,
        "command": in_order(["python", "-c", _SOME_TEXT]),
        "env": in_order(_OUTCOME_VARIABLES, any_of(*_WEBHOOK_VARIABLES), at_most=10),
        "resources": {"requests": _AMOUNTS, "limits": _AMOUNTS},
    },
}
_EXIT_STEP = {
    "name": _SOME_TEXT,
    "template": _SOME_TEXT,
    "continueOn?": {"error": True, "failed": True},
}
_EXIT = {"name": "metaflow-triggers-exit", "steps": some(some(_EXIT_STEP, 1, 2), 1, 1)}
_ARGUMENTS = some(
    {"name": _SOME_TEXT, "value?": text(), "description?": text()},
    2,
    contains=closed({"name": "metaflow-triggers-event", "value": ""}),
)
_WORKFLOW_TEMPLATE = _object(
    _ARGO,
    "WorkflowTemplate",
    {
        "name": _FLOWS_NAME,
        "annotations?": open_object(additionalProperties=text()),
        "labels": closed(_OURS | _OF_FLOW | _MARKS, additionalProperties=text(), dependentRequired=_TOGETHER),
    },
    ": upstream's templates (open) and ours (closed)",
    spec={
        **dict.fromkeys(("activeDeadlineSeconds?", "parallelism?", "priority?"), _INTEGER),
        **dict.fromkeys(("workflowMetadata?", "podMetadata?", "hooks?"), open_object()),
        "synchronization?": {"mutexes": some({"name": _SOME_TEXT})},
        "entrypoint": _SOME_TEXT,
        "arguments": {"parameters": _ARGUMENTS},
        "onExit": "metaflow-triggers-exit",
        "templates": some(
            either(
                named("metaflow-triggers-exit"),
                _EXIT,
                either(named("metaflow-triggers-outcome"), _OUTCOME, open_object("name")),
            )
        ),
    },
)

_OF_POLLER = {"name": text("^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$"), "labels": _LABELS}


def _of_poller(file: str, version: str, kind: str, what: str, **members: Any) -> dict[str, dict[str, Any]]:
    metadata = members.pop("metadata", _OF_POLLER)
    whole = {"apiVersion": version, "kind": kind, "metadata": {"namespace": _LABEL, **metadata}, **members}
    return document(f"argo/{file}.schema.json", f"{kind} of a flow's poller{what}", closed(whole))


def _may_with(group: str, resource: str, *verbs: str) -> dict[str, Any]:
    return {**_may(group, resource, *verbs), "resourceNames": some(_LABEL, uniqueItems=True)}


_POLLER_ROLE = _of_poller(
    "poller_role",
    f"{_RBAC}/v1",
    "Role",
    ": its own records and Lease by name, and runs",
    rules=in_order(
        [
            _may("argoproj.io", "workflows", "get", "create"),
            _may_with("", "configmaps", "get", "update"),
            _may_with("coordination.k8s.io", "leases", "get", "update"),
        ]
    ),
)
_POLLER_BINDING = _of_poller(
    "poller_rolebinding",
    f"{_RBAC}/v1",
    "RoleBinding",
    "",
    roleRef={"apiGroup": _RBAC, "kind": "Role", "name": _LABEL},
    subjects=some({"kind": "ServiceAccount", "name": _LABEL, "namespace": _LABEL}, 1, 1),
)
_POLL_RECORD = _of_poller(
    "poll_record",
    "v1",
    "ConfigMap",
    ": what is declared of one trigger; what is remembered is not deployed",
    metadata={"name": _LABEL, "labels": _LABELS},
    data={"declaration": text("^\\{")},
)
_OF_POD = closed({"metaflow-triggers/poller": _LABEL})
_POLLER_VARIABLE = any_of({"name": _SOME_TEXT, "value?": text()}, {"name": _SOME_TEXT, "valueFrom": open_object()})
_POLLER_DEPLOYMENT = _of_poller(
    "poller_deployment",
    "apps/v1",
    "Deployment",
    ": one process, never two",
    spec={
        "replicas": 1,
        "revisionHistoryLimit": 2,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": _OF_POD},
        "template": {
            "metadata": {
                "annotations?": closed({"^.": text()}),
                "labels": closed({"metaflow-triggers/poller": _LABEL, "^.": text()}),
            },
            "spec": {
                "serviceAccountName": _LABEL,
                "terminationGracePeriodSeconds": 60,
                "nodeSelector?": closed({"^.": text()}),
                "imagePullSecrets?": some({"name": _SOME_TEXT}),
                "volumes?": some(open_object("name")),
                **dict.fromkeys(("affinity?", "dnsConfig?", "securityContext?"), open_object()),
                **dict.fromkeys(("hostAliases?", "tolerations?", "topologySpreadConstraints?"), some(open_object())),
                **dict.fromkeys(("dnsPolicy?", "priorityClassName?"), _SOME_TEXT),
                **dict.fromkeys(("runtimeClassName?", "schedulerName?"), _SOME_TEXT),
                "hostNetwork?": any_of(True, False),
                "containers": some(
                    {
                        "name": "poller",
                        "image": _SOME_TEXT,
                        "command": in_order(["bash", "-c", _SOME_TEXT]),
                        "env": some(_POLLER_VARIABLE),
                        **dict.fromkeys(("imagePullPolicy?", "terminationMessagePolicy?"), _SOME_TEXT),
                        "envFrom?": some(open_object()),
                        "securityContext?": open_object(),
                        "volumeMounts?": some(open_object("name", "mountPath")),
                        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
                    },
                    1,
                    1,
                ),
            },
        },
    },
)

DOCUMENTS = {
    **_CRON_WORKFLOW,
    **_EVENT_SOURCE,
    **_KUSTOMIZATION,
    **_NETWORK_POLICY,
    **_POLL_RECORD,
    **_POLLER_BINDING,
    **_POLLER_DEPLOYMENT,
    **_of_poller("poller_lease", "coordination.k8s.io/v1", "Lease", ": who polls; what it says is not deployed"),
    **_POLLER_ROLE,
    **_of_poller("poller_serviceaccount", "v1", "ServiceAccount", ""),
    **_ROLE,
    **_ROLE_BINDING,
    **_SENSOR,
    **_SERVICE_ACCOUNT,
    **_WORKFLOW_TEMPLATE,
}
