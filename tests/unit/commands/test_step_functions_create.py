"""`step-functions create`, `diff --live`, `--plan` and the commands around them, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worlds.upstream.emulated_aws import Aws

from .conftest import MAPPING, Run
from .test_create_delete import account, clients

USER = {"METAFLOW_USER": "tester"}
CREATE = ("--no-pylint", "step-functions", "create")
LIVE = ("--no-pylint", "step-functions", "diff", "--live")

FLOW = """from metaflow import FlowSpec, {names}step

{decorators}
class Nightly(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Nightly()
"""


def flow(folder: Path, *decorators: str) -> str:
    folder.mkdir(exist_ok=True)
    names = "".join(f"{one[1:].partition('(')[0]}, " for one in decorators)
    (folder / "flow.py").write_text(FLOW.format(names=names, decorators="\n".join(decorators)))
    return str(folder / "flow.py")


def writes(aws: Aws) -> list[str]:
    """What was asked of the account that may change it."""
    reads = ("Describe", "Get", "List", "describe", "HEAD ", "GET ")
    return [one for one in aws.recorder.asked if not one.startswith(reads)]


def test_an_unchanged_flow_sends_no_write_and_its_drift_is_said_and_mended(run: Run, aws: Aws) -> None:
    settings = {**USER, **aws.environment}
    aws.recorder.asked.clear()
    missing = run(MAPPING, *LIVE, settings=settings)
    assert missing.code == 1 and "the state machine UserOnboarding is not there" in missing.out, missing.err
    planned = run(MAPPING, *CREATE, "--plan", settings=settings)
    assert planned.code == 0 and "states:CreateStateMachine UserOnboarding" in planned.out, planned.err
    assert writes(aws) == []

    assert run(MAPPING, *CREATE, settings=settings).code == 0
    aws.recorder.asked.clear()
    again = run(MAPPING, *CREATE, settings=settings)
    assert again.code == 0 and "nothing to do: everything is deployed as it is" in again.err
    assert writes(aws) == []
    same = run(MAPPING, *LIVE, settings=settings)
    assert same.code == 0 and same.out.startswith("no difference"), same.out + same.err

    events = clients(aws)("events")
    name = next(item["Name"] for item in events.list_rules()["Rules"] if item["Name"].startswith("UserOnboarding"))
    events.disable_rule(Name=name)
    aws.recorder.asked.clear()
    drift = run(MAPPING, *LIVE, settings=settings)
    assert drift.code == 1
    assert f"the rule {name} differs:\n  state is DISABLED; it would be ENABLED\n" in drift.out
    assert writes(aws) == []
    planned = run(MAPPING, *CREATE, "--plan", settings=settings)
    assert planned.out == f"  1. events:PutRule {name}\n"
    aws.recorder.asked.clear()
    mended = run(MAPPING, *CREATE, settings=settings)
    assert mended.code == 0 and f"updated AWS::Events::Rule {name}\n" in mended.err
    assert writes(aws) == ["PutRule"]
    assert run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings).code == 0


def test_diff_needs_one_thing_to_compare_with(run: Run) -> None:
    for options in ([], ["--live", "--against", "x"]):
        done = run(MAPPING, "--no-pylint", "step-functions", "diff", *options, settings=USER)
        assert done.code == 2 and "FT003" in done.err and "--live" in done.err


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ((400, "AccessDeniedException"), "FT702", "access denied: events:PutRule on UserOnboarding-events-"),
        ((400, "ThrottlingException"), "FT704", "AWS allows no more of events:PutRule on UserOnboarding-events-"),
    ],
    ids=["access denied", "throttling"],
)
def test_a_refusal_is_one_coded_message_and_the_next_create_goes_on(
    run: Run, aws: Aws, fault: tuple[int, str], code: str, said: str
) -> None:
    settings = {**USER, **aws.environment, "AWS_MAX_ATTEMPTS": "2"}
    before = account(aws)
    aws.recorder.faults["PutRule"] = fault
    aws.recorder.asked.clear()
    refused = run(MAPPING, *CREATE, settings=settings)
    assert aws.recorder.asked.count("PutRule") == (1 if code == "FT702" else 2)
    assert refused.code == 1
    assert f"error[{code}]: {said}" in refused.err
    assert refused.err.count("error[") == 1 and "Traceback" not in refused.err
    aws.recorder.faults.clear()
    done = run(MAPPING, *CREATE, settings=settings)
    assert done.code == 0, done.err
    assert "created AWS::Events::Rule" in done.err and "created AWS::StepFunctions::StateMachine" not in done.err
    assert run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings).code == 0
    assert account(aws) == before


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "FT701", "there are no credentials for"),
        ({"AWS_DEFAULT_REGION": None}, "FT701", "no region is configured"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "FT706", "there is no `queue` in this account and region (eu-west-1)"),
        (
            {"METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/absent"},
            "FT706",
            "there is no `arn:aws:iam::123456789012:role/absent`",
        ),
        ({"METAFLOW_TRIGGERS_EVENT_BUS": "absent"}, "FT706", "event bus: there is no `absent`"),
        ({"AWS_PROFILE": "absent"}, "FT701", "no such AWS profile"),
    ],
    ids=["no credentials", "no region", "another region", "a missing role", "a missing bus", "no such profile"],
)
def test_a_wrong_setting_is_named_before_anything_is_made(
    run: Run, aws: Aws, changes: dict[str, str | None], code: str, said: str
) -> None:
    settings = {key: value for key, value in ({**USER, **aws.environment} | changes).items() if value is not None}
    aws.recorder.asked.clear()
    done = run(MAPPING, *CREATE, settings=settings)
    assert done.code == 1
    assert f"error[{code}]" in done.err and said in done.err, done.err
    assert done.err.count("error[") == 1 and "Traceback" not in done.err
    assert writes(aws) == []


def test_what_upstream_deployed_is_taken_over_under_its_token(run: Run, aws: Aws, tmp_path: Path) -> None:
    # Without our package Metaflow deploys the same file: the schedule becomes a rule of its own.
    (tmp_path / "empty").mkdir()
    alone = {**USER, **aws.environment, "METAFLOW_EXTENSIONS_SEARCH_DIRS": str(tmp_path / "empty")}
    ours = {**USER, **aws.environment, "METAFLOW_HOME": str(tmp_path / "another-machine")}
    script = flow(tmp_path / "flows", "@schedule(daily=True)")
    upstream = run(script, *CREATE, settings=alone)
    assert upstream.code == 0, upstream.err
    token = next(line for line in upstream.err.splitlines() if "production:" in line).split("production:")[1].strip()
    client = clients(aws)
    assert [rule["Name"] for rule in client("events").list_rules()["Rules"]] == ["Nightly"]

    other = flow(tmp_path / "flows", "@schedule(hourly=True)")
    stopped = run(other, *CREATE, settings=ours)
    assert stopped.code == 1 and "error[FT705]" in stopped.err, stopped.err
    assert "Nightly would start at cron(0 * * * ? *) (UTC); today it starts at cron(0 0 * * ? *) (UTC)" in stopped.err
    assert [rule["Name"] for rule in client("events").list_rules()["Rules"]] == ["Nightly"]
    accepted = run(other, *CREATE, "--accept-changes", settings=ours)
    assert accepted.code == 0, accepted.err

    assert run(script, "--no-pylint", "step-functions", "delete", settings=ours).code == 0
    assert run(script, *CREATE, "--new-token", token, settings=alone).code == 0
    taken = run(script, *CREATE, settings=ours)
    assert taken.code == 0, taken.err
    assert f"production:{token}" in taken.err
    assert client("events").list_rules()["Rules"] == []
    (schedule,) = client("scheduler").list_schedules()["Schedules"]
    assert schedule["Target"]["Arn"].endswith(":stateMachine:Nightly")
    stranger = {**ours, "METAFLOW_USER": "stranger", "METAFLOW_HOME": str(tmp_path / "stranger")}
    assert "error[FT123]" in run(script, *CREATE, settings=stranger).err
    assert run(script, *CREATE, "--authorize", token, settings=stranger).code == 0
    assert run(script, "--no-pylint", "step-functions", "delete", settings=stranger).code == 0


def test_the_history_of_runs_is_logged_where_the_settings_say(run: Run, aws: Aws) -> None:
    settings = {**USER, **aws.environment}
    missing = run(MAPPING, *CREATE, "--log-execution-history", settings=settings)
    assert missing.code == 2 and "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN" in missing.err
    group = "arn:aws:logs:us-east-1:123456789012:log-group:flows:*"
    done = run(
        MAPPING,
        *CREATE,
        "--log-execution-history",
        settings={**settings, "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": group},
    )
    assert done.code == 0, done.err
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:UserOnboarding"
    logging = clients(aws)("stepfunctions").describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]
    assert logging["level"] == "ALL"
    assert logging["destinations"] == [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
    assert run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings).code == 0


DEPLOYER = """
import json, sys
from metaflow import Deployer
deployed = Deployer(sys.argv[1], pylint=False).step_functions().create(accept_changes=True)
run = deployed.trigger(user_id="u1", email="a@b.example")
found = deployed.list_runs() if hasattr(deployed, "list_runs") else []
print(json.dumps({"name": deployed.name, "flow": deployed.flow_name, "pathspec": run.pathspec,
                  "terminated": run.terminate(), "token": deployed.production_token}))
"""


def test_upstreams_deployer_deploys_triggers_and_terminates(run: Run, aws: Aws, tmp_path: Path) -> None:
    settings = {**USER, **aws.environment}
    (tmp_path / "deploy.py").write_text(DEPLOYER)
    done = run(str(tmp_path / "deploy.py"), MAPPING, settings=settings)
    assert done.code == 0, done.err
    told = json.loads(done.out.splitlines()[-1])
    assert (told["name"], told["flow"], told["terminated"]) == ("UserOnboarding", "UserOnboarding", True)
    assert told["pathspec"].startswith("UserOnboarding/sfn-")
    states = clients(aws)("stepfunctions")
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:UserOnboarding"
    (execution,) = states.list_executions(stateMachineArn=arn)["executions"]
    assert execution["status"] == "ABORTED"
    assert execution["name"] == told["pathspec"].removeprefix("UserOnboarding/sfn-")
    listed = run(MAPPING, "--no-pylint", "step-functions", "list-runs", "--aborted", settings=settings)
    assert listed.code == 0 and told["pathspec"].partition("/")[2] in listed.out + listed.err
    assert run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings).code == 0
