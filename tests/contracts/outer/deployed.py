"""Deployed: what commit f324357 deployed, as its manifests in `data/` say it.

In:   the manifests; what a cloud fills in: an execution's name and input, or a Workflow.
Out:  `Task`: the commands of a start step with their environment, as they run on this machine.

Not here: running them. On this machine the datastore is a folder, and nothing asks AWS Batch or Kubernetes for a
container, so three options differ from what was deployed: `--datastore`, `--datastore-root`, and `--with` for the
compute layer. `Task.whole` is the command without any such change.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
OPEN = {
    "DatastoreBucket": "mf-test",
    "DatastorePrefix": "metaflow",
    "CodePackagePath": "Order/data/code",
    "CodePackageSha": "sha",
    "AWS::Region": "us-east-1",
}
"""What the manifests leave open."""

_PARTS = re.compile(r"&& \(if ! .*?; then (?P<init>.*?); fi && (?P<step>.*)\) 1>> >\(")
_SUBSTITUTED = re.compile(r"\$\{(!?)([^}]+)\}")
_OPEN = re.compile(r"OPEN\.(\w+)\.SETTING")
_ENCODED = re.compile(r"\{\{=toBase64\(workflow\.parameters\['([^']+)'\]\)\}\}")


@dataclass(frozen=True)
class Task:
    """The start step. `whole` is what the container's shell gets; `init` and `step` are its two halves, for here."""

    whole: str
    environment: dict[str, str]

    def init(self, root: Path) -> str:
        """The launcher's command, with the folder `root` as datastore."""
        return self._here("init", root)

    def step(self, root: Path) -> str:
        """The command of the step itself."""
        return self._here("step", root)

    def _here(self, part: str, root: Path) -> str:
        found = _PARTS.search(self.whole)
        assert found is not None, self.whole
        command = found[part]
        for pattern, instead in (
            (r" --datastore=s3 ", " --datastore=local "),
            (r" --datastore-root=\S+", f" --datastore-root={root}"),
            (r" --with '(?:batch|kubernetes):[^']*'", ""),
        ):
            command, count = re.subn(pattern, instead, command)
            assert count, (pattern, command)
        return command.replace("/tmp/mf-input-paths", str(root.parent / "input-paths"))


def stack(deployed: str) -> dict[str, Any]:
    """The CloudFormation template of a deployment."""
    found: dict[str, Any] = yaml.safe_load((DATA / "step-functions" / f"{deployed}.yaml").read_text("utf-8"))
    return found


def objects(deployed: str) -> list[dict[str, Any]]:
    """The Kubernetes objects of a deployment, or of `_shared`."""
    files = sorted((DATA / "argo-workflows" / deployed).glob("*.yaml"))
    return [yaml.safe_load(file.read_text("utf-8")) for file in files]


def on_step_functions(deployed: str, run: str, parameters: str = "{}") -> Task:
    """The start step of an execution `run` that was started with `parameters`."""
    state = stack(deployed)["Resources"]["StateMachine"]["Properties"]["Definition"]["States"]["start"]
    overrides = state["Parameters"]["ContainerOverrides"]
    settings = dict.fromkeys(stack(deployed)["Parameters"], "unused") | OPEN
    paths = {"$$.Execution.Name": run, "$.Parameters": parameters}
    environment = {
        item["Name"]: _filled(item["Value"], settings) if "Value" in item else paths[item["Value.$"]]
        for item in overrides["Environment"]
    }
    environment |= {"AWS_BATCH_JOB_ID": "job", "AWS_BATCH_JOB_ATTEMPT": "1"}
    return Task(_filled(overrides["Command"][-1], settings), environment)


def _filled(value: Any, settings: dict[str, str]) -> str:
    """A text of a template with its settings, as CloudFormation fills them in."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return settings[value["Ref"]]
    return _SUBSTITUTED.sub(lambda found: f"${{{found[2]}}}" if found[1] else settings[found[2]], value["Fn::Sub"])


def workflow(case: str) -> dict[str, Any]:
    """A Workflow as Argo Events made it by a Sensor of f324357."""
    found: dict[str, Any] = json.loads((DATA / "workflows" / f"{case}.json").read_text("utf-8"))
    return found


def on_argo_workflows(made: dict[str, Any]) -> Task:
    """The start step of a Workflow."""
    name = made["metadata"]["name"]
    deployed = made["spec"]["workflowTemplateRef"]["name"]
    (template,) = (item for item in objects(deployed) if item["kind"] == "WorkflowTemplate")
    spec = template["spec"]
    given = {item["name"]: item["value"] for item in spec["arguments"]["parameters"]}
    given |= {item["name"]: item["value"] for item in made["spec"].get("arguments", {}).get("parameters", [])}
    (start,) = (item for item in spec["templates"] if item["name"] == "start")

    def fill(text: str) -> str:
        text = _ENCODED.sub(lambda found: base64.b64encode(given[found[1]].encode()).decode(), text)
        text = text.replace("{{workflow.name}}", name)
        text = text.replace("{{workflow.creationTimestamp}}", "2026-01-02 03:04:05 +0000 UTC")
        text = _OPEN.sub(lambda found: OPEN[found[1]], text)
        assert "{{" not in text, text
        return text

    environment = {item["name"]: fill(item["value"]) for item in start["container"]["env"] if "value" in item}
    whole = fill(start["container"]["command"][-1])
    # The shell exports these two before the halves.
    return Task(whole, environment | {"METAFLOW_TASK_ID": "t-1", "INPUT_PATHS": ""})
