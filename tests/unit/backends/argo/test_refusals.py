"""What the backend refuses, each with its code, and that nothing else is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.model.flows import Filter, Schedule

from tests.flows import GRAPH, filtered

from .argo_flows import EVERYTHING, SETTINGS, SPAN, event, finish, flow, from_origin, mapping, required, trigger

ODD_FILTER = filtered(event("x"), {"a": [{"cidr": "10.0.0.0/8"}]})
NO_ORIGIN = event("x", origin="{}")


def argo_options(**said: Any) -> Any:
    return flow(
        trigger(event("a"), options=json.dumps({"argo-workflows": {k.replace("_", "-"): v for k, v in said.items()}}))
    )


def cron(text: str) -> Any:
    return flow(schedule=Schedule(text, None, SPAN))


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "queue": (flow(trigger(event("a"), event("b"), join="all", options='{"join": "queue"}')), ["FT501"]),
    "auto_map of a set": (
        flow(trigger(event("a"), event("b"), join="all", auto_map=True), parameters=(required("p"),)),
        ["FT501"],
    ),
    "filter": (flow(trigger(ODD_FILTER)), ["FT502"]),
    "filter of an outcome": (flow(trigger(replace(finish("X"), filter=Filter("{}")))), ["FT502"]),
    "filter without a list": (flow(trigger(filtered(event("x"), {"a": "b"}))), ["FT502"]),
    "origin elsewhere": (flow(trigger(NO_ORIGIN)), ["FT503"]),
    "origin without event": (
        flow(trigger(event("x", origin='{"argo-workflows": {"event-source": "s"}}'))),
        ["FT503"],
    ),
    "origin with a bad name": (flow(trigger(from_origin(event("x"), "A.b", "e"))), ["FT503"]),
    "cron L": (cron("0 0 L * ? *"), ["FT505"]),
    "cron W": (cron("0 0 15W * ? *"), ["FT505"]),
    "cron #": (cron("0 8 ? * MON#1 *"), ["FT505"]),
    "cron year": (cron("0 0 1 1 ? 2030"), ["FT505"]),
    "bound": (flow(trigger(event("a"), options='{"max_active": 2}')), ["FT506"]),
    "unknown option": (argo_options(event_buss="x"), ["FT107"]),
    "event bus": (argo_options(event_bus="A b"), ["FT107"]),
    "event source": (argo_options(event_source="a.b"), ["FT107"]),
    "event": (argo_options(event="a.b"), ["FT107"]),
    "namespace": (argo_options(sensor_namespace=""), ["FT107"]),
    "retry": (argo_options(retry=0), ["FT107"]),
    "retry as text": (argo_options(retry="3"), ["FT107"]),
    "rate limit": (argo_options(rate_limit=0), ["FT107"]),
    "rate limit true": (argo_options(rate_limit=True), ["FT107"]),
    "long name": (flow(name="F" * 46), ["FT401"]),
    "parameter's name": (flow(parameters=(replace(required("p"), name="Größe"),)), ["FT401"]),
    "several at once": (
        flow(
            trigger(ODD_FILTER, NO_ORIGIN, join="all", options='{"join": "queue"}'), schedule=Schedule("x", None, SPAN)
        ),
        ["FT505", "FT501", "FT502", "FT503"],
    ),
}

ACCEPTED = {
    "everything": EVERYTHING,
    "all": flow(trigger(event("a"), event("b"), join="all")),
    "all of one, queue": flow(trigger(event("a"), join="all", options='{"join": "queue"}')),
    "bound of one": flow(trigger(event("a"), options='{"max_active": 1}')),
    "latest": flow(trigger(event("a"), event("b"), join="all", options='{"join": "latest"}')),
    "parameter's name": flow(parameters=(replace(required("p"), name="a-b_C9"),)),
    "Config's name": flow(parameters=(replace(required("p"), name="Größe", is_config=True),)),
    "auto_map": flow(trigger(event("a"), options='{"auto_map": true}', auto_map=True)),
    "auto_map of a set, mapped": flow(
        trigger(event("a", mapping("p", "v")), event("b"), join="all", auto_map=True), parameters=(required("p"),)
    ),
    "every outcome": flow(trigger(finish("X", "aborted", "failure", "success", "timeout"))),
    "options": argo_options(event_bus="b", event_source="s", event="e", sensor_namespace="n", retry=1, rate_limit=1),
    "options of the other cloud": flow(trigger(event("a"), options='{"step-functions": {"bus": "x"}}')),
    "origin": flow(trigger(from_origin(event("x"), "minio", "uploads"))),
    "schedule": cron("0 9 ? * 2-6 *"),
    "other features": flow(features=("foreach", "parallel", "switch")),
    "long project": flow(name="F" * 60, project="p" * 60, branch="user." + "b" * 60),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    chosen, codes = REFUSED[name]
    found = [item for item in argo.refusals(chosen, GRAPH, SETTINGS) if item.code != "FT507"]
    assert [item.code for item in found] == codes
    assert all(item.span == SPAN and not item.message.endswith(".") for item in found)


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    assert [item for item in argo.refusals(ACCEPTED[name], GRAPH, SETTINGS) if item.code != "FT507"] == []


def test_who_gave_the_name_is_blamed_for_it() -> None:
    derived, given = (
        argo.refusals(replace(flow(name="F" * 46), deployed_as=name), GRAPH, SETTINGS)[0] for name in (None, "n" * 260)
    )
    assert "class" in derived.helps[0] and "--name" not in derived.helps[0]
    assert given.code == "FT401" and given.helps == ("give another one with `--name`",)
