"""What polls a flow: deployed, changed, taken away, taken up again, and asked for by nobody who polls nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.shape import About
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy import converge
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.deploy.drift import words
from metaflow_triggers.backends.step_functions.deploy.inventory import inventory
from metaflow_triggers.backends.step_functions.deploy.polled import refuse_left_out
from metaflow_triggers.backends.step_functions.deploy.waiting import in_words
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.flows import PollTrigger

from ...unit.backends.step_functions.samples import CONFIGURED, POLLED_FLOW, SET_FLOW, WORKFLOW, poll, polled
from .account import Watched, clients, content
from .inside import account, in_a_copy
from .service import Aws
from .test_deploy import TOKEN
from .test_deploy_interrupted import cut_off_at_every_boundary

FLOW = POLLED_FLOW.name
MARKED = dataclasses.replace(CONFIGURED, project_id="shop", user="ada")
INBOX, ORDERS = poll("inbox"), poll("orders", 60)
STEPS = ("start", "end")
EMPTY: dict[str, Any] = {"group default": []}
TABLE = names.poll_table_name(FLOW)


def template(*polls: PollTrigger, of: Any = POLLED_FLOW, settings: Any = MARKED, image: str = "python:3.11") -> Any:
    workflow = json.loads(json.dumps(WORKFLOW).replace("python:3.11", image))
    return step_functions.manifests(of, polled(of, *polls), workflow, settings)[0].content


def deploy(aws: Any, *polls: PollTrigger, **more: Any) -> list[str]:
    """Deploys, and gives the writes."""
    watched = Watched(aws)
    create(template(*polls, **more), TOKEN, MARKED, watched.client)
    return sorted(watched.writes)


def remember(aws: Any, state: str) -> None:
    """As the poller writes."""
    claims = [{"generation": 1, "state": state, "name": "poll-inbox-x-g1"}]
    item = {"pk": {"S": "trigger#inbox"}, "state": {"S": json.dumps({"version": 1, "claims": claims})}}
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item)


def test_polls_are_deployed_changed_and_taken_away() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws)
            before = content(aws)
            assert {"CreateTable", "CreateScheduleGroup", "RegisterJobDefinition"} <= set(deploy(aws, INBOX))
            wanted = content(aws)
            assert deploy(aws, INBOX) == []
            # Another declaration is another revision, which the machine submits; the one before it may be at work.
            assert deploy(aws, INBOX, ORDERS) == ["RegisterJobDefinition", "UpdateStateMachine"]
            # The one of two versions ago goes.
            changed = deploy(aws, dataclasses.replace(INBOX, interval="5s", interval_milliseconds=5000))
            assert changed == ["DeregisterJobDefinition", "RegisterJobDefinition", "UpdateStateMachine"]
            deploy(aws, INBOX)
            # Two of it: the one that is submitted, and the one before.
            job = f"job definition {names.poller_job_name(FLOW)}"
            assert len(content(aws).pop(job)) == 2
            assert {key: value for key, value in content(aws).items() if key != job} == {
                key: value for key, value in wanted.items() if key != job
            }
            remember(aws, "succeeded")
            deploy(aws)
            assert content(aws) == before and deploy(aws) == []
            deploy(aws, INBOX)
            delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW)
            assert content(aws) == EMPTY

    in_a_copy(work)


def test_who_polls_nothing_asks_for_nothing_more() -> None:
    def work() -> None:
        with account() as aws:
            watched = Watched(aws)
            for _ in range(2):
                create(template(), TOKEN, MARKED, watched.client)
            assert not [call for call in watched.calls if "DynamoDB" in str(call) and TABLE in str(call)]
            assert not [call for call in watched.calls if names.poller_name(FLOW) in str(call)]

    in_a_copy(work)


def test_a_table_in_which_a_start_waits_stays_and_is_taken_up_again() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, INBOX)
            remember(aws, "claimed")
            (found,) = inventory("shop", Clients(aws.client))
            assert found.waiting == 1 and f"table {TABLE}" in found.objects
            done = delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW)
            assert in_words(done).startswith(f"waiting: 1 start waits in the table {TABLE}; a create under")
            assert set(content(aws)) == {*EMPTY, f"table {TABLE}"}
            deploy(aws, INBOX)
            row = aws.client("dynamodb").get_item(TableName=TABLE, Key={"pk": {"S": "trigger#inbox"}})["Item"]
            assert '"claimed"' in row["state"]["S"]
            delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW, drop_waiting=True)
            assert content(aws) == EMPTY

    in_a_copy(work)


def test_the_job_that_polls_is_ended_with_the_flow() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, INBOX)
            states = aws.client("stepfunctions")
            (machine,) = [
                one["stateMachineArn"]
                for one in states.list_state_machines()["stateMachines"]
                if one["name"] == names.poller_name(FLOW)
            ]
            execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
            assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
            watched = Watched(aws)
            delete(FLOW, make_client=watched.client, steps=STEPS, flow=FLOW)
            assert "StopExecution" in watched.writes and content(aws) == EMPTY

    in_a_copy(work)


def about(file: str, *polls: PollTrigger) -> About:
    of = dataclasses.replace(POLLED_FLOW, file=file)
    return About(of, {}, lambda model: [], list, polls=polls)


def test_a_trigger_whose_file_was_not_read_is_not_ended(tmp_path: Path) -> None:
    """FT515: the deployment knows of a trigger that the command has not read, and its file still has it."""
    (tmp_path / "orders.py").write_text("")
    (tmp_path / "polls.py").write_text("def inbox(): ...")
    file = str(tmp_path / "orders.py")
    beside = dataclasses.replace(INBOX, file=str(tmp_path / "polls.py"))
    of = dataclasses.replace(POLLED_FLOW, file=file)

    def work() -> None:
        with account() as aws:
            create(template(beside, of=of), TOKEN, MARKED, aws.client)
            before = content(aws)
            with pytest.raises(DiagnosticError, match="FT515: poll trigger `inbox`"):
                create(
                    template(of=of), TOKEN, MARKED, aws.client, judge=lambda found: refuse_left_out(found, about(file))
                )
            assert content(aws) == before
            plan = converge.plan(template(of=of), TOKEN, MARKED, aws.client)
            assert f"{FLOW} still starts when poll inbox fires (every 30s)" in words(plan)
            refuse_left_out(plan, about(file, beside))  # its file was read, and has another trigger by now
            (tmp_path / "polls.py").write_text("")
            refuse_left_out(plan, about(file))

    in_a_copy(work)


def test_drift_says_what_is_not_polled_yet() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, INBOX)
            told = words(converge.plan(template(INBOX, ORDERS), TOKEN, MARKED, clients(aws)))
            assert f"{FLOW} does not start when poll orders fires (every 60s) yet" in told
            assert "still starts" not in told
            assert words(converge.plan(template(INBOX), TOKEN, MARKED, clients(aws))).startswith("no difference")

    in_a_copy(work)


def test_a_poller_of_somebody_else_is_left_alone() -> None:
    def work() -> None:
        with account() as aws:
            key = {"AttributeName": "pk"}
            aws.client("dynamodb").create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{**key, "AttributeType": "S"}],
                KeySchema=[{**key, "KeyType": "HASH"}],
            )
            with pytest.raises(DiagnosticError, match=f"FT703: the table {TABLE}"):
                deploy(aws, INBOX)

    in_a_copy(work)


def _nothing(client: Any) -> None:
    pass


def _polled(client: Any) -> None:
    create(template(INBOX), TOKEN, MARKED, client)


def _sets_and_polls(client: Any) -> None:
    client("events").create_event_bus(Name="orders")
    late = poll("late", 3600, SET_FLOW)
    create(template(late, of=SET_FLOW), TOKEN, MARKED, client)


def _bare(client: Any) -> None:
    create(template(), TOKEN, MARKED, client)


def _gone(client: Any) -> None:
    delete(FLOW, make_client=client, steps=STEPS, flow=FLOW)


@pytest.mark.parametrize(
    ("before", "work"), [(_nothing, _polled), (_polled, _bare), (_polled, _gone)], ids=["made", "dropped", "deleted"]
)
def test_what_ends_anywhere_is_finished_by_the_next(before: Any, work: Any) -> None:
    ends, writes = cut_off_at_every_boundary(before, work, 5)
    assert ends > 3 and writes > 8


@pytest.mark.long
@pytest.mark.parametrize("every", [1])
def test_what_ends_at_any_write_is_finished_by_the_next(every: int) -> None:
    for before, work in ((_nothing, _polled), (_polled, _bare), (_polled, _gone)):
        cut_off_at_every_boundary(before, work, every)


def test_sets_and_polls_of_one_flow_have_a_table_each(aws: Aws) -> None:
    _sets_and_polls(aws.client)
    tables = {name for name in content(aws) if name.startswith("table ")}
    assert tables == {f"table {names.table_name('SetFlow')}", f"table {names.poll_table_name('SetFlow')}"}
    watched = Watched(aws)
    create(template(poll("late", 3600, SET_FLOW), of=SET_FLOW), TOKEN, MARKED, watched.client)
    assert watched.writes == []
