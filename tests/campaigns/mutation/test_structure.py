"""A mistake of one key in an object of ours is caught: by its closed schema or by what it then means."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from .change import changed
from .judge import by_meaning, by_schema
from .structure import MISTAKES, mutations
from .subjects import BACKENDS, FLOWS, ONLY, examples, subject

SEED = 20261122
SCHEMAS = os.environ.get("ARGO_SCHEMAS_DIR")
OFFICIAL = {
    "Sensor": ("argo-events-v1.9.11", "io.argoproj.events.v1alpha1"),
    "EventSource": ("argo-events-v1.9.11", "io.argoproj.events.v1alpha1"),
    "WorkflowTemplate": ("argo-workflows-v4.1.2", "io.argoproj.workflow.v1alpha1"),
    "CronWorkflow": ("argo-workflows-v4.1.2", "io.argoproj.workflow.v1alpha1"),
}


def is_caught(row: dict[str, Any]) -> bool:
    whole = subject(row["backend"], row["subject"])
    item = changed(whole.objects[row["file"]], row)
    return bool(by_schema(whole, row["file"], item) or by_meaning(whole, row["file"], item))


def uncaught(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if not is_caught(row)]


def test_objects_without_a_mistake_pass() -> None:
    names = [(backend, name) for name in FLOWS for backend in BACKENDS if backend in ONLY.get(name, BACKENDS)]
    for backend, name in [*names, *examples(), ("argo-workflows", "shared")]:
        whole = subject(backend, name)
        for file, item in whole.objects.items():
            assert by_schema(whole, file, item) == [], (name, file)
            assert by_meaning(whole, file, item) == [], (name, file)


def test_every_kind_of_object_and_of_mistake_occurs() -> None:
    rows = mutations(300, SEED)
    assert len({json.dumps(row) for row in rows}) == len(rows) == 300
    assert rows == mutations(300, SEED)
    for mistake in MISTAKES:
        assert sum(row["what"] == mistake for row in rows) > 75
    kinds = {row["kind"] for row in rows}
    assert kinds >= {"Sensor", "EventSource", "WorkflowTemplate", "CronWorkflow", "Role", "RoleBinding"}
    assert kinds >= {"ServiceAccount", "NetworkPolicy", "Kustomization", "Starter", "EventCorrelator", "StateMachine"}
    assert kinds >= {"AWS::Events::Rule", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule"}


def test_300_single_key_mistakes_are_caught() -> None:
    assert uncaught(mutations(300, SEED)) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_many_single_key_mistakes_are_caught(seed: int) -> None:
    rows = mutations(1500, seed)
    assert len(uncaught(rows)) <= len(rows) // 100, uncaught(rows)


@pytest.mark.skipif(SCHEMAS is None, reason="ARGO_SCHEMAS_DIR is not set")
def test_the_open_schemas_of_argo_catch_few_of_them(record_property: Any) -> None:
    """What a user of upstream's schemas would notice; core Kubernetes objects and AWS have no such schema there."""
    rows = [row for row in mutations(300, SEED) if row["kind"] in OFFICIAL]
    caught = 0
    for row in rows:
        item = changed(subject(row["backend"], row["subject"]).objects[row["file"]], row)
        caught += any(True for _ in _official(row["kind"]).iter_errors(item))
    record_property("caught by open schemas", f"{caught} of {len(rows)}")
    print(f"open schemas: {caught} of {len(rows)}; ours: {len(rows) - len(uncaught(rows))}")
    assert caught < len(rows) * 0.7


_validators: dict[str, Any] = {}


def _official(kind: str) -> Any:
    if kind not in _validators:
        file, prefix = OFFICIAL[kind]
        document = json.loads((Path(str(SCHEMAS)) / f"{file}.schema.json").read_text("utf-8"))
        root = {"$ref": f"#/definitions/{prefix}.{kind}", "definitions": document["definitions"]}
        _validators[kind] = jsonschema.Draft7Validator(root)
    return _validators[kind]
