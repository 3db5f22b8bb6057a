"""Workflow runner: does what Argo's controller does with a created Workflow, as far as our templates go.

In:   a Workflow object of an API server, whose WorkflowTemplate and Secrets are read there.
Out:  its phase; the nodes; `status.phase` in the API server. Containers really run (`workflow_pods`).

Not here: what our templates do not use: JobSets and other resources, hooks, daemons, suspending, artifacts, sidecars.
They raise `workflow_text.Unknown`. One task runs at a time, and retries do not wait. Source: argo-workflows v4.1.2,
workflow/controller/{operator,dag,steps,exec_control}.go.

    machine = pod_environment(aws.environment, folder)
    runner = WorkflowRunner(kubernetes.url, folder, machine, redirects={"http://metaflow-triggers-...:12000": url})
    assert runner.run(workflow) == "Succeeded"
"""

from __future__ import annotations

import copy
import itertools
import json
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .workflow_pods import Api, Ended, Machine, now, run_pod, why_not
from .workflow_text import Unknown, go_quoted, is_met, is_true, named_in, substituted

__all__ = ["Node", "Unknown", "WorkflowRunner", "pod_environment", "why_not"]

_GROUP = "/apis/argoproj.io/v1alpha1/namespaces"
_DEADLINE = "Step exceeded its deadline"


@dataclass
class Node:
    """One entry of a Workflow's `status.nodes`. `phase` also Skipped or Omitted."""

    name: str
    display: str
    template: str
    phase: str = "Running"
    message: str = ""
    pod: str = ""
    finished: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def bad(self) -> bool:
        return self.phase in ("Failed", "Error")


def pod_environment(aws: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What image and cluster give each container: a Python with boto3, credentials for the emulated AWS of `aws`.

    Metadata goes to `folder`/metadata, which all tasks share, as they share a metadata service; Metaflow's client
    reads it with METAFLOW_DATASTORE_SYSROOT_LOCAL and METAFLOW_DEFAULT_METADATA=local.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        **{name: value for name, value in aws.items() if name.startswith("AWS_")},
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
        "METAFLOW_S3_WORKER_COUNT": "1",  # else a process for each of a task's files
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metadata"),
    }


