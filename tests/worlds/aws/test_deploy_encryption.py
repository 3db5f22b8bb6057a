"""A key of the customer: deployed, changed, taken away, and seen where somebody changes it by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy import converge
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.backends.step_functions.deploy.drift import words
from metaflow_triggers.backends.step_functions.deploy.preflight import missing_things

from ...unit.backends.step_functions.samples import CONFIGURED, SET_FLOW
from .account import Watched, clients, content
from .inside import account, in_a_copy
from .service import Aws
from .test_deploy import TOKEN, template

TABLE, QUEUE = names.table_name("SetFlow"), names.queue_name("SetFlow")


ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-"
KEYS = [dataclasses.replace(CONFIGURED, kms_key=f"{ARN}{number * 12}") for number in "12"]


def deploy(aws: Aws, settings: Any) -> list[str]:
    """Deploys, and gives the writes."""
    watched = Watched(aws)
    create(template(SET_FLOW, settings), TOKEN, settings, watched.client)
    return sorted(watched.writes)


def encryption(aws: Aws) -> tuple[Any, Any, Any]:
    """(key of the queue, whether SQS has its own, key of the table)."""
    sqs = aws.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], AttributeNames=["All"])
    table = aws.client("dynamodb").describe_table(TableName=TABLE)["Table"].get("SSEDescription", {})
    attributes = found["Attributes"]
    return attributes.get("KmsMasterKeyId") or None, attributes["SqsManagedSseEnabled"], table.get("KMSMasterKeyArn")


def test_a_key_is_deployed_changed_and_taken_away() -> None:
    def work() -> None:
        with account() as aws:
            first, second = KEYS
            deploy(aws, CONFIGURED)
            before = content(aws)
            assert encryption(aws) == (None, "true", None)
            for settings in (first, second):
                assert {"SetQueueAttributes", "UpdateTable"} <= set(deploy(aws, settings))
                assert encryption(aws) == (settings.kms_key, "false", settings.kms_key)
                assert deploy(aws, settings) == []
            deploy(aws, CONFIGURED)
            assert encryption(aws) == (None, "true", None)
            assert deploy(aws, CONFIGURED) == []
            assert {name for name in before if before[name] != content(aws)[name]} <= {f"queue {QUEUE}"}

    in_a_copy(work)


def test_a_first_deployment_has_the_key() -> None:
    def work() -> None:
        with account() as aws:
            made = deploy(aws, KEYS[0])
            assert "CreateTable" in made and "UpdateTable" not in made
            assert encryption(aws) == (KEYS[0].kms_key, "false", KEYS[0].kms_key)
            assert deploy(aws, KEYS[0]) == []

    in_a_copy(work)


def test_what_somebody_changes_by_hand_is_said_and_mended() -> None:
    def work() -> None:
        with account() as aws:
            settings, other = KEYS[0], KEYS[1].kms_key
            deploy(aws, settings)
            sqs, dynamo = aws.client("sqs"), aws.client("dynamodb")
            url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]

            def said() -> str:
                return words(converge.plan(template(SET_FLOW, settings), TOKEN, settings, clients(aws)))

            assert said().startswith("no difference")
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": other})
            assert said().startswith("the queue") and "KmsMasterKeyId is " in said() and other[-12:] in said()
            dynamo.update_table(TableName=TABLE, SSESpecification={"Enabled": False})
            assert "the table" in said() and "key is not there" in said()
            writes = deploy(aws, settings)
            assert writes == ["SetQueueAttributes", "UpdateTable"]
            assert encryption(aws) == (settings.kms_key, "false", settings.kms_key)

    in_a_copy(work)


def test_a_key_that_is_not_there_is_told_before_anything_is_made(aws: Aws) -> None:
    made = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    there, gone = dataclasses.replace(CONFIGURED, kms_key=made), KEYS[0]
    found = {
        settings.kms_key: [
            one
            for one in missing_things(template(SET_FLOW, settings), settings, Clients(aws.client))
            if "METAFLOW_TRIGGERS_KMS_KEY" in one.helps[0]
        ]
        for settings in (there, gone)
    }
    assert found[there.kms_key] == []
    (told,) = found[gone.kms_key]
    assert told.code == "FT706" and gone.kms_key in told.message


def test_a_log_group_is_deployed_and_taken_away() -> None:
    group = "arn:aws:logs:eu-west-1:123456789012:log-group:/metaflow/failures:*"
    logged = dataclasses.replace(CONFIGURED, log_group=group)

    def levels(aws: Aws) -> set[str]:
        states = clients(aws)("stepfunctions")
        found = [
            states.describe_state_machine(stateMachineArn=item["stateMachineArn"])
            for item in states.list_state_machines()["stateMachines"]
            if item["name"] != "SetFlow"
        ]
        return {(one.get("loggingConfiguration") or {}).get("level", "OFF") for one in found}

    def work() -> None:
        with account() as aws:
            deploy(aws, CONFIGURED)
            assert levels(aws) == {"OFF"}
            deploy(aws, logged)
            assert levels(aws) == {"ERROR"} and deploy(aws, logged) == []
            deploy(aws, CONFIGURED)
            assert levels(aws) == {"OFF"} and deploy(aws, CONFIGURED) == []

    in_a_copy(work)
