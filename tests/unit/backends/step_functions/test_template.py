"""The template: what validators say of it, and what they do not notice."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile.lower import PATTERN_LIMIT, pascal_case
from metaflow_triggers.backends.step_functions.compile.open_settings import resolve
from metaflow_triggers.backends.step_functions.deploy.state_machines import _camel_case
from metaflow_triggers.backends.step_functions.verify import template_checks
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.model.flows import Schedule
from metaflow_triggers.model.settings import Settings

from tests.flows import GRAPH

from .samples import (
    BARE_FLOW,
    CONFIGURED,
    FLOWS,
    MANY_EVENTS,
    MAPPING_FLOW,
    OPEN,
    PROJECT_FLOW,
    SPAN,
    WORKFLOW,
    constant,
    event,
    finish,
    flow,
    trigger,
)

ROLE = "arn:aws:iam::123456789012:role/by-hand"
SETTINGS = {
    "open": OPEN,
    "configured": CONFIGURED,
    "bus": dataclasses.replace(CONFIGURED, event_bus="orders", events_role="arn:aws:iam::123456789012:role/e"),
    "roles": dataclasses.replace(CONFIGURED, starter_role=ROLE, correlator_role=ROLE, scheduler_role=ROLE),
    "root": dataclasses.replace(CONFIGURED, datastore_s3="s3://flows"),
}


def template(item: Any, settings: Settings = OPEN, workflow: Any = WORKFLOW) -> Any:
    return step_functions.manifests(item, GRAPH, workflow, settings)[0].content


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("reference", [True, False])
def test_our_schema(name: str, settings: str, reference: bool) -> None:
    for workflow in (WORKFLOW, None):
        for manifest in step_functions.manifests(FLOWS[name], GRAPH, workflow, SETTINGS[settings]):
            assert manifest.schema is not None
            assert findings(manifest.content, manifest.schema, reference) == []


@pytest.mark.parametrize("name", ["OrderFlow", "SetFlow", "FilterFlow"])
def test_our_schema_is_closed(name: str) -> None:
    whole = template(FLOWS[name])
    places = [
        path
        for path in _objects(whole, ())
        if not {"ContainerProperties", "Tags"} & set(path) and not _is_upstreams(path)
    ]
    assert len(places) > 100
    for path in places:
        broken = copy.deepcopy(whole)
        target = broken
        for step in path:
            target = target[step]
        target["Unknown"] = "x"
        assert findings(broken, "step_functions/template"), path


def _is_upstreams(path: tuple[Any, ...]) -> bool:
    is_a_users_filter = path[1:2] and path[1].startswith("EventRule") and "detail" in path
    is_a_users_filter = is_a_users_filter or (path[-1:] != ("detail",) and "detail" in path and "name" in path)
    return is_a_users_filter or (path[:2] == ("Resources", "StateMachine") and "Definition" in path)


def _objects(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    out = []
    if isinstance(value, dict):
        out.append(path)
        for key, item in value.items():
            out += _objects(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            out += _objects(item, (*path, index))
    return out


LINTED = [
    *((item, OPEN, WORKFLOW) for item in FLOWS.values()),
    *((MAPPING_FLOW, settings, WORKFLOW) for label, settings in SETTINGS.items() if label != "open"),
    (MAPPING_FLOW, OPEN, None),
]


@pytest.mark.parametrize("case", range(len(LINTED)))
def test_cfn_lint(case: int) -> None:
    import cfnlint.api
    from cfnlint.config import ManualArgs

    item, settings, workflow = LINTED[case]
    found = cfnlint.api.lint(yaml_text(template(item, settings, workflow)), config=ManualArgs(regions=["eu-west-1"]))
    assert [f"{one.rule.id} {one.message}" for one in found] == []


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.long) if one == "WideFlow" else one for one in FLOWS]
)
def test_statelint(name: str) -> None:
    from statelint.linter import Linter  # type: ignore[import-not-found, import-untyped, unused-ignore]

    for settings in SETTINGS.values():
        for resource in template(FLOWS[name], settings)["Resources"].values():
            if resource["Type"] == "AWS::StepFunctions::StateMachine":
                definition = resolve(resource["Properties"]["Definition"], lambda _: "text", lambda *_: "text")
                # Its names have no hyphen, so it knows no path to an EventBridge event's `detail-type`; AWS does.
                text = json.dumps(definition).replace("$.event['detail-type']", "$.event['detailtype']")
                assert Linter.validate(text) == []


def test_without_a_workflow_the_same_trigger_objects() -> None:
    whole = template(MAPPING_FLOW)
    alone = template(MAPPING_FLOW, workflow=None)
    assert alone == step_functions.trigger_part(whole)
    assert list(alone["Resources"]) == list(whole["Resources"])[: len(alone["Resources"])]
    assert list(whole["Resources"])[-1] == "StateMachine"
    assert step_functions.manifests(BARE_FLOW, GRAPH, None, OPEN) == []


def test_only_open_settings_are_asked_for() -> None:
    assert list(template(BARE_FLOW)["Parameters"]) == [
        "DatastoreBucket",
        "DatastorePrefix",
        "BatchJobQueue",
        "BatchJobRoleArn",
        "StateMachineRoleArn",
        "ProductionToken",
    ]
    asked = [key for key, item in template(MAPPING_FLOW, CONFIGURED)["Parameters"].items() if "Default" not in item]
    assert asked == ["ProductionToken"]
    assert "RulesRole" not in template(MAPPING_FLOW, SETTINGS["bus"])["Resources"]
    assert "RulesRole" in template(MAPPING_FLOW)["Resources"]


def test_a_datastore_without_a_path_gives_keys_without_a_leading_slash() -> None:
    starter = template(MAPPING_FLOW, SETTINGS["root"], None)["Resources"]["Starter"]
    store = starter["Properties"]["Definition"]["States"]["Store"]["Parameters"]
    assert store["Key.$"] == "States.Format('OrderFlow/_triggers/sfn-{}.json', $.run)"


def test_events_of_an_any_share_rules_that_fit_the_quota() -> None:
    rules = [
        item["Properties"]
        for item in template(MANY_EVENTS)["Resources"].values()
        if item["Type"] == "AWS::Events::Rule"
    ]
    assert len(rules) == 3
    assert [name for rule in rules for name in rule["EventPattern"]["detail-type"]] == [
        item.name for item in MANY_EVENTS.triggers[0].dependencies
    ]
    for rule in rules:
        assert len(json.dumps(rule["EventPattern"], separators=(",", ":"))) <= PATTERN_LIMIT
    assert len({rule["Name"] for rule in rules}) == 3


def test_outcomes_stay_on_the_default_bus() -> None:
    resources = template(PROJECT_FLOW, SETTINGS["bus"])["Resources"]
    assert resources["EventRule1"]["Properties"]["EventBusName"] == "orders"
    rule = resources["SuccessRule1"]["Properties"]
    assert rule["EventBusName"] == "default"
    assert rule["EventPattern"]["detail"] == {
        "status": ["SUCCEEDED"],
        "stateMachineArn": [
            {
                "Fn::Sub": "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
                ":stateMachine:ml_platform.user.tester.DataIngestion"
            }
        ],
    }


def test_nothing_of_a_users_text_becomes_structure() -> None:
    hostile = 'x"}, "y": {"Ref": "Z"} ${AWS::Region} $.a States.Format {{ 7 }} {% raw %}'
    item = flow("F", trigger(event("e", constant("p", hostile), constant("q.$", "$.x"))))
    text = yaml_text(template(item, workflow=None))
    plain = yaml_text(template(flow("F", trigger(event("e", constant("p", "."), constant("q.$", ".")))), workflow=None))
    assert len(text.splitlines()) == len(plain.splitlines())
    states = template(item, workflow=None)["Resources"]["Starter"]["Properties"]["Definition"]["States"]
    mappings = states["Store"]["Parameters"]["Body"]["dependencies"][0]["mappings"]
    assert [json.loads(one["constant_json"]) for one in mappings] == [hostile, "$.x"]


S3 = '{"step-functions": {"source": "aws.s3", "detail-type": "Object Created"}}'


def codes(item: Any, workflow: Any = WORKFLOW) -> list[str]:
    with pytest.raises(DiagnosticError) as caught:
        step_functions.manifests(item, GRAPH, workflow, OPEN)
    return [one.code for one in caught.value.diagnostics]


def test_nulls_and_functions_and_sizes_are_refused() -> None:
    def changed(change: Any) -> Any:
        out = copy.deepcopy(WORKFLOW)
        change(out["definition"]["States"]["start"]["Parameters"])
        return out

    assert codes(BARE_FLOW, changed(lambda p: p.update(Timeout=None))) == ["FT403"]
    assert codes(BARE_FLOW, changed(lambda p: p.update(Tags={"Ref": "x"}))) == ["FT403"]
    assert codes(BARE_FLOW, changed(lambda p: p.update(JobName="{{resolve:ssm:x}}"))) == ["FT403"]
    long = {"Name": "X", "Value": "x" * 8000}
    assert codes(BARE_FLOW, changed(lambda p: p["ContainerOverrides"]["Environment"].append(long))) == ["FT404"]
    many = copy.deepcopy(WORKFLOW)
    for number in range(700):
        state = copy.deepcopy(many["definition"]["States"]["start"])
        state["Comment"] = "x" * 1000
        many["definition"]["States"][f"s{number}"] = state
    assert set(codes(BARE_FLOW, many)) == {"FT402"}


def test_our_own_checks_see_what_validators_do_not() -> None:
    whole = template(MAPPING_FLOW)

    def told(change: Any) -> list[str]:
        broken = copy.deepcopy(whole)
        change(broken["Resources"])
        return [one.code for one in template_checks.check_template(broken, yaml_text(broken), "F")]

    def states(resources: Any) -> Any:
        return resources["Starter"]["Properties"]["Definition"]["States"]

    def target(resources: Any) -> Any:
        return resources["EventRule1"]["Properties"]["Targets"][0]

    assert told(lambda r: None) == []
    assert set(told(lambda r: states(r)["Store"].update(Next="Gone"))) == {"FT601"}
    assert told(lambda r: states(r).update(Lost={"Type": "Succeed"})) == ["FT601"]
    assert told(lambda r: states(r)["Store"]["Parameters"].update(Body="$.x")) == ["FT601"]
    assert told(lambda r: states(r)["Store"]["Parameters"].update(Keey="x")) == ["FT601"]
    assert told(lambda r: states(r)["Store"]["Retry"][0]["ErrorEquals"].append("States.Timeout")) == ["FT601"]
    assert told(lambda r: states(r)["Start"]["Catch"].reverse()) == ["FT601"]
    assert told(lambda r: states(r)["Start"].update(Resource="arn:aws:states:::states:startExecutions")) == ["FT601"]
    assert told(lambda r: target(r).pop("RoleArn")) == ["FT601"]
    assert told(lambda r: target(r).pop("DeadLetterConfig")) == ["FT601"]
    assert told(lambda r: target(r).update(Input="{}", InputTransformer={"InputTemplate": "{}"})) == ["FT601"]
    assert told(lambda r: target(r).update(Input="{")) == ["FT601"]
    assert told(lambda r: target(r).update(InputPath="detail")) == ["FT601"]
    assert told(lambda r: target(r).update(InputTransformer={"InputTemplate": '{"a": <a>'})) == ["FT601"]
    paths = {"InputPathsMap": {"a": "$..x"}, "InputTemplate": '{"a": <a>}'}
    assert told(lambda r: target(r).update(InputTransformer=paths)) == ["FT601"]
    paths = {"InputPathsMap": {"aws.x": "$.x"}, "InputTemplate": '{"a": <aws.x>}'}
    assert told(lambda r: target(r).update(InputTransformer=paths)) == ["FT601"]
    assert told(lambda r: r["EventRule1"]["Properties"].update(Name="x" * 65)) == ["FT601"]
    pattern = {"source": ["x" * 2048]}
    assert told(lambda r: r["EventRule1"]["Properties"].update(EventPattern=pattern)) == ["FT601"]
    assert told(lambda r: r["EventRule1"]["Properties"].update(EventPattern="{")) == ["FT601"]
    assert told(lambda r: r["EventRule1"]["Properties"].update(EventPattern={"source": "x"})) == ["FT601"]
    assert told(lambda r: states(r)["Store"].update(ResultPath=None)) == ["FT403"]
    assert told(lambda r: r["EventRule1"]["Properties"].update(Description="{{resolve:ssm:x}}")) == ["FT403"]


def test_the_table_of_task_parameters_is_botocores() -> None:
    from botocore.session import get_session

    session = get_session()
    for action, known in template_checks.TASK_PARAMETERS.items():
        service, _, operation = action.removeprefix("aws-sdk:").partition(":")
        model = session.get_service_model({"states": "stepfunctions", "sfn": "stepfunctions"}.get(service, service))
        name = operation.removesuffix(".sync")
        shape = model.operation_model(name[:1].upper() + name[1:]).input_shape
        members = {name[:1].upper() + name[1:] for name in shape.members}
        # Step Functions spells as AWS's SDK for Java 2, in which a run of capitals is one word.
        members |= {"SsekmsKeyId"} if "SSEKMSKeyId" in members else set()
        assert known <= members, action


def refused(item: Any) -> list[str]:
    return [one.code for one in step_functions.refusals(item, GRAPH, OPEN)]


def test_the_refusals_are_those_of_section_12_and_mistakes() -> None:
    assert [refused(item) for item in FLOWS.values()] == [[] for _ in FLOWS]
    for feature in ("parallel", "exit_hook", "switch"):
        assert refused(dataclasses.replace(BARE_FLOW, features=(feature,))) == ["FT510"]
    assert refused(flow("F", trigger(event("a"), options='{"auto_map": true}', auto_map=True))) == []
    assert refused(flow("F", trigger(event("a"), options='{"join": "queue"}'))) == []
    assert refused(flow("F" * 81)) == ["FT401"]
    assert refused(flow("F", deployed_as="a b")) == ["FT401"]
    assert refused(flow("F", trigger(finish("G" * 81)))) == ["FT401"]


def test_who_gave_the_name_is_blamed_for_it() -> None:
    derived, given = (
        step_functions.refusals(dataclasses.replace(flow("F" * 81), deployed_as=name), GRAPH, OPEN)[0]
        for name in (None, "n" * 81)
    )
    assert derived.label == "named after this class" and "--name" not in derived.helps[0]
    assert (given.code, given.label) == ("FT401", "named with `--name`")
    assert given.helps == ("give another one with `--name`",)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (flow("F", trigger(event("a", origin='{"argo-workflows": {}}'))), "FT503"),
        (flow("F", trigger(event("a", origin='{"step-functions": {"detail-type": "x"}}'))), "FT503"),
        (flow("F", trigger(event("a", origin='{"step-functions": {"source": "x", "type": "y"}}'))), "FT503"),
        (flow("F", trigger(event("a", filter='{"x": [{"numeric": [">", 5000000001]}]}'))), "FT502"),
        (flow("F", trigger(event("a", filter='{"x": [0.0000001]}'))), "FT502"),
        (flow("F", trigger(event("a", filter=json.dumps({"x": ["y" * 2100]})))), "FT402"),
        (flow("F", trigger(finish("G", filter='{"flow": ["H"]}'))), "FT502"),
        (flow("F", trigger(finish("G", filter='{"error": [{"equals-ignore-case": "e"}]}'))), "FT502"),
        (flow("F", trigger(*[event(f"e{n}") for n in range(200)], join="all")), "FT405"),
        (
            flow("F", trigger(event("a"), event("b"), join="all", options='{"reset_at": {"cron": "0 25 * * *"}}')),
            "FT107",
        ),
        (
            flow(
                "F",
                trigger(
                    event("a"), options='{"step-functions": {"dead-letter-queue": "arn:aws:sqs:a:123456789012:q"}}'
                ),
                trigger(
                    finish("G"), options='{"step-functions": {"dead-letter-queue": "arn:aws:sqs:a:123456789012:r"}}'
                ),
            ),
            "FT107",
        ),
        (flow("F", trigger(event("a"), options='{"max_active": 1}')), "FT506"),
        (dataclasses.replace(BARE_FLOW, schedule=Schedule("0 8 * * *", None, SPAN)), "FT505"),
        (dataclasses.replace(BARE_FLOW, schedule=Schedule("0 8 ? * $(x) *", None, SPAN)), "FT505"),
    ],
)
def test_what_cannot_be_meant_on_aws_is_told(item: Any, code: str) -> None:
    assert refused(item) == [code]


def test_job_definitions_keep_the_users_keys() -> None:
    arguments = {
        "containerProperties": {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "x"}}},
        "parameters": {"aKey": "v"},
    }
    pascal = pascal_case(arguments)
    assert pascal == {
        "ContainerProperties": {"LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "x"}}},
        "Parameters": {"aKey": "v"},
    }
    assert _camel_case(pascal["ContainerProperties"]) == arguments["containerProperties"]


def test_a_name_is_blamed_on_who_gave_it() -> None:
    long = "F" * 81
    (of_class,) = step_functions.refusals(flow(long), GRAPH, CONFIGURED)
    assert of_class.span is not None and of_class.label == "named after this class"
    (given,) = step_functions.refusals(flow("F", deployed_as=long), GRAPH, CONFIGURED)
    assert given.label == "named with `--name`" and given.helps[0] == "give another one with `--name`"
    prefixed = dataclasses.replace(CONFIGURED, state_machine_prefix="p" * 80)
    (by_setting,) = step_functions.refusals(flow("F"), GRAPH, prefixed)
    assert f"or a shorter METAFLOW_SFN_STATE_MACHINE_PREFIX than `{'p' * 80}`" in by_setting.helps
