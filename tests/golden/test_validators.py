"""What validators that are not ours say of the whole outputs of all examples."""

from __future__ import annotations

import json
from fnmatch import fnmatch

import pytest
import yaml
from metaflow_triggers.backends.step_functions.compile.open_settings import resolve

from tests.unit.backends.argo.test_objects import OFFICIAL, SCHEMAS, _official

from .kept import paths
from .whole_outputs import everything

TEMPLATES = [path for path in paths() if fnmatch(path, "*/step-functions/*.yaml")]
OBJECTS = [path for path in paths() if fnmatch(path, "*/argo-workflows/*.yaml") or fnmatch(path, "_shared/*.yaml")]


def load(path: str):
    return yaml.load(everything()[path], getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def test_there_is_something_to_look_at():
    assert len(TEMPLATES) > 40
    assert {load(path)["kind"] for path in OBJECTS} >= {"Sensor", "EventSource", "WorkflowTemplate", "Role"}


@pytest.mark.parametrize("path", TEMPLATES)
def test_cfn_lint(path: str):
    import cfnlint.api
    from cfnlint.config import ManualArgs

    found = cfnlint.api.lint(everything()[path], config=ManualArgs(regions=["eu-west-1"]))
    assert [f"{one.rule.id} {one.message}" for one in found] == []


@pytest.mark.parametrize("path", TEMPLATES)
def test_statelint(path: str):
    from statelint.linter import Linter

    resources = load(path)["Resources"]
    seen = int("PollTable" in resources)  # its machine stands beside the job that it submits, in whole templates
    for resource in resources.values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = resolve(resource["Properties"]["Definition"], lambda _: "text", lambda *_: "text")
            # statelint 3.1.0 takes a dot or a hyphen in a path for a mistake; JSONPath and AWS do not. Upstream's tasks
            # and commands know this key by its name, so it is spelled otherwise for the linter alone.
            text = json.dumps(definition).replace("metaflow.run_id", "metaflow_run_id")
            text = text.replace("$.event['detail-type']", "$.event['detailtype']")
            assert Linter.validate(text) == []
            seen += 1
    assert seen


@pytest.mark.skipif(SCHEMAS is None, reason="Argo's own schemas: set ARGO_SCHEMAS_DIR to the folder that holds them")
def test_argo_schemas_closed():
    seen = set()
    for path in OBJECTS:
        found = [load(path)]
        if found[0]["kind"] == "Sensor":
            triggers = [trigger["template"] for trigger in found[0]["spec"]["triggers"]]
            found += [trigger["k8s"]["source"]["resource"] for trigger in triggers if "k8s" in trigger]
        for item in found:
            if item["kind"] in OFFICIAL:
                assert [error.message for error in _official(item["kind"]).iter_errors(item)] == [], path
                seen.add(item["kind"])
    assert seen >= {"Sensor", "EventSource", "WorkflowTemplate", "Workflow"}


@pytest.mark.skipif(SCHEMAS is None, reason="Argo's own schemas: set ARGO_SCHEMAS_DIR to the folder that holds them")
def test_kubernetes_objects_are_known_to_the_client():
    # The other kinds are Kubernetes' own; the client's models refuse unknown fields from version 37 on.
    import kubernetes.client

    models = {"ServiceAccount": "V1ServiceAccount", "Role": "V1Role", "RoleBinding": "V1RoleBinding"}
    models["NetworkPolicy"] = "V1NetworkPolicy"
    for path in OBJECTS:
        item = load(path)
        if item["kind"] in models:
            model = getattr(kubernetes.client, models[item["kind"]])
            if hasattr(model, "from_dict"):
                assert model.from_dict(item) is not None, path
