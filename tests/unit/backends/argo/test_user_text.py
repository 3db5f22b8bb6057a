"""The user's `{{...}}` arrives as it is written, or is refused with step and place."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.argo.compile import user_text
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests import job_set

from tests.worlds.argo.kubernetes_variables import expanded

from .argo_flows import flow

SCOPE = {"workflow.name": "WORKFLOW", "inputs.parameters.x": "INPUT", "item": "ITEM", "retries": "0", "pod.name": "POD"}
TEXTS = [
    "Hello {{ name }} {{workflow.name}} {{=1+1}}",
    "{{inputs.parameters.price}} {{item.price}}",
    "{{ unclosed",
    "}} {{",
    "{{{workflow.name}}}",
    "{{{{{{",
    "${{ github.sha }} $${{x}} $(X) $(UNCLOSED {{ x }",
    "$({{workflow.name}}) $(KNOWN) $$(KNOWN) $",
    '{"a": {"b": "{{workflow.name}}"}}',
    "{{ a }}",
    "{% raw %}{{workflow.name}}{% endraw %}",
    "$",
    "",
]


def argo(text: str) -> str:
    """One reading of an object's JSON text by Argo's controller (util/template): from `{{` to the next `}}`."""

    def filled(match: re.Match[str]) -> str:
        tag = match[1]
        if tag.startswith("="):
            return "EVALUATED"
        inner = tag.rpartition("{{")
        if tag.strip() not in SCOPE and inner[1] and inner[2] in SCOPE:
            return "{{" + inner[0] + SCOPE[inner[2]]
        return SCOPE.get(tag.strip(), match[0])

    return re.sub(r"\{\{(.*?)\}\}", filled, text, flags=re.DOTALL)


def arrived(environment: list[dict[str, str]], readings: int) -> dict[str, str]:
    """The variables of a container, after Argo has read its pod several times and Kubernetes once."""
    text = json.dumps({"env": environment, "tail": {"run": {"id": "argo-{{workflow.name}}"}}})
    for _ in range(readings):
        text = argo(text)
    found: dict[str, str] = {"KNOWN": "known"}
    for entry in json.loads(text)["env"]:
        found[entry["name"]] = expanded(entry["value"], found)
    return found


def template(*environment: tuple[str, str], **metadata: Any) -> Any:
    """A WorkflowTemplate of upstream's with one step."""
    annotations = {"metaflow/step_name": "start", "metaflow/attempt": "{{retries}}", **metadata.get("annotations", {})}
    env = [{"name": "ARGO_WORKFLOW_NAME", "value": "{{workflow.name}}"}]
    env += [{"name": name, "value": value} for name, value in environment]
    command = ["bash", "-c", "x --run-id argo-{{workflow.name}} {{=toBase64(workflow.parameters['a'])}} {{retries}}"]
    pods = {"metaflow/run_id": "argo-{{workflow.name}}", **metadata.get("pods", {})}
    return {
        "metadata": {"annotations": {"metaflow/tags": json.dumps(metadata.get("tags", []))}},
        "spec": {
            "podMetadata": {"annotations": dict(pods)},
            "workflowMetadata": {"annotations": dict(pods)},
            "templates": [
                {
                    "name": "start",
                    "metadata": {"annotations": annotations, "labels": metadata.get("labels", {})},
                    "container": {"env": env, "command": [*command, *metadata.get("command", [])]},
                }
            ],
        },
    }


def kept(before: Any) -> Any:
    after = copy.deepcopy(before)
    user_text.keep(after, flow())
    return after


def refusals(before: Any) -> list[tuple[str, str]]:
    with pytest.raises(DiagnosticError) as caught:
        kept(before)
    return [(item.code, item.message) for item in caught.value.diagnostics]


def as_kubernetes_alone(text: str) -> str:
    """What arrives where nobody but Kubernetes reads the text: on every backend that has its containers there."""
    return expanded(text, {"KNOWN": "known"})


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("readings", [1, 2, 5])
def test_a_variable_arrives_as_it_is_written(text: str, readings: int) -> None:
    (step,) = kept(template(("BEFORE", "x"), ("TEXT", text), ("AFTER", "{")))["spec"]["templates"]
    found = arrived(step["container"]["env"], readings)
    assert (found["TEXT"], found["AFTER"]) == (as_kubernetes_alone(text), "{")
    assert found["ARGO_WORKFLOW_NAME"] == "WORKFLOW"


def test_any_text_arrives() -> None:
    generator = random.Random("braces")
    parts = [
        "{",
        "{",
        "{",
        "}",
        "}}",
        "$",
        "(",
        ")",
        "$(",
        "$$",
        "$(KNOWN)",
        "workflow.name",
        "=",
        " ",
        "x",
        '"',
        "\\",
        "é",
    ]
    for _ in range(3000):
        text = "".join(generator.choices(parts, k=generator.randint(1, 14)))
        assert "{{" not in user_text.carried(text)
        (step,) = kept(template(("TEXT", text)))["spec"]["templates"]
        assert arrived(step["container"]["env"], 3)["TEXT"] == as_kubernetes_alone(text), text


