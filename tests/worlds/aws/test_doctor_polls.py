"""`doctor` about pollers that are deployed on AWS: each fault is one line that is lacking, with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.doctor.asking import Account
from metaflow_triggers.backends.step_functions.doctor.pollers import pollers
from metaflow_triggers.backends.step_functions.doctor.rights import _asked
from metaflow_triggers.doctor.findings import FINE, LACKING, NOT_ASKED, Finding
from metaflow_triggers.polling.aws import store

from ...unit.backends.step_functions.samples import CONFIGURED
from .account import is_write
from .polled_account import LOOKS, Polled
from .refusals import denied
from .test_trail_standing import tried
from .trails import refusing

GROUP = names.schedule_group_name(LOOKS.name)
MACHINE = names.poller_name(LOOKS.name)
ARN = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{MACHINE}"


def world(aws: Any) -> Polled:
    """A poller at work, whose last poll said that there is nothing to start."""
    made = Polled(aws)
    made.polled("skip")
    scheduler = made.client("scheduler")
    scheduler.create_schedule_group(Name=GROUP)
    target = {"Arn": ARN, "RoleArn": "arn:aws:iam::123456789012:role/any"}
    more = {"FlexibleTimeWindow": {"Mode": "OFF"}, "ScheduleExpression": "rate(2 minutes)", "Target": target}
    scheduler.create_schedule(GroupName=GROUP, Name="polls", **more)
    return made


def asked(aws: Any, refused: str = "") -> list[Finding]:
    client = refusing(aws)
    client.actions.clear()
    client.refuse = lambda action: denied(action) if action == refused else None
    account = Account(Clients(client.client), "eu-west-1", "aws", "123456789012", "arn:aws:iam::123456789012:user/x")
    found = list(pollers(CONFIGURED, [LOOKS], account))
    assert not [action for action in client.actions if is_write(action.partition(":")[2])]
    assert len({item.thing for item in found}) == len(found)
    return found


def test_a_poller_at_work_lacks_nothing_and_before_create_nothing_is_lacking() -> None:
    def work(aws: Any) -> None:
        (before,) = asked(aws)
        assert (before.state, "`create` makes it" in before.found) == (FINE, True)
        world(aws)
        found = asked(aws)
        assert [(item.thing, item.state) for item in found] == [
            ("poller of TrailLooks", FINE),
            ("poll trigger TrailLooks/looks", FINE),
        ]
        (refused,) = asked(aws, "dynamodb:Scan")
        assert (refused.state, refused.needs) == (NOT_ASKED, "dynamodb:Scan")
        schedule, trigger = asked(aws, "scheduler:GetSchedule")
        assert (schedule.state, schedule.needs, trigger.state) == (NOT_ASKED, "scheduler:GetSchedule", FINE)

    tried(work)


def no_schedule(here: Polled) -> None:
    here.client("scheduler").delete_schedule(GroupName=GROUP, Name="polls")


def no_machine(here: Polled) -> None:
    here.client("stepfunctions").delete_state_machine(stateMachineArn=ARN)


def no_package(here: Polled) -> None:
    """What makes the packages be there fails, and the job with it."""
    here.heard(None)
    where = {"LogStreamName": "poller/default/1", "ExitCode": 1}
    here.failed({"JobName": "p", "StatusReason": "Essential container in task exited", "Container": where})


def silent(here: Polled) -> None:
    here.heard(datetime(2026, 1, 1, tzinfo=timezone.utc))


def said(last: str, **more: Any) -> Callable[[Polled], None]:
    return lambda here: here.polled(last, **more)


def refused(here: Polled) -> None:
    here.fired({"a": 1}, error="states:StartExecution of poll-x: AccessDeniedException: not authorized")


FULL = ["0" * 32] * (store.LARGEST // 36)
ROWS: dict[str, tuple[Callable[[Polled], Any], str, str, str]] = {
    # what is wrong -> the thing, what is said of it, a part of what mends it
    "no machine": (no_machine, "poller of", f"no state machine {MACHINE}", "metaflow-triggers create"),
    "no schedule": (no_schedule, "poller of", f"no schedule {GROUP}/polls", "metaflow-triggers create"),
    "a package that cannot be had": (
        no_package,
        "poller of",
        "its last job failed: States.TaskFailed: Essential container in task exited",
        f"list-executions --state-machine-arn {ARN}",
    ),
    "its log is named": (no_package, "poller of", "group /aws/batch/job, stream poller/default/1", "list-executions"),
    "it stands still": (silent, "poller of", "was last heard of at 2026-01-01", "list-executions"),
    "its file cannot be read": (said("skip", down="polls.py: no module named x"), "poll trigger", "module named x", ""),
    "its polls fail": (
        said("error", last_error="ModuleNotFoundError: No module named 'boto3'", consecutive_errors=7),
        "poll trigger",
        "its last 7 polls failed: ModuleNotFoundError",
        "metaflow-triggers history TrailLooks/looks --backend step-functions",
    ),
    "its record is full": (said("fire", once=FULL), "poll trigger", f"{len(FULL)} contexts", "dedup_keys"),
    "its record is broken": (
        lambda here: here.record(state="x", declaration=here.declaration().text()),
        "poll trigger",
        "cannot be read",
        "aws dynamodb delete-item",
    ),
    "a start is refused": (refused, "poll trigger", "a start is refused: states:StartExecution", "history"),
}


def test_each_fault_is_one_line_with_what_mends_it() -> None:
    def work(aws: Any) -> None:
        for row, (harm, thing, told, mend) in ROWS.items():
            here = world(aws)
            harm(here)
            (lacks,) = (item for item in asked(aws) if item.state == LACKING)
            assert lacks.thing.startswith(thing) and told in lacks.found, (row, lacks)
            assert any(mend in one for one in lacks.mends), (row, lacks)
            here.client("dynamodb").delete_table(TableName=here.table)
            here.client("scheduler").delete_schedule_group(Name=GROUP)
            states = here.client("stepfunctions")
            for item in states.list_state_machines()["stateMachines"]:
                states.delete_state_machine(stateMachineArn=item["stateMachineArn"])

    tried(work)


def test_the_rights_that_create_needs_for_a_poller_are_asked_about() -> None:
    def work(aws: Any) -> None:
        account = Account(Clients(refusing(aws).client), "eu-west-1", "aws", "123456789012", "arn")
        plain, polled = (
            {(one.service, resource) for one in _asked(CONFIGURED, [LOOKS], of, account) for resource in one.resources}
            for of in ((), (LOOKS,))
        )
        made = [names.role_name(LOOKS.name, one, "eu-west-1") for one in ("PollMachineRole", "PollerRole")]
        here = "arn:aws:{}:eu-west-1:123456789012:"
        assert polled - plain == {
            ("states", ARN),
            ("states", f"{here.format('states')}execution:{MACHINE}:any"),
            ("batch", f"{here.format('batch')}job-definition/{names.poller_job_name(LOOKS.name)}"),
            ("dynamodb", f"{here.format('dynamodb')}table/{names.poll_table_name(LOOKS.name)}"),
            ("scheduler", f"{here.format('scheduler')}schedule/{GROUP}/any"),
            ("scheduler", f"{here.format('scheduler')}schedule-group/{GROUP}"),
            *(("iam", f"arn:aws:iam::123456789012:role/{name}") for name in made),
        }

    tried(work)
