"""Events that wait: `create` and `delete` leave the table and the queue that hold them, say so, take them up again."""

from __future__ import annotations

import dataclasses
from typing import Any

from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.deploy.instructions import Step
from metaflow_triggers.backends.step_functions.deploy.objects import QUEUE as QUEUES
from metaflow_triggers.backends.step_functions.deploy.objects import TABLE as TABLES
from metaflow_triggers.backends.step_functions.deploy.waiting import in_words

from ...unit.backends.step_functions.samples import CONFIGURED, SET_FLOW, flow
from .account import clients, content
from .inside import account, in_a_copy
from .service import Aws
from .test_deploy import TOKEN, everything, template
from .test_sets import QUEUE, TABLE, deploy, pair, send, sets
from .test_sets import content as runnable


def waits(steps: list[Step]) -> dict[str, int]:
    return {step.name: step.was["waiting"] for step in steps if step.verb == "kept"}


def test_what_waits_in_a_set_is_counted_and_taken_up_by_the_next_create(aws: Aws) -> None:
    deploy(aws, pair("queue"))
    send(aws, "a1", "a2", "b1")
    assert sets(aws) == [("a1", "b1")]
    found = delete("OrderFlow", clients(aws))
    assert waits(found) == {TABLE: 1}
    assert everything(aws)["tables"] == [TABLE] and everything(aws)["queues"] == []
    again = create(runnable(pair("queue")), {}, CONFIGURED, aws.client)
    assert [step.verb for step in again if step.type == TABLES] == ["unchanged"]
    send(aws, "b2", first=3)
    assert len(sets(aws)) == 1, "the run of the first deployment went with its state machine"
    assert sets(aws)[0][1] == "b2"
    # Nothing waits any more, though the table knows which events came.
    assert waits(delete("OrderFlow", clients(aws))) == {}
    assert everything(aws)["tables"] == []


def test_what_was_not_delivered_stays_and_both_commands_are_said(aws: Aws) -> None:
    deploy(aws, pair("latest"))
    send(aws, "a1", "a2")
    sqs = clients(aws)("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=f"{number}")
    sqs.receive_message(QueueUrl=url)  # somebody looks at one of them
    found = delete("OrderFlow", clients(aws))
    assert waits(found) == {TABLE: 1, QUEUE: 3}
    assert in_words(found).splitlines() == [
        f"waiting: 1 event waits in the table {TABLE} and 3 events wait in the queue {QUEUE}; "
        "a create under the same name takes them up.",
        "To drop them: delete --drop-waiting, or",
        f"  aws dynamodb delete-table --table-name {TABLE} --region eu-west-1",
        f"  aws sqs delete-queue --queue-url {url} --region eu-west-1",
    ]
    assert (everything(aws)["machines"], everything(aws)["roles"]) == ([], [])
    # Again the same; then, asked to, without them.
    assert waits(delete("OrderFlow", clients(aws))) == {TABLE: 1, QUEUE: 3}
    dropped = delete("OrderFlow", clients(aws), drop_waiting=True)
    assert [(step.verb, step.type) for step in dropped] == [("deleted", TABLES), ("deleted", QUEUES)]
    assert (everything(aws)["tables"], everything(aws)["queues"]) == ([], [])


def put(aws: Any, deployed: str) -> None:
    """A set of a dependency that the flow no longer has, and one that begins."""
    table = names.table_name(deployed)
    for key, row in (("set-old", {"slot_0": {"L": [{"S": "x"}, {"S": "y"}]}}), ("set-new", {"claim_0": {"S": "z"}})):
        clients(aws)("dynamodb").put_item(TableName=table, Item={"pk": {"S": key}, **row})
    clients(aws)("dynamodb").put_item(TableName=table, Item={"pk": {"S": "seen-x"}, "expires": {"N": "1"}})


def test_a_version_without_the_set_leaves_what_waits_in_it() -> None:
    def work() -> None:
        with account() as aws:
            create(template(SET_FLOW), TOKEN, CONFIGURED, clients(aws))
            put(aws, "SetFlow")
            table = names.table_name("SetFlow")
            assert waits(create(template(flow("SetFlow")), TOKEN, CONFIGURED, clients(aws))) == {table: 3}
            before = content(aws)
            second = create(template(flow("SetFlow")), TOKEN, CONFIGURED, clients(aws))
            assert {step.verb for step in second} == {"unchanged", "kept"} and content(aws) == before
            back = create(template(SET_FLOW), TOKEN, CONFIGURED, clients(aws))
            assert waits(back) == {} and [step.verb for step in back if step.type == TABLES] == ["unchanged"]

    in_a_copy(work)


def test_a_renamed_flow_leaves_what_waits_under_the_old_name() -> None:
    def work() -> None:
        with account() as aws:
            create(template(SET_FLOW), TOKEN, CONFIGURED, clients(aws))
            put(aws, "SetFlow")
            renamed = dataclasses.replace(SET_FLOW, name="RenamedFlow")
            done = create(template(renamed), TOKEN, CONFIGURED, clients(aws), replaces=("SetFlow",))
            assert waits(done) == {names.table_name("SetFlow"): 3}
            left = {name for name in content(aws) if "SetFlow" in name}
            assert left == {f"table {names.table_name('SetFlow')}"}

    in_a_copy(work)
