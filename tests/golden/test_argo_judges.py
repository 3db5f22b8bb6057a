"""What Argo's own validators say of every object that the examples compile to and that they know.

They are Go programs, and argo-workflows' is not to be had everywhere. So `accepted_by_argo.json` keeps which bytes they
have accepted: an object that changes without asking them fails here, on every machine. With Go, and
ARGO_WORKFLOWS_SOURCE where its module is not served, `python -m tests.golden.judge_goldens` asks them anew.
"""

from __future__ import annotations

import json

import pytest
import yaml
from metaflow_triggers.backends.argo import backend as argo

from tests.flows import GRAPH
from tests.unit.backends.argo.argo_flows import SETTINGS, upstream
from tests.unit.backends.argo.test_checks import WHOLE
from tests.worlds.argo import judges

from .judge_goldens import EVENTS, RECORD, WORKFLOWS, digests, of_kinds
from .test_golden import of_upstream_needs_its_version
from .whole_outputs import everything


def test_all_goldens_are_those_that_argo_has_accepted():
    accepted = json.loads(RECORD.read_text("utf-8"))
    assert accepted.pop(judges.version("events")) == digests(of_kinds(*EVENTS))
    of_upstream_needs_its_version()
    assert accepted == {judges.version("workflows"): digests(of_kinds(*WORKFLOWS))}


def test_argo_events_accepts_all():
    goldens = of_kinds(*EVENTS)
    said = sum(text.startswith(opening(kind)) for text in everything().values() for kind in EVENTS)
    assert len(goldens) == said > 20
    try:
        told = judges.events(list(goldens.values()), build=False)
    except judges.NoJudge as reason:
        pytest.skip(str(reason))
    assert {kind for kind, _, _ in told} == set(EVENTS)
    refused = {file: words for file, (_, *words) in zip(goldens, told, strict=True) if words != ["", ""]}
    assert refused == {}


@pytest.mark.long
def test_argo_workflows_accepts_all():
    goldens = of_kinds(*WORKFLOWS)
    said = sum(file.endswith(("/workflowtemplate.yaml", "/cronworkflow.yaml")) for file in everything())
    assert len(goldens) == said > 20
    # No example has a schedule; the Workflows are what the Sensors make before an event is filled in.
    more = [item.content for item in argo.manifests(WHOLE, GRAPH, upstream(), SETTINGS)]
    more = [item for item in more if item["kind"] in WORKFLOWS]
    made = [
        trigger["template"]["k8s"]["source"]["resource"]
        for text in of_kinds("Sensor").values()
        for trigger in yaml.safe_load(text)["spec"]["triggers"]
        if "k8s" in trigger["template"]
    ]
    try:
        told = judges.workflows([*goldens.values(), *more, *made])
    except judges.NoJudge as reason:
        pytest.skip(str(reason))
    assert {kind for kind, _ in told} == set(WORKFLOWS)
    assert [words for _, words in told if words] == []


def opening(kind: str) -> str:
    return f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\n"
