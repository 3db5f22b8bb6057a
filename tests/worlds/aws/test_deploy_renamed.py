"""A flow that was renamed: `create --replaces` brings the new deployment, then removes the old one and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.backends.step_functions.deploy.instructions import Step

from ...unit.backends.step_functions.samples import CONFIGURED
from .account import content
from .inside import Inside, account, in_a_copy
from .service import ROLE
from .stories import RENAMED, upstreams
from .test_deploy import TOKEN, template

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow"


def old(aws: Inside) -> dict[str, Any]:
    """What there is of the old deployment."""
    return {key: item for key, item in content(aws).items() if "OrderFlow" in key}


def rename(aws: Inside, *replaces: str) -> list[Step]:
    return create(template(RENAMED), TOKEN, CONFIGURED, aws.client, replaces=replaces)


def within(work: Callable[[Inside], None]) -> None:
    def whole() -> None:
        with account() as aws:
            work(aws)

    in_a_copy(whole)


def test_a_renamed_flow_takes_the_old_ones_place() -> None:
    def work(aws: Inside) -> None:
        def alone() -> Any:
            rename(aws)
            return content(aws)

        wanted = in_a_copy(alone)
        create(template(), TOKEN, CONFIGURED, aws.client)
        verbs = [step.verb for step in rename(aws, "OrderFlow", "RenamedFlow")]
        assert content(aws) == wanted
        assert verbs == sorted(verbs, key=["created", "deleted"].index), "the old one goes when the new one is there"
        assert {step.verb for step in rename(aws, "OrderFlow")} == {"unchanged"}

    within(work)


def test_a_flow_that_metaflow_deployed_may_be_renamed_as_well() -> None:
    def work(aws: Inside) -> None:
        upstreams(aws.client)
        assert old(aws)
        rename(aws, "OrderFlow")
        assert old(aws) == {}

    within(work)


def test_what_no_metaflow_made_and_what_nobody_names_stays() -> None:
    def work(aws: Inside) -> None:
        empty = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
        aws.client("stepfunctions").create_state_machine(name="OrderFlow", definition=empty, roleArn=ROLE)
        before = old(aws)
        rename(aws, "OrderFlow")
        assert old(aws) == before
        aws.client("stepfunctions").delete_state_machine(stateMachineArn=MACHINE)
        create(template(), TOKEN, CONFIGURED, aws.client)
        before = old(aws)
        rename(aws)
        assert old(aws) == before

    within(work)


def test_job_definitions_are_kept_while_a_run_of_the_old_name_goes_on() -> None:
    def work(aws: Inside) -> None:
        create(template(), TOKEN, CONFIGURED, aws.client)
        aws.client("stepfunctions").start_execution(stateMachineArn=MACHINE, name="a", input="{}")
        kept = [step for step in rename(aws, "OrderFlow") if step.verb == "kept"]
        assert len(kept) == 2 and {step.reason for step in kept} == {"an execution still runs"}
        # moto removes a state machine at once, and so ends its runs; AWS keeps it DELETING until they have ended.
        assert old(aws) == {}

    within(work)
