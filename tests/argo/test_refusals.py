"""What the backend refuses, each with its code, and that nothing else is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends import argo
from metaflow_triggers.model import Schedule

from .argo_flows import EVERYTHING, GRAPH, SETTINGS, SPAN, event, finish, flow, trigger

FILTERED = replace(event("x"), filter='{"a": [1]}')
ORIGIN = replace(event("x"), origin="{}")

REFUSED: dict[str, tuple[Any, list[str]]] = {
    "all": (flow(trigger(event("a"), event("b"), join="all")), ["FT501"]),
    "filter": (flow(trigger(FILTERED)), ["FT502"]),
    "filter of an outcome": (flow(trigger(replace(finish("X"), filter="{}"))), ["FT502"]),
    "origin": (flow(trigger(ORIGIN)), ["FT503"]),
    "outcomes": (flow(trigger(finish("X", "aborted", "failure", "success", "timeout"))), ["FT504", "FT504"]),
    "schedule": (flow(schedule=Schedule("0 0 * * ? *", None, SPAN)), ["FT505"]),
    "options": (flow(trigger(event("a"), options='{"reset_at": {"cron": "0 0 * * *"}}')), ["FT506"]),
    "parallel": (flow(features=("parallel",)), ["FT510"]),
    "long name": (flow(name="F" * 46), ["FT401"]),
    "several at once": (
        flow(trigger(FILTERED, ORIGIN, join="all"), schedule=Schedule("x", None, SPAN)),
        ["FT505", "FT501", "FT502", "FT503"],
    ),
}

ACCEPTED = {
    "everything": EVERYTHING,
    "all of one": flow(trigger(event("a"), join="all")),
    "auto_map": flow(trigger(event("a"), options='{"auto_map": true}', auto_map=True)),
    "other features": flow(features=("foreach", "switch")),
    "long project": flow(name="F" * 60, project="p" * 60, branch="user." + "b" * 60),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    chosen, codes = REFUSED[name]
    found = argo.refusals(chosen, GRAPH, SETTINGS)
    assert [item.code for item in found] == codes
    assert all(item.span == SPAN and not item.message.endswith(".") for item in found)


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    assert argo.refusals(ACCEPTED[name], GRAPH, SETTINGS) == []
