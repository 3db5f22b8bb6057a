"""How what the triggers keep is encrypted: as Metaflow's setting says, and with a key of the customer."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.deploy.policies import SCHEMA, policies
from metaflow_triggers.backends.step_functions.verify.read_back import differences
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.seams.configuration import read_settings

from tests.flows import GRAPH

from .samples import BARE_FLOW, CONFIGURED, MAPPING_FLOW, OPEN, SET_FLOW, TIMED_FLOW, WORKFLOW

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FLOWS = [MAPPING_FLOW, SET_FLOW, TIMED_FLOW]
KEYED = dataclasses.replace(CONFIGURED, kms_key=KEY)
REF = {"Ref": "KmsKeyArn"}
GIVEN = dict.fromkeys(("events_role", "starter_role", "correlator_role", "scheduler_role"), "arn:aws:iam::1:role/x")


def template(item: Any, settings: Any) -> Any:
    return step_functions.manifests(item, GRAPH, WORKFLOW, settings)[0].content


def stored(content: Any) -> list[tuple[Any, Any]]:
    """(method, key) of everything that our state machines store on S3."""
    return [
        (state["Parameters"].get("ServerSideEncryption"), state["Parameters"].get("SsekmsKeyId"))
        for logical, resource in content["Resources"].items()
        if resource["Type"] == "AWS::StepFunctions::StateMachine" and logical != "StateMachine"
        for state in resource["Properties"]["Definition"]["States"].values()
        if "s3:putObject" in json.dumps(state.get("Resource"))
    ]


def key_rights(content: Any) -> dict[str, tuple[list[str], list[str]]]:
    """Role -> (actions on the key, services through which)."""
    out = {}
    for name, role in content["Resources"].items():
        for policy in role["Properties"].get("Policies", []):
            for one in policy["PolicyDocument"]["Statement"]:
                if "kms:" in json.dumps(one):
                    assert one["Resource"] == REF and one["Effect"] == "Allow"
                    (condition,) = one["Condition"].items()
                    assert condition[0] == "StringEquals" and list(condition[1]) == ["kms:ViaService"]
                    places = condition[1]["kms:ViaService"]
                    places = places if isinstance(places, list) else [places]
                    services = [item["Fn::Sub"].removesuffix(".${AWS::Region}.amazonaws.com") for item in places]
                    actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
                    out[name] = actions, services
    return out


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_without_the_settings_nothing_speaks_of_a_key(item: Any) -> None:
    for settings in (OPEN, CONFIGURED):
        content = template(item, settings)
        text = json.dumps(content) + json.dumps(policies(content, settings, emits=True))
        assert not [word for word in ("Kms", "kms:", "ServerSideEncryption", "SSESpec") if word in text]
        assert content["Resources"]["DeadLetterQueue"]["Properties"]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize(
    "method, key, fields",
    [
        ("AES256", None, ("AES256", None)),
        ("aws:kms", None, ("aws:kms", None)),
        (None, KEY, ("aws:kms", REF)),
        ("aws:kms", KEY, ("aws:kms", REF)),
        ("aws:kms:dsse", KEY, ("aws:kms:dsse", REF)),
        ("AES256", KEY, ("AES256", None)),
    ],
)
def test_objects_are_stored_as_the_settings_say(method: Any, key: Any, fields: Any) -> None:
    settings = dataclasses.replace(CONFIGURED, s3_encryption=method, kms_key=key)
    assert stored(template(MAPPING_FLOW, settings)) == [fields]
    found = stored(template(SET_FLOW, settings))
    assert len(found) >= 2 and set(map(str, found)) == {str(fields)}
    for item in FLOWS:
        content = template(item, settings)
        assert findings(policies(content, settings, emits=True), SCHEMA, True) == []
        assert findings(content, "step_functions/template", True) == []
        via = {service for _, services in key_rights(content).values() for service in services}
        assert ("s3" in via) == (fields[1] == REF and item is not TIMED_FLOW)


def test_queue_and_table_have_the_customers_key() -> None:
    resources = template(SET_FLOW, KEYED)["Resources"]
    queue, table = resources["DeadLetterQueue"]["Properties"], resources["SetTable"]["Properties"]
    assert queue["KmsMasterKeyId"] == REF and "SqsManagedSseEnabled" not in queue
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": REF}
    parameter = template(SET_FLOW, KEYED)["Parameters"]["KmsKeyArn"]
    assert parameter["Default"] == KEY and parameter["AllowedPattern"].startswith("arn:")


def test_roles_may_use_the_key_through_what_they_use_and_no_other() -> None:
    both = ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key_rights(template(MAPPING_FLOW, KEYED)) == {"StarterRole": (both, ["s3", "sqs"])}
    sets = key_rights(template(SET_FLOW, KEYED))
    gathers = {name: told for name, told in sets.items() if "Correlator" in name}
    assert gathers and all(told == (both, ["s3", "sqs", "dynamodb"]) for told in gathers.values())
    assert all(told == (both, ["sqs"]) for name, told in sets.items() if name == "SchedulerRole")
    assert key_rights(template(TIMED_FLOW, KEYED))["SchedulerRole"] == (both, ["sqs"])


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_the_printed_roles_have_the_same_rights_and_tasks_may_read(item: Any) -> None:
    content = template(item, KEYED)
    printed = key_rights(policies(content, KEYED, emits=True))
    assert printed.pop("TaskRole") == (["kms:Decrypt"], ["s3"])
    assert printed == key_rights(content)
    given = dataclasses.replace(KEYED, **GIVEN)
    others = policies(template(item, given), given, emits=True)
    assert others == policies(content, KEYED, emits=True)
    for reference in (True, False):
        assert findings(others, SCHEMA, reference) == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a template speaks of encryption."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("KmsMasterKeyId", "SSESpecification", "ServerSideEncryption", "SsekmsKeyId", "kms:ViaService"):
                yield (*path, key)
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def without(content: Any, path: tuple[Any, ...]) -> Any:
    out = copy.deepcopy(content)
    target = out
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    return out


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_a_template_that_encrypts_otherwise_is_noticed(item: Any) -> None:
    content = template(item, KEYED)
    assert list(differences(content, item, KEYED)) == []
    found = list(places(content["Resources"], ("Resources",)))
    assert {"KmsMasterKeyId", "kms:ViaService"} <= {path[-1] for path in found}
    for path in found:
        assert list(differences(without(content, path), item, KEYED)) != [], path
    # A template of other settings is told by each of its objects.
    assert list(differences(content, item, CONFIGURED)) != []
    assert list(differences(template(item, CONFIGURED), item, KEYED)) != []


def test_what_our_schema_takes_beside_each_other() -> None:
    content = template(SET_FLOW, KEYED)
    both = copy.deepcopy(content)
    both["Resources"]["DeadLetterQueue"]["Properties"]["SqsManagedSseEnabled"] = True
    neither = without(content, ("Resources", "DeadLetterQueue", "Properties", "KmsMasterKeyId"))
    wide = copy.deepcopy(content)
    for path in places(wide["Resources"], ("Resources",)):
        if path[-1] == "kms:ViaService":
            target = wide
            for step in path:
                target = target[step]
            target.append({"Fn::Sub": "lambda.${AWS::Region}.amazonaws.com"})
    for broken in (both, neither, wide):
        for reference in (True, False):
            assert findings(broken, "step_functions/template", reference) != []


def test_cfn_lint() -> None:
    import cfnlint.api
    from cfnlint.config import ManualArgs

    for content in (template(SET_FLOW, KEYED), policies(template(SET_FLOW, KEYED), KEYED, emits=True)):
        found = cfnlint.api.lint(yaml_text(content), config=ManualArgs(regions=["eu-west-1"]))
        assert [f"{one.rule.id} {one.message}" for one in found] == []


def test_settings_that_aws_would_refuse_are_told() -> None:
    def told(item: Any, **said: str) -> list[str]:
        found = step_functions.refusals(item, GRAPH, dataclasses.replace(CONFIGURED, **said))
        return [one.code for one in found]

    assert told(MAPPING_FLOW, kms_key=KEY, s3_encryption="aws:kms") == []
    for wrong in (KEY.replace("key/", "alias/"), KEY.rpartition("/")[2], "alias/mine", KEY + "\n"):
        assert told(MAPPING_FLOW, kms_key=wrong) == ["FT017"], wrong
    assert told(MAPPING_FLOW, s3_encryption="aes256") == ["FT017"]
    assert told(BARE_FLOW, kms_key="mine", s3_encryption="aes256") == []


def test_the_settings_are_metaflows_and_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_S3_SERVER_SIDE_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("METAFLOW_TRIGGERS_KMS_KEY", KEY)
    assert (read_settings().s3_encryption, read_settings().kms_key) == ("aws:kms", KEY)
    monkeypatch.setenv("METAFLOW_S3_SERVER_SIDE_ENCRYPTION", "")
    monkeypatch.delenv("METAFLOW_TRIGGERS_KMS_KEY")
    assert (read_settings().s3_encryption, read_settings().kms_key) == (None, None)