def test_what_needs_nothing_is_left_alone() -> None:
    before = template(("A", "{ } $(X) {x{"), annotations={"note": "{{ name }}"}, pods={"metaflow/tags": "[]"})
    assert kept(before) == before


def job_sets(note: str) -> Any:
    """A WorkflowTemplate with one @parallel step, whose text is as upstream leaves it."""
    env = [{"name": "MF_WORLD_SIZE", "value": "{{inputs.parameters.num-parallel}}"}]
    env.append({"name": "TEXT", "value": "{{=1+1}} {{workflow.name}}"})
    annotations = {"metaflow/run_id": "argo-{{workflow.name}}", "note": note}
    pod = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "train", "env": env}]}}
    workers = "{{=asInt(inputs.parameters.workerCount)}}"
    job = {"name": "worker", "replicas": workers, "template": {"spec": {"template": pod}}}
    whole = {"metadata": {"name": "{{inputs.parameters.jobset-name}}"}, "spec": {"replicatedJobs": [job]}}
    text = yaml.safe_dump(whole).replace(f"'{workers}'", workers)
    inputs = [{"name": name} for name in ("jobset-name", "num-parallel", "workerCount")]
    step = {"name": "train", "inputs": {"parameters": inputs}, "resource": {"manifest": text}}
    return {"metadata": {}, "spec": {"templates": [step]}}


def test_a_job_sets_text_is_kept_too() -> None:
    (after,) = kept(job_sets("{{ note }}"))["spec"]["templates"]
    seen: list[Any] = []
    job_set.with_containers(after["resource"]["manifest"], seen.append)
    assert arrived(seen[0]["env"], 2)["TEXT"] == "{{=1+1}} {{workflow.name}}"
    (told,) = refusals(job_sets("{{workflow.name}}"))
    assert told[1].startswith("the annotation `note` of step `train` of `DemoFlow` holds `{{workflow.name}}`")


@pytest.mark.parametrize("text", ["{{workflow.name}}", "a {{=1+1}}", "{{ inputs.parameters.x }}", "{{", "{{ a {{ b }}"])
def test_what_nothing_can_carry_is_refused_with_step_and_place(text: str) -> None:
    shown = text.removeprefix("a ")
    told = f"holds `{shown}`, which Argo Workflows would fill in"
    where = {
        "the annotation `note` of step `start`": template(annotations={"note": text}),
        "the label `note` of step `start`": template(labels={"note": text}),
        f"the tag `{text}` of the run": template(tags=[text]),
        "the command of step `start`": template(command=[text]) if "name" not in text else None,
    }
    for place, before in where.items():
        if before is not None:
            assert refusals(before) == [("FT512", f"{place} of `DemoFlow` {told}")]


def test_other_settings_of_a_step_may_hold_what_the_run_is_called_and_nothing_that_cannot_be() -> None:
    before = template()
    step = before["spec"]["templates"][0]
    step["container"]["image"] = "registry/{{workflow.name}}:1"
    assert kept(before) == before
    step["container"]["image"] = "registry/{{inputs.parameters.tag}}"
    step["nodeSelector"] = {"zone": "{{=zone}}"}
    assert refusals(before) == [
        ("FT512", f"`{key}` of step `start` of `DemoFlow` holds `{tag}`, which Argo Workflows would fill in")
        for key, tag in (("zone", "{{=zone}}"), ("image", "{{inputs.parameters.tag}}"))
    ]


def test_each_place_is_told_once() -> None:
    before = template(annotations={"a": "{{=1}}", "b": "{{=1}}"}, labels={"c": "{{=1}}"})
    assert len(refusals(before)) == 3


@pytest.mark.parametrize("text", ["{{ name }}", "{{user.name}} {{ }}", "{{items}}", "{{my-workflow.name}}", "}}", "{"])
def test_other_tags_stay_as_they_are(text: str) -> None:
    before = template(annotations={"note": text}, tags=[text], pods={"workflows.argoproj.io/title": text})
    assert kept(before) == before
    assert argo(json.dumps({"a": text})) == json.dumps({"a": text})


def test_copies_of_what_the_template_says_are_not_filled_in() -> None:
    parameters = json.dumps({"p": {"value": '"{{workflow.name}}"', "description": "{{=1+1}} {{"}})
    title = "{{workflow.name}} of {{ team }}"
    pods = {"metaflow/parameters": parameters, "workflows.argoproj.io/title": title, "other": "{ {"}
    before = template(pods=pods)
    before["metadata"]["annotations"] |= {"metaflow/parameters": parameters, "workflows.argoproj.io/title": title}
    after = kept(before)
    assert after["metadata"] == before["metadata"]
    for holder in (after["spec"]["podMetadata"], after["spec"]["workflowMetadata"]):
        text = argo(argo(json.dumps(holder["annotations"])))
        found = json.loads(text)
        assert json.loads(found["metaflow/parameters"]) == json.loads(parameters)
        assert "workflows.argoproj.io/title" not in found
        assert (found["metaflow/run_id"], found["other"]) == ("argo-WORKFLOW", "{ {")
