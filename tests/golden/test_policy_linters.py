"""What linters of IAM policies say of every policy that is emitted: nothing, or a finding that the table explains."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile.open_settings import resolve
from metaflow_triggers.backends.step_functions.deploy.policies import policies
from metaflow_triggers.manifests.text import yaml_text

from tests.flows import GRAPH
from tests.unit.backends.step_functions.samples import CONFIGURED, MAPPING_FLOW, OPEN, SET_FLOW, TIMED_FLOW, WORKFLOW

GOLDEN = Path(__file__).parents[2] / "golden"
VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "DatastoreBucket": "flows",
    "DatastorePrefix": "metaflow",
    "DynamoDbTable": "sizes",
    "BatchJobQueue": "queue",
}
NAMES = {
    "AWS::DynamoDB::Table": ("dynamodb", "table/", "TableName"),
    "AWS::SQS::Queue": ("sqs", "", "QueueName"),
    "AWS::StepFunctions::StateMachine": ("states", "stateMachine:", "StateMachineName"),
}

EXPLAINED = {
    ("trust", "MALFORMED", "Statement contains neither Resource nor NotResource"): (
        "a trust policy has no Resource: it is the role's own"
    ),
    ("run-the-steps", "RESOURCE_MISMATCH", "batch:SubmitJob arn:*:batch:*:*:job-definition/*"): (
        "revisions of a definition are allowed, which the linter's list of resources counts as another kind"
    ),
    ("submit-the-poller", "RESOURCE_MISMATCH", "batch:SubmitJob arn:*:batch:*:*:job-definition/*"): "the same",
    ("submit-the-poller", "RESOURCE_MISMATCH", "states:ListExecutions arn:*:states:*:*:mapRun:*/*:*"): (
        "of one state machine, which has no map runs"
    ),
    ("poll-and-start", "RESOURCE_MISMATCH", "states:DescribeExecution arn:*:states:*:*:express:*:*:*"): (
        "the flow's state machine is a standard one"
    ),
}
"""(policy, issue, detail) of every finding -> why it stays."""


@cache
def templates() -> dict[str, dict[str, Any]]:
    """Every template with a policy in it: the goldens, and samples of each kind of flow with all roles."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((*GOLDEN.glob("**/step-functions/*.yaml"), *GOLDEN.glob("*/policies.yaml"))):
        found[str(path.relative_to(GOLDEN))] = yaml.load(path.read_text(), loader)
    for flow in (MAPPING_FLOW, SET_FLOW, TIMED_FLOW):
        for settings in (OPEN, CONFIGURED):
            content = step_functions.manifests(flow, GRAPH, WORKFLOW, settings)[0].content
            name = f"{flow.name}{'' if settings is OPEN else ' with settings'}"
            found[name] = content
            found[f"{name}, roles"] = policies(content, settings, emits=True)
    return found


def documents(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, policy) of each policy of a template, with values for what is open."""

    def attribute(logical: str, _: str) -> str:
        resource = template["Resources"][logical]
        service, before, key = NAMES.get(resource["Type"], ("iam", "role/", ""))
        return f"arn:aws:{service}:eu-west-1:123456789012:{before}{resource['Properties'].get(key, logical)}"

    for resource in template["Resources"].values():
        properties = resource["Properties"]
        found = [(item["PolicyName"], item["PolicyDocument"]) for item in properties.get("Policies", [])]
        if "AssumeRolePolicyDocument" in properties:
            found.append(("trust", properties["AssumeRolePolicyDocument"]))
        if "PolicyDocument" in properties:
            found.append(("queue", properties["PolicyDocument"]))
        for name, document in found:
            yield name, resolve(document, VALUES.__getitem__, attribute)


@pytest.fixture(scope="module")
def parliament() -> Any:
    """The linter. It asks `pkg_resources`, which setuptools no longer has, where its own files are."""

    def resource_filename(package: str, name: str) -> str:
        found = importlib.util.find_spec(package)
        assert found is not None and found.origin is not None
        return os.path.join(os.path.dirname(found.origin), name)

    before = sys.modules.get("pkg_resources")
    stand_in = types.ModuleType("pkg_resources")
    stand_in.resource_filename = resource_filename  # type: ignore[attr-defined]
    sys.modules["pkg_resources"] = stand_in
    try:
        import parliament as made
    finally:
        del sys.modules["pkg_resources"]
        if before is not None:
            sys.modules["pkg_resources"] = before
    return made


def said(parliament: Any, name: str, document: Any) -> set[tuple[str, str, str]]:
    found = parliament.analyze_policy_string(json.dumps(document), include_community_auditors=True).findings
    out = set()
    for one in found:
        details = one.detail if isinstance(one.detail, list) else [one.detail]
        for detail in details:
            text = f"{detail['action']} {detail['required_format']}" if "required_format" in detail else str(detail)
            out.add((name, one.issue, text))
    return out


def test_parliament_finds_nothing_that_is_not_explained(parliament: Any) -> None:
    found: dict[tuple[str, str, str], str] = {}
    names: list[str] = []
    for path, template in templates().items():
        for name, document in documents(template):
            names.append(name)
            found |= dict.fromkeys(said(parliament, name, document), path)
    assert len(names) > 100
    assert {"queue", "trust", "store-and-start", "gather-and-start", "start-at-times", "keep-data"} <= set(names)
    unexplained = {finding: path for finding, path in found.items() if finding not in EXPLAINED}
    assert unexplained == {}
    assert set(EXPLAINED) <= set(found), "explained, and not found any more"


def test_parliament_sees_what_a_reviewer_would(parliament: Any) -> None:
    wide = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    wrong = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::flows"}
    issues = {
        issue
        for one in (wide, wrong)
        for _, issue, _ in said(parliament, "x", {"Version": "2012-10-17", "Statement": [one]})
    }
    assert "RESOURCE_MISMATCH" in issues and len(issues) > 1


def test_cfn_lint_knows_the_actions_and_their_resources() -> None:
    """Its rules about IAM, the informational ones too."""
    import cfnlint.api
    from cfnlint.config import ManualArgs

    about = ("E3510", "E3512", "E3513", "I3510", "W3037", "W3663")
    for path in ("OrderFlow, roles", "SetFlow with settings, roles"):  # whole templates are linted beside this
        config = ManualArgs(regions=["eu-west-1"], include_checks=["I"])
        found = cfnlint.api.lint(yaml_text(templates()[path]), config=config)
        assert [str(one.rule.id) for one in found if one.rule.id in about] == [], path
