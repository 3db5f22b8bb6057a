"""Whose outcomes a Sensor believes, and what is said of those that anybody may publish."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import event_delivery, names
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.backends.argo.verify import read_back
from metaflow_triggers.graph.link import link
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.rules.weight import refuses, severity

from .argo_flows import SETTINGS, event, finish, flow, mapping, required, trigger, upstream

SHARED = ("metaflow-triggers", "metaflow-event")
PROVEN = ("metaflow-triggers-outcomes", "metaflow-outcome")


def of(child: Any, *parents: Any, **settings: Any) -> tuple[set[tuple[Any, ...]], list[str], Any]:
    """(event source, event, name) of each dependency of the child's Sensor; codes; the Sensor."""
    graph = link([child, *parents])
    configured = replace(SETTINGS, **settings)
    manifests = argo.manifests(child, graph, upstream(names.own_name(child)), configured)
    sensor = next(item.content for item in manifests if item.path.endswith("/sensor.yaml"))
    found = {
        (item["eventSourceName"], item["eventName"], name.strip("^$").replace("\\", ""))
        for item in sensor["spec"]["dependencies"]
        for data in item["filters"].get("data", [])
        for name in data["value"]
    }
    return found, [item.code for item in argo.refusals(child, graph, configured)], sensor


CHILD = flow(trigger(finish("Up", "success", "failure")))
UP = replace(flow(), name="Up")
OURS = {(*PROVEN, "metaflow.outcome.up.success"), (*PROVEN, "metaflow.outcome.up.failure")}
ANYBODYS = {
    (*SHARED, "metaflow.outcome.up.success"),
    (*SHARED, "metaflow.outcome.up.failure"),
    (*SHARED, "metaflow.Up.end"),
}


def test_of_a_parent_that_is_compiled_too_only_the_exit_handler_is_believed() -> None:
    found, codes, sensor = of(CHILD, UP)
    assert (found, codes) == (OURS, [])
    for item in sensor["spec"]["dependencies"]:
        assert event_delivery.POSTED in item["filters"]["script"]


def test_of_another_parent_nobody_knows_who_deploys_it() -> None:
    found, codes, _ = of(CHILD)
    assert (found, codes) == (ANYBODYS, ["FT507"])


@pytest.mark.parametrize(
    ("said", "compiled", "unknown"),
    [
        ("allow", OURS, ANYBODYS),
        ("refuse", OURS, OURS),
        ("all", ANYBODYS, ANYBODYS),
        ("Up", ANYBODYS, ANYBODYS),
        ("Other, Up", ANYBODYS, ANYBODYS),
        ("Other", OURS, OURS),
    ],
)
def test_the_setting_says_who_need_not_prove_itself(said: str, compiled: Any, unknown: Any) -> None:
    for parents, expected in (((UP,), compiled), ((), unknown)):
        found, codes, _ = of(CHILD, *parents, argo_unproven_parents=said)
        assert found == expected
        assert codes == (["FT507"] if expected is ANYBODYS else [])


def test_a_flow_of_a_project_is_named_as_others_name_it() -> None:
    child = flow(trigger(replace(finish("Up", project="shop"), branch="prod")), project="shop", branch="prod")
    parent = replace(UP, project="shop", branch="production")
    assert of(child, parent)[1] == []
    assert of(child, UP)[1] == ["FT507"]
    assert of(child, argo_unproven_parents="shop.prod.Up")[1] == ["FT507"]
    assert of(child, argo_unproven_parents="shop.test.Up")[1] == []


def test_a_member_of_a_set_is_believed_likewise() -> None:
    child = flow(trigger(finish("Up"), finish("Other"), join="all"))
    found, codes, _ = of(child, UP)
    assert found == {(*PROVEN, "metaflow.outcome.up.success"), (*SHARED, "metaflow.outcome.other.success")}
    assert codes == ["FT507"]


def test_a_missing_field_is_told_of_what_is_believed() -> None:
    child = flow(trigger(finish("Up", "failure", mappings=(mapping("p", "error"),))), parameters=(required("p"),))
    found, _, sensor = of(child, UP)
    assert found == {(*PROVEN, "metaflow.outcome.up.failure")}
    assert len(sensor["spec"]["dependencies"]) == 2


def test_a_trigger_that_names_an_event_source_means_that_one() -> None:
    options = json.dumps({"argo-workflows": {"event-source": "bridge", "event": "outcomes"}})
    found, codes, _ = of(flow(trigger(finish("Up"), options=options)), UP)
    assert {source for source, _, _ in found} == {"bridge"} and codes == ["FT507"]


def test_outcomes_at_the_event_source_of_all_events_prove_nothing() -> None:
    settings = {"argo_outcome_event_source": SHARED[0], "argo_outcome_event": SHARED[1]}
    found, codes, _ = of(CHILD, UP, **settings, argo_outcome_event_source_is_ours=False)
    assert (found, codes) == (ANYBODYS, ["FT507"])


def test_names_on_the_bus_differ_so_that_none_listens_where_it_did_not() -> None:
    """A consumer of the bus keeps the subject with which it was made."""
    names = [{item["name"] for item in of(CHILD, *parents)[2]["spec"]["dependencies"]} for parents in ((), (UP,))]
    assert names[0] & names[1] == set()