class WorkflowRunner:
    """Runs Workflows, one after the other or from several threads.

    `url`: of the API server. `folder`: where the pods' folders are made (`<folder>/<workflow>/<pod>`, with the
    container's `output`). `environment`: variables of every container. `redirects`: beginnings of addresses that are
    names of the cluster -> what stands for them here; they are replaced in the containers' variables, as the
    cluster's DNS would lead elsewhere. `tokens`: (namespace, ServiceAccount) -> the token in the pods of that account.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        environment: Mapping[str, str],
        redirects: Mapping[str, str] | None = None,
        tokens: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self.api = Api(url)
        self.folder = folder
        base = {"METAFLOW_TRIGGERS_KUBERNETES_URL": url, **environment}
        self.machine = Machine(self.api, base, redirects or {}, tokens or {})
        self.nodes: dict[str, list[Node]] = {}
        """Name of a Workflow that has run -> its nodes, in the order in which they ended."""

    def run(self, workflow: dict[str, Any]) -> str:
        """Run it to its end, the exit handler included; its phase: Succeeded, Failed or Error.

        `workflow`: the object as the API server has it (metadata.name, namespace, creationTimestamp). A `spec.shutdown`
        that appears there while it runs is obeyed. Raises Unknown for what this runner does not know.
        """
        one = _Run(self, workflow)
        self.nodes[one.name] = one.nodes
        one.told({"phase": "Running", "startedAt": now()})
        phase = one.run()
        one.told({"phase": phase, "finishedAt": now(), "message": one.message})
        return phase

    def output(self, workflow: str) -> str:
        """What the containers of a Workflow printed, for the message of a failed assertion."""
        paths = sorted((self.folder / workflow).glob("*/output"))
        return "\n".join(f"== {path.parent.name}\n{path.read_text(errors='replace')[-4000:]}" for path in paths)


class _Run:
    def __init__(self, runner: WorkflowRunner, workflow: dict[str, Any]) -> None:
        self.runner = runner
        metadata = workflow["metadata"]
        self.name, self.namespace = metadata["name"], metadata["namespace"]
        self.path = f"{_GROUP}/{self.namespace}/workflows/{self.name}"
        self.nodes: list[Node] = []
        self.message = ""
        self.counter = itertools.count()
        self.exiting = False
        self.spec = _without_nulls(self._spec(workflow["spec"]))
        for key in ("hooks", "suspend", "synchronization", "artifactGC"):
            if self.spec.get(key):
                raise Unknown(f"spec.{key}")
        self.templates = {item["name"]: item for item in self.spec["templates"]}
        seconds = self.spec.get("activeDeadlineSeconds")
        self.deadline = time.monotonic() + float(seconds) if seconds is not None else None
        self.account = self.spec.get("serviceAccountName", "default")
        self.globals = {
            "workflow.name": self.name,
            "workflow.namespace": self.namespace,
            "workflow.uid": str(metadata.get("uid", "")),
            "workflow.mainEntrypoint": self.spec["entrypoint"],
            "workflow.serviceAccountName": self.account,
            "workflow.creationTimestamp": metadata["creationTimestamp"],
        }
        for parameter in self.spec.get("arguments", {}).get("parameters", []):
            if "value" not in parameter:
                raise Unknown(f"spec.arguments.{parameter['name']}.value is required")
            self.globals[f"workflow.parameters.{parameter['name']}"] = parameter["value"]

    def _spec(self, own: dict[str, Any]) -> dict[str, Any]:
        """The template's spec with what the Workflow itself says (JoinWorkflowSpec in workflow/util/merge.go)."""
        reference = own.get("workflowTemplateRef")
        if reference is None:
            return copy.deepcopy(own)
        template = self.runner.api.get(f"{_GROUP}/{self.namespace}/workflowtemplates/{reference['name']}")
        if template is None:
            raise LookupError(f"workflowtemplates {reference['name']!r} not found")
        spec = {**copy.deepcopy(template["spec"]), **{key: own[key] for key in own if key != "arguments"}}
        given = {item["name"]: item for item in own.get("arguments", {}).get("parameters", [])}
        known = {item["name"]: item for item in spec.get("arguments", {}).get("parameters", [])}
        spec["arguments"] = {"parameters": list({**known, **given}.values())}
        return spec

    def told(self, status: dict[str, str]) -> None:
        self.runner.api.merge(self.path, {"status": status})

    def run(self) -> str:
        main = self.template(self.name, self.name, self.spec["entrypoint"], {})
        self.message = main.message
        status = {"Succeeded": "Succeeded", "Error": "Error"}.get(main.phase, "Failed")
        if "onExit" not in self.spec or self._shutdown() == "Terminate":
            return status
        # The handler runs when the deadline has passed, and when the run was stopped.
        self.exiting = True
        self.globals |= {"workflow.status": status, "workflow.failures": go_quoted(self._failures())}
        name = f"{self.name}.onExit"
        handler = self.template(name, name, self.spec["onExit"], {})
        if handler.bad and status == "Succeeded":
            self.message = handler.message
            return handler.phase
        return status

    def _failures(self) -> str:
        failed = [
            {
                "displayName": node.display,
                "message": node.message,
                "templateName": node.template,
                "phase": node.phase,
                "podName": node.pod,
                "finishedAt": node.finished,
            }
            for node in self.nodes
            if node.bad
        ]
        # As Go's encoding/json writes it: without spaces, <, > and & escaped; nothing failed: null.
        text = json.dumps(failed or None, ensure_ascii=False, separators=(",", ":"))
        for one in "<>&\u2028\u2029":
            text = text.replace(one, f"\\u{ord(one):04x}")
        return text

    def _shutdown(self) -> str | None:
        found = self.runner.api.get(self.path)
        return "Terminate" if found is None else found["spec"].get("shutdown")

    def stopped(self) -> str | None:
        """Why nothing more may run, or None."""
        strategy = self._shutdown()
        if strategy and not (self.exiting and strategy == "Stop"):
            return f"workflow shutdown with strategy:  {strategy}"
        if self.deadline is not None and time.monotonic() > self.deadline and not self.exiting:
            return _DEADLINE
        return None

    def ended(self, node: Node, phase: str, message: str = "") -> Node:
        node.phase, node.message, node.finished = phase, message, now()
        self.nodes.append(node)
        return node

    def template(self, name: str, display: str, template_name: str, arguments: Mapping[str, str]) -> Node:
        """Run a template. `arguments`: its input parameters."""
        node = Node(name, display, template_name)
        raw = self.templates[template_name]
        inputs = dict(self.globals)
        for parameter in raw.get("inputs", {}).get("parameters", []):
            given = arguments.get(parameter["name"], parameter.get("value", parameter.get("default")))
            if given is None:
                return self.ended(node, "Error", f"inputs.parameters.{parameter['name']} was not supplied")
            inputs[f"inputs.parameters.{parameter['name']}"] = given
        if "container" in raw:
            return self._container(node, raw, inputs)
        if "dag" in raw:
            return self._dag(node, raw, inputs)
        if "steps" in raw:
            return self._steps(node, raw, inputs)
        raise Unknown(f"the template {template_name!r} of {sorted(raw)}")

    def _container(self, node: Node, raw: Any, inputs: Mapping[str, str]) -> Node:
        retry = raw.get("retryStrategy")
        if retry is None:
            return self._pod(node, raw, inputs)
        policy = retry.get("retryPolicy", "OnFailure")
        again = {"Always": ("Failed", "Error"), "OnFailure": ("Failed",), "OnError": ("Error",)}[policy]
        for attempt in itertools.count():
            display = f"{node.display}({attempt})"
            child = Node(f"{node.name}({attempt})", display, node.template)
            self._pod(child, raw, {**inputs, "retries": str(attempt)})
            node.outputs = child.outputs
            if child.phase not in again or self.stopped():
                return self.ended(node, child.phase, child.message)
            if "limit" in retry and attempt >= int(retry["limit"]):
                return self.ended(node, child.phase, "No more retries left")
        raise AssertionError

    def _pod(self, node: Node, raw: Any, inputs: Mapping[str, str]) -> Node:
        reason = self.stopped()
        if reason is not None:
            return self.ended(node, "Failed", reason)
        node.pod = f"{self.name}-{node.template}-{zlib.crc32(node.name.encode())}"
        metadata: dict[str, Any] = {"name": node.pod, "namespace": self.namespace, "uid": f"pod-{next(self.counter)}"}
        try:
            filled = substituted({**raw, "outputs": raw.get("outputs", {})}, {**inputs, "pod.name": node.pod})
            shared = substituted(self.spec.get("podMetadata", {}), inputs)
        except KeyError as error:
            return self.ended(node, "Error", f"failed to resolve {error}")
        for part in ("labels", "annotations"):
            metadata[part] = {**shared.get(part, {}), **filled.get("metadata", {}).get(part, {})}
        limit = filled.get("activeDeadlineSeconds")
        end = time.monotonic() + float(limit) if limit is not None else None

        def stopped() -> str | None:
            if end is not None and time.monotonic() > end:
                return "Pod was active on the node longer than the specified deadline"
            return self.stopped()

        folder = self.runner.folder / self.name / f"{next(self.counter):03}-{node.display}"
        account = filled.get("serviceAccountName", self.account)
        done: Ended = run_pod(filled, metadata, account, folder, self.runner.machine, stopped)
        node.outputs = done.outputs
        return self.ended(node, done.phase, done.message)

    def _dag(self, node: Node, raw: Any, inputs: Mapping[str, str]) -> Node:
        tasks = {task["name"]: task for task in raw["dag"]["tasks"]}
        scope = dict(inputs)
        results: dict[str, set[str]] = {}
        failed: Node | None = None
        while len(results) < len(tasks):
            ready = [name for name in tasks if name not in results and self._needs(tasks, name) <= set(results)]
            if not ready:
                raise Unknown(f"a cycle of {sorted(set(tasks) - set(results))}")
            child = self._task(node, tasks[ready[0]], scope, results)
            results[ready[0]] = {{"Error": "Errored"}.get(child.phase, child.phase)}
            _remember(scope, "tasks", ready[0], child)
            if child.bad:
                failed = failed or child
                if raw["dag"].get("failFast", True):
                    break  # nothing new is started
        if failed is not None:
            return self.ended(node, failed.phase, failed.message if failed.message == _DEADLINE else "")
        for parameter in raw.get("outputs", {}).get("parameters", []):
            node.outputs[parameter["name"]] = substituted(parameter["valueFrom"]["parameter"], scope)
        return self.ended(node, "Succeeded")

    @staticmethod
    def _needs(tasks: dict[str, Any], name: str) -> set[str]:
        return {*named_in(tasks[name].get("depends", ""), set(tasks)), *tasks[name].get("dependencies", [])}

    def _task(self, parent: Node, task: Any, scope: Mapping[str, str], results: Mapping[str, set[str]]) -> Node:
        name = task["name"]
        if not is_met(task.get("depends", ""), results):
            return self.ended(Node(f"{parent.name}.{name}", name, task.get("template", "")), "Omitted")
        if "withParam" not in task:
            return self._step(parent, task, scope)
        if "withItems" in task or "withSequence" in task:
            raise Unknown("withItems")
        node = Node(f"{parent.name}.{name}", name, task["template"])
        children = []
        for place, item in enumerate(json.loads(substituted(task["withParam"], scope))):
            told = item if isinstance(item, str) else json.dumps(item)
            child = self._step(parent, task, {**scope, "item": told}, f"{name}({place}:{told})")
            children.append(child)
        outputs = {key for child in children for key in child.outputs}
        for key in outputs:  # as a list of all of them
            node.outputs[key] = json.dumps([child.outputs[key] for child in children if key in child.outputs])
        bad = [child for child in children if child.bad]
        if bad:
            return self.ended(node, bad[0].phase, f"child '{bad[0].name}' failed")
        return self.ended(node, "Succeeded" if children else "Skipped")

    def _step(self, parent: Node, step: Any, scope: Mapping[str, str], display: str | None = None) -> Node:
        display = display or step["name"]
        name = f"{parent.name}.{display}"
        if "when" in step and not is_true(substituted(step["when"], scope)):
            return self.ended(Node(name, display, step.get("template", "")), "Skipped")
        given = step.get("arguments", {}).get("parameters", [])
        arguments = {parameter["name"]: substituted(parameter["value"], scope) for parameter in given}
        return self.template(name, display, step["template"], arguments)

    def _steps(self, node: Node, raw: Any, inputs: Mapping[str, str]) -> Node:
        scope = dict(inputs)
        for group in raw["steps"]:
            failed = None
            for step in group:
                child = self._step(node, step, scope)
                _remember(scope, "steps", step["name"], child)
                goes_on = step.get("continueOn", {})
                if child.bad and not goes_on.get({"Failed": "failed", "Error": "error"}[child.phase]):
                    failed = failed or child
            if failed is not None:
                return self.ended(node, "Failed", f"child '{failed.name}' failed")
        return self.ended(node, "Succeeded")


def _without_nulls(value: Any) -> Any:
    """As Go decodes it: null is what was never said. Metaflow's own templates have `args: null`."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _remember(scope: dict[str, str], kind: str, name: str, node: Node) -> None:
    scope[f"{kind}.{name}.status"] = node.phase
    for key, value in node.outputs.items():
        scope[f"{kind}.{name}.outputs.parameters.{key}"] = value
