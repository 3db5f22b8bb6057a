"""Each broken variant is refused by our own checks; of each it is known whether Argo's validators see it.

Our checks are what `compile` runs on finished objects: the closed schema and `checks`. The columns of the matrix that
speak of Argo are asserted where its validators can be had.
"""

from __future__ import annotations

import pytest
from metaflow_triggers.backends.argo.verify import object_checks
from metaflow_triggers.manifests.schemas import findings

from . import judges
from .broken_variants import VARIANTS, broken, whole

EVENTS = [name for name, variant in VARIANTS.items() if variant.kind in ("Sensor", "EventSource")]
WORKFLOWS = [name for name, variant in VARIANTS.items() if variant.kind == "WorkflowTemplate"]


def ours(item) -> list[str]:
    found = [f"{place}: {told}" for place, told in findings(item, f"argo/{item['kind'].lower()}")]
    try:
        return found + list(object_checks.mistakes(item))
    except (AttributeError, KeyError, TypeError):
        assert found  # what the schema refuses need not be fit to be read further
        return found


@pytest.mark.parametrize("name", VARIANTS)
def test_our_checks_refuse_it(name: str):
    assert ours(whole(VARIANTS[name].kind)) == []
    assert ours(broken(name)) != []


def test_the_matrix_is_whole():
    assert len(VARIANTS) >= 34


def test_what_argo_events_sees():
    try:
        told = judges.events([*map(whole, ("Sensor", "EventSource")), *map(broken, EVENTS)], build=False)
    except judges.NoJudge as reason:
        pytest.skip(str(reason))
    assert told[:2] == [("Sensor", "", ""), ("EventSource", "", "")]
    for name, (_, verdict, conditions) in zip(EVENTS, told[2:], strict=True):
        expected = VARIANTS[name]
        assert bool(verdict) == bool(expected.argo) and expected.argo in verdict, (name, verdict)
        if not verdict:
            assert bool(conditions) == bool(expected.conditions), (name, conditions)
        assert expected.conditions in conditions, (name, conditions)


@pytest.mark.long
def test_what_argo_workflows_sees():
    try:
        told = judges.workflows([whole("WorkflowTemplate"), *map(broken, WORKFLOWS)])
    except judges.NoJudge as reason:
        pytest.skip(str(reason))
    assert told[0] == ("WorkflowTemplate", "")
    for name, (_, verdict) in zip(WORKFLOWS, told[1:], strict=True):
        assert VARIANTS[name].argo in verdict and verdict, (name, verdict)