def test_events_of_users_are_not_concerned() -> None:
    found, codes, _ = of(flow(trigger(event("x"))), UP)
    assert (found, codes) == ({(*SHARED, "x")}, [])


def test_strict_refuses_what_cannot_prove_itself() -> None:
    found = argo.refusals(CHILD, link([CHILD]), SETTINGS)
    assert [severity(item) for item in found] == ["note"]
    assert (refuses(found, strict=False), refuses(found, strict=True)) == (False, True)


# the objects ------------------------------------------------------------------------------------------------------


def template(**settings: Any) -> Any:
    manifests = argo.manifests(CHILD, link([CHILD, UP]), upstream(), replace(SETTINGS, **settings))
    return next(item.content for item in manifests if item.path.endswith("/workflowtemplate.yaml"))


def test_the_proof_is_given_to_the_exit_handler_alone() -> None:
    texts = {item["name"]: json.dumps(item) for item in template()["spec"]["templates"]}
    assert [name for name, text in texts.items() if '"metaflow-triggers-outcomes"' in text] == [
        "metaflow-triggers-outcome"
    ]
    env = {item["name"]: item for item in template()["spec"]["templates"][-1]["container"]["env"]}
    url = "http://metaflow-triggers-outcomes-eventsource-svc.events.svc:12000/outcomes"
    assert env["METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL"]["value"] == url
    reference = env["METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "metaflow-triggers-outcomes", "key": "token", "optional": True}


def shared(**settings: Any) -> dict[str, Any]:
    found = argo.shared_manifests(replace(SETTINGS, **settings))
    return {item.path.rpartition("/")[2]: item.content for item in found}


def test_outcomes_have_an_event_source_that_the_pods_of_runs_alone_reach() -> None:
    made = shared()
    (events,) = made["eventsource-outcomes.yaml"]["spec"]["webhook"].items()
    assert events[0] == "metaflow-outcome"
    assert (events[1]["endpoint"], events[1]["authSecret"]["name"]) == ("/outcomes", "metaflow-triggers-outcomes")
    ways = {name: made[f"networkpolicy{name}.yaml"]["spec"]["ingress"][0]["from"] for name in ("", "-outcomes")}
    assert [len(item) for item in ways.values()] == [2, 1]
    assert ways["-outcomes"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/part-of": "metaflow"}
    assert "may-publish" not in yaml_text(made["networkpolicy-outcomes.yaml"])


def test_an_event_source_of_somebody_else_needs_its_address() -> None:
    given = {"argo_outcome_event_source": "company", "argo_outcome_event_source_is_ours": False}
    assert not [name for name in shared(**given) if "outcomes" in name]
    assert "OPEN.OutcomeWebhookUrl.SETTING" in yaml_text(template(**given))
    missing = converge.missing_settings(replace(SETTINGS, datastore_s3="s3://b/p", **given))
    assert [item.code for item in missing] == ["FT002"]
    assert "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL" in missing[0].message
    given["argo_outcome_webhook_url"] = "https://company.example/outcomes"
    assert "OPEN.Outcome" not in yaml_text(template(**given))


def test_tasks_know_which_answers_of_a_gateway_count() -> None:
    for item in template(argo_webhook_accepted="202")["spec"]["templates"]:
        if "container" in item:
            env = {one["name"]: one.get("value") for one in item["container"]["env"]}
            assert env["METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED"] == "202"
    found = argo.refusals(CHILD, link([CHILD, UP]), replace(SETTINGS, argo_webhook_accepted="ok"))
    assert [item.code for item in found] == ["FT017"]


@pytest.mark.parametrize("accepted", [None, "202"])
@pytest.mark.parametrize(("said", "places"), [(None, 2), ("allow", 2), ("all", 2), ("Up", 2), ("refuse", 1)])
def test_an_exit_handler_tells_both_places_unless_nobody_may_listen_at_one(
    said: str | None, places: int, accepted: str | None
) -> None:
    made = template(argo_unproven_parents=said, argo_webhook_accepted=accepted)
    assert findings(made, "argo/workflowtemplate") == findings(made, "argo/workflowtemplate", reference=True) == []
    names = [item["name"] for item in made["spec"]["templates"][-1]["container"]["env"]]
    expected = ["METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL", "METAFLOW_TRIGGERS_WEBHOOK_URL"][:places]
    assert [name for name in names if name.endswith("_URL")] == expected
    assert len([name for name in names if name.endswith("_TOKEN")]) == places


@pytest.mark.parametrize(("option", "value"), [("event-bus", "own"), ("sensor-namespace", "other")])
def test_where_ours_does_not_come_it_is_not_waited_for(option: str, value: str) -> None:
    """The event source of outcomes is at the configured bus, in the configured namespace."""
    options = json.dumps({"argo-workflows": {option: value}})
    found, codes, _ = of(flow(trigger(finish("Up"), options=options)), UP)
    assert {source for source, _, _ in found} == {SHARED[0]} and codes == ["FT507"]


def test_a_variable_may_speak_of_secrets() -> None:
    # What is looked for is a reference to a Secret, not the word in a text of the user's.
    entry = {"name": "HINT", "value": "see secretKeyRef in the manual"}
    told = list(read_back._container("a", {"env": [entry]}, "a", SETTINGS))
    assert told == list(read_back._container("a", {"env": []}, "a", SETTINGS))
