"""Filters, origins, options, outcomes and times: what each becomes on AWS."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.event_patterns import CannotKeep, outcome_filter
from metaflow_triggers.backends.step_functions.compile.scheduler_cron import scheduler_expressions
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.model.flows import Filter

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    FILTER_FLOW,
    QUEUE_ARN,
    SET_FLOW,
    TIMED_FLOW,
    WORKFLOW,
    event,
    finish,
    flow,
    trigger,
)
from .service import Aws, ended, starts

RUNS = {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}}


def resources(item: Any) -> Any:
    return step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content["Resources"]


def rules(item: Any) -> list[Any]:
    return [one["Properties"] for one in resources(item).values() if one["Type"] == "AWS::Events::Rule"]


# section 5 ----------------------------------------------------------------------------------------------------------


def test_section_5_a_filter_stands_below_detail_and_only_like_filters_share_a_rule() -> None:
    first, second, third, other = rules(FILTER_FLOW)[:4]
    # CloudFormation refuses nulls and would read a key `Ref` as its own, so these two are texts.
    assert json.loads(first["EventPattern"]) == {
        "source": ["metaflow"],
        "detail-type": ["a"],
        "detail": {"kind": ["x", None], "size": [{"numeric": [">", 0, "<=", 5]}]},
    }
    assert json.loads(second["EventPattern"])["detail"] == {"Ref": ["x"]}
    assert third["EventPattern"] == {"source": ["metaflow"], "detail-type": ["c"]}
    assert other["EventPattern"] == {"source": ["billing"]}
    item = flow("F", trigger(event("a", filter='{"x": [1]}'), event("b", filter='{"x": [1]}'), event("c")))
    assert [rule["EventPattern"]["detail-type"] for rule in rules(item)] == [["a", "b"], ["c"]]


PAYLOAD: dict[str, str | None] = {"flow": "G", "project": None, "branch": None, "step": None}


@pytest.mark.parametrize(
    ("pattern", "outcomes"),
    [
        ({}, ("failure", "success")),
        ({"flow": ["G"]}, ("failure", "success")),
        ({"flow": [{"anything-but": ["G"]}]}, ()),
        ({"flow": [{"equals-ignore-case": "g"}], "project": [None]}, ("failure", "success")),
        ({"project": [{"exists": True}]}, ("failure", "success")),
        ({"project": [{"exists": False}]}, ()),
        ({"unknown": [{"exists": False}]}, ("failure", "success")),
        ({"unknown": ["x"]}, ()),
        ({"outcome": ["failure"]}, ("failure",)),
        ({"outcome": [{"prefix": "s"}]}, ("success",)),
        ({"outcome": [{"anything-but": {"suffix": "ure"}}]}, ("success",)),
        ({"step": ["start"]}, ()),
        ({"flow": {"name": ["G"]}}, ()),
    ],
)
def test_section_5_what_is_known_of_an_outcome_is_decided_when_compiling(pattern: Any, outcomes: Any) -> None:
    assert outcome_filter(Filter(json.dumps(pattern)), PAYLOAD, ("failure", "success")).outcomes == outcomes


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        (["sfn-x", "y"], ["x"]),
        ([{"prefix": "sfn-event-"}], [{"prefix": "event-"}]),
        ([{"prefix": "sf"}], None),
        ([{"prefix": "x"}], "never"),
        ([{"suffix": "-x"}], [{"suffix": "-x"}, "x"]),
        ([{"equals-ignore-case": "SFN-a"}], [{"equals-ignore-case": "a"}]),
        ([{"anything-but": ["sfn-x", "y"]}], [{"anything-but": ["x"]}]),
        ([{"anything-but": {"prefix": "sfn-event"}}], [{"anything-but": {"prefix": ["event"]}}]),
        ([{"anything-but": {"prefix": "sfn"}}], "never"),
        ([{"numeric": [">", 1]}], "never"),
        ([{"exists": False}], "never"),
    ],
)
def test_section_5_a_filter_on_run_id_becomes_one_on_the_runs_name(values: Any, runs: Any) -> None:
    left = outcome_filter(Filter(json.dumps({"run_id": values})), PAYLOAD, ("success",))
    if runs == "never":
        assert left.outcomes == ()
    else:
        assert left.outcomes == ("success",)
        assert left.runs in (runs, [{"exists": True}]) if runs is None else left.runs == runs


def test_section_5_what_cannot_be_kept_exactly_is_refused() -> None:
    for pattern in (
        {"run_id": [{"anything-but": {"suffix": "-x"}}]},
        {"error": [{"equals-ignore-case": "x"}]},
        {"run_id": [{"wildcard": "*x"}]},
    ):
        with pytest.raises(CannotKeep):
            outcome_filter(Filter(json.dumps(pattern)), PAYLOAD, ("failure",))


ERRORS = (
    (["E: C"], "E", "C", True),
    (["E: C"], "E: C", None, True),
    (["E: C"], None, "E: C", True),
    (["E"], "E", "C", False),
    ([{"prefix": "E: "}], "E", "C", True),
    ([{"prefix": "*"}], "E", "C", False),
    ([{"suffix": "C"}], "E", "C", True),
    ([None], None, None, True),
    ([None], "", "", True),
    ([None], "E", None, False),
    ([{"anything-but": ["E"]}], "E", None, False),
    ([{"anything-but": ["E"]}], None, None, True),
    ([{"anything-but": {"prefix": "E"}}], "E", "C", False),
    ([{"exists": True}], None, None, True),
)


@pytest.mark.parametrize(("values", "error", "cause", "passes"), ERRORS)
def test_section_5_a_filter_on_error_is_decided_by_the_state_machine(
    aws: Aws, values: Any, error: str | None, cause: str | None, passes: bool
) -> None:
    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    item = flow("OrderFlow", trigger(finish("G", "failure", filter=json.dumps({"error": values}))))
    content = step_functions.manifests(item, GRAPH, {"definition": RUNS, "job_definitions": {}}, CONFIGURED)[0].content
    create(content, {}, CONFIGURED, aws.client)
    sent = ended("G", "FAILED")
    sent["detail"] |= {"error": error, "cause": cause}
    assert aws.run(names.starter_name("OrderFlow"), "one", sent)["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == int(passes)


# sections 2, 3, 4 ---------------------------------------------------------------------------------------------------


def test_section_3_an_origin_is_on_the_default_bus_under_its_own_name() -> None:
    made = resources(SET_FLOW)
    by_type = {tuple(rule["EventPattern"].get("detail-type", [])): rule for rule in rules(SET_FLOW)[:2]}
    own, foreign = by_type[("order-placed",)], by_type[("Object Created",)]
    assert (own["EventBusName"], foreign["EventBusName"]) == ("orders", "default")
    assert foreign["EventPattern"] == {"source": ["aws.s3"], "detail-type": ["Object Created"]}
    store = made["EventCorrelator"]["Properties"]["Definition"]["States"]["Store"]["Parameters"]["Body"]
    assert store["dependencies"][1] == {
        "kind": "event",
        "name": "upload",
        "origin": {"source": "aws.s3", "detail-type": "Object Created"},
        "auto_map": False,
        "mappings": [],
    }


def test_section_2_options_of_a_trigger_are_those_of_its_rules() -> None:
    for rule in rules(SET_FLOW)[:2]:
        assert rule["Targets"][0]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 600, "MaximumRetryAttempts": 3}
    assert rules(SET_FLOW)[2]["Targets"][0]["RetryPolicy"]["MaximumRetryAttempts"] == 185
    made = resources(FILTER_FLOW)
    assert "DeadLetterQueue" not in made and "DeadLetterQueuePolicy" not in made
    assert {rule["Targets"][0]["DeadLetterConfig"]["Arn"] for rule in rules(FILTER_FLOW)} == {QUEUE_ARN}
    keep = made["Starter"]["Properties"]["Definition"]["States"]["Keep"]["Parameters"]
    assert keep["QueueUrl"] == "https://sqs.eu-west-1.amazonaws.com/123456789012/alarms"


def test_section_4_every_outcome_has_its_status() -> None:
    found = {name: one["Properties"] for name, one in resources(FILTER_FLOW).items() if name.endswith("Rule1")}
    every = found["AbortedOrFailureOrSuccessOrTimeoutRule1"]["EventPattern"]["detail"]
    assert every["status"] == ["ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"]
    some = found["FailureOrSuccessRule1"]["EventPattern"]["detail"]
    assert some["name"] == [{"prefix": "event-"}] and some["status"] == ["FAILED", "SUCCEEDED"]
    assert all(rule["EventBusName"] == "default" for name, rule in found.items() if name != "EventRule1")


def test_section_4_reasons_to_start_are_independent() -> None:
    made = resources(SET_FLOW)
    assert {"EventCorrelator", "FinishCorrelator", "Schedule", "SetTable"} <= set(made)
    assert made["Schedule"]["Properties"]["Target"]["Arn"]["Fn::Sub"].endswith(":stateMachine:SetFlow")
    assert "Starter" not in made
    machines = [made[name]["Properties"]["Definition"] for name in ("EventCorrelator", "FinishCorrelator")]
    keys = [one["States"]["Claim"]["Parameters"]["Key"]["pk"]["S"] for one in machines]
    assert len(set(keys)) == 2


def test_section_7_a_changed_set_starts_empty_and_a_changed_filter_does_not() -> None:
    def key(*dependencies: Any, **options: Any) -> str:
        item = flow("F", trigger(*dependencies, join="all", options=json.dumps(options)))
        states = resources(item)["EventCorrelator"]["Properties"]["Definition"]["States"]
        found: str = states["Claim"]["Parameters"]["Key"]["pk"]["S"]
        return found

    first = key(event("a"), event("b"))
    assert key(event("a", filter='{"x": [1]}'), event("b")) == first
    assert (
        len(
            {first, key(event("b"), event("a")), key(event("a"), event("c")), key(event("a"), event("b"), join="queue")}
        )
        == 4
    )


# section 10 ---------------------------------------------------------------------------------------------------------


def test_section_10_a_schedule_keeps_its_six_fields_and_its_timezone() -> None:
    schedule = resources(SET_FLOW)["Schedule"]["Properties"]
    assert schedule["ScheduleExpression"] == "cron(0 8 ? * MON-FRI *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert json.loads(schedule["Target"]["Input"]) == {"Parameters": "{}"}
    assert resources(TIMED_FLOW)["Schedule"]["Properties"]["ScheduleExpressionTimezone"] == "UTC"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("0 0 * * *", ("cron(0 0 * * ? *)",)),
        ("*/20 9-11 * JAN,7 *", ("cron(0,20,40 9,10,11 * 1,7 ? *)",)),
        ("5 4 * * 0", ("cron(5 4 ? * 1 *)",)),
        ("5 4 * * sun-tue", ("cron(5 4 ? * 1,2,3 *)",)),
        ("0 0 1 * 1", ("cron(0 0 1 * ? *)", "cron(0 0 ? * 2 *)")),
        ("0 0 */10 * *", ("cron(0 0 1,11,21,31 * ? *)",)),
        ("0 0 31 2 1", ("cron(0 0 ? 2 2 *)",)),
    ],
)
def test_section_2_reset_at_in_five_fields_becomes_schedulers_six(fields: str, expected: tuple[str, ...]) -> None:
    assert scheduler_expressions(fields) == expected


@pytest.mark.parametrize(
    "fields",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "0 0 31 2 *",
        "*/0 * * * *",
        "5-1 * * * *",
        "L * * * *",
        "* * * * * *",
        "\u0661 * * * *",
    ],
)
def test_section_2_a_reset_at_that_is_no_crontab_is_told(fields: str) -> None:
    with pytest.raises(ValueError):
        scheduler_expressions(fields)


def test_section_10_no_expression_is_longer_than_scheduler_takes() -> None:
    """Lists where they fit, ranges where they do not; two of three values are the longest there is."""

    def two_of_three(low: int, high: int) -> str:
        return ",".join(str(value) for value in range(low, high + 1) if (value - low) % 3 != 2)

    (longest,) = scheduler_expressions(
        " ".join(two_of_three(*item) for item in ((0, 59), (0, 23), (1, 31), (1, 12))) + " *"
    )
    assert len(longest) == 238
    assert scheduler_expressions("1-59 1-23 1-30 1-11 *") == ("cron(1-59 1-23 1-30 1-11 ? *)",)
    assert scheduler_expressions("1-59 1-3 * * *") == (f"cron({','.join(map(str, range(1, 60)))} 1,2,3 * * ? *)",)


def test_section_10_the_written_out_expression_fires_when_the_five_fields_do() -> None:
    """Day by day over two years, against the rule of crontab(5) written down here."""
    for fields in ("0 0 1-7 * 1", "0 0 */2 2,4-6 *", "0 0 * * 0,5-6", "0 0 31 * 3"):
        _, _, day, month, weekday = fields.split()
        fires = set()
        for expression in scheduler_expressions(fields):
            _, _, days, months, weekdays, _ = expression[5:-1].split()
            moment = datetime(2026, 1, 1)
            while moment.year < 2028:
                numbers = ((days, moment.day), (months, moment.month), (weekdays, moment.isoweekday() % 7 + 1))
                if all(text in "*?" or str(number) in text.split(",") for text, number in numbers):
                    fires.add(moment)
                moment += timedelta(days=1)
        assert fires == _crontab(day, month, weekday), fields


def _crontab(day: str, month: str, weekday: str) -> set[datetime]:
    def has(text: str, low: int, high: int) -> set[int]:
        out: set[int] = set()
        for part in text.split(","):
            span, _, step = part.partition("/")
            start, _, end = (f"{low}-{high}" if span == "*" else span).partition("-")
            out |= set(range(int(start), int(end or start) + 1, int(step or 1)))
        return out

    found = set()
    moment = datetime(2026, 1, 1)
    while moment.year < 2028:
        by_day = moment.day in has(day, 1, 31)
        by_weekday = moment.isoweekday() % 7 in {item % 7 for item in has(weekday, 0, 7)}
        either = day != "*" and weekday != "*"
        if moment.month in has(month, 1, 12) and ((by_day or by_weekday) if either else (by_day and by_weekday)):
            found.add(moment)
        moment += timedelta(days=1)
    return found
