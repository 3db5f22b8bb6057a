"""Overlapping filters: simulated, by the local engine, and by what AWS and Argo are given, each in its own words.

The clouds' services themselves are asked in `tests/worlds` (`test_overlapping.py` of each).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.language.filters import matches

from tests.unit.backends.argo.argo_flows import SETTINGS as ON_ARGO
from tests.unit.backends.step_functions.samples import CONFIGURED as ON_AWS
from tests.unit.backends.step_functions.test_conditions import holds_of

from . import overlapping, reading, runners
from .rows import Observed, items
from .stepped import started

FLOWS, EVENTS = 10, 20
ROWS = overlapping.rows(FLOWS, EVENTS)
WORKFLOW = {"definition": {"StartAt": "s", "States": {"s": {"Type": "Succeed"}}}, "job_definitions": {}}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return reading.read(ROWS, tmp_path_factory.mktemp("flows"))


@pytest.fixture(scope="module")
def simulated(read) -> dict[str, Observed]:
    return runners.simulate(ROWS, read, Path())


def test_the_rows_say_something(simulated: dict[str, Observed]) -> None:
    assert sum(len(row.events) for row in ROWS) == 200
    assert sum(map(overlapping.overlap, ROWS)) > 12
    which = [start.parameters["which"] for seen in simulated.values() for start in seen.starts]
    assert len(which) > 80 and set(which) >= {0, 1, 2}
    assert sum(len(seen.not_started or []) for seen in simulated.values()) > 5


def test_the_local_engine_starts_the_same(read, simulated: dict[str, Observed], tmp_path: Path) -> None:
    found = runners.engine_without_runs(ROWS, read, tmp_path)
    assert {rule: told for rule, seen in found.items() if (told := overlapping.told_apart(simulated[rule], seen))} == {}


def let_through(pattern: Any, event: dict[str, Any]) -> bool:
    """Whether a rule of EventBridge lets an event through; `$or` is one of its alternatives."""
    pattern = json.loads(pattern) if isinstance(pattern, str) else pattern
    detail = pattern.get("detail")
    one_of = detail["$or"] if detail and list(detail) == ["$or"] else [detail or {}]
    head = event["source"] in pattern["source"] and event["detail-type"] in pattern["detail-type"]
    return head and any(not one or matches(one, event["detail"]) for one in one_of)


@pytest.mark.parametrize("backwards", [False, True])
def test_aws_is_given_the_same(read, simulated: dict[str, Observed], backwards: bool) -> None:
    """Rules, in either order, the starter's question about required fields, and the document that it stores."""
    for row in ROWS:
        graph = read[row.rule].graph
        ((manifest,), (flow,)) = step_functions.manifests(graph.flows[0], graph, WORKFLOW, ON_AWS), graph.flows
        resources = manifest.content["Resources"]
        rules = [one["Properties"] for name, one in resources.items() if name.startswith("EventRule")]
        states = resources["Starter"]["Properties"]["Definition"]["States"]
        document = states["Store"]["Parameters"]["Body"]
        seen = Observed(not_started=[])
        for item in items(row):
            event = {"source": "metaflow", "detail-type": item["name"], "detail": item["payload"], "id": item["id"]}
            delivered = [rule for rule in rules[:: -1 if backwards else 1] if let_through(rule["EventPattern"], event)]
            choices = states["Require"]["Choices"] if "Require" in states else []
            for place, _ in enumerate(delivered):
                if any(holds_of({"And": choice["And"]}, event) for choice in choices):
                    seen.not_started.append(flow.name)
                elif place == 0:  # the second delivery finds the run's name taken
                    told = {**document, "events": [{"transport": "eventbridge", "event": event}]}
                    seen.starts.append(started(flow.name, told, flow.parameters))
        assert overlapping.told_apart(simulated[row.rule], seen) == [], row


def test_argo_is_given_the_same(read, simulated: dict[str, Observed]) -> None:
    """Which dependencies of the Sensor an event is for is asked from the filters; the document is the Workflow's."""
    for row in ROWS:
        graph = read[row.rule].graph
        (flow,) = graph.flows
        (sensor,) = (item.content for item in argo.manifests(flow, graph, None, ON_ARGO) if "sensor" in item.path)
        start = sensor["spec"]["triggers"][0]["template"]
        resource = start["k8s"]["source"]["resource"]
        document = json.loads(resource["metadata"]["annotations"]["metaflow-triggers/dependencies"])
        assert len(start["conditions"].split(" || ")) == 2 * len(document["dependencies"])
        named = {
            write["src"]["dataTemplate"]
            for write in start["k8s"]["parameters"]
            if write["dest"] == "metadata.name" and "dataTemplate" in write["src"]
        }
        assert len(named) == 1  # one Workflow, whichever of them it is
        seen = Observed(not_started=[])
        for item in items(row):
            matching = [
                one
                for one in document["dependencies"]
                if "filter_json" not in one or matches(json.loads(one["filter_json"]), item["payload"])
            ]
            told = {**document, "events": [{"transport": "argo", "event": {**item, "keys": list(item["payload"])}}]}
            found = started(flow.name, told, flow.parameters)
            if matching and found.fails is None:
                seen.starts.append(found)
            elif matching:
                seen.not_started.append(flow.name)
        assert overlapping.told_apart(simulated[row.rule], seen) == [], row
