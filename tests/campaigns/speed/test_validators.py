"""Both validators say the same of every emitted object, whole and broken: at which places it is wrong, if anywhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.manifests.schemas import findings

from tests.campaigns.argo_schemas import schema_of
from tests.golden.examples import examples
from tests.golden.whole_outputs import compiled

FIRST = ("any_events", "finish_failure", "parameter_mapping")


@pytest.fixture(scope="module")
def emitted() -> list[tuple[str, Any]]:
    """(schema, object) of what the examples compile to, some of them first."""
    folder = compiled(*examples())
    names = sorted(examples(), key=lambda name: (name not in FIRST, name))
    files = [path for name in names for path in sorted((folder / name).rglob("*.yaml"))]
    return [(_schema(path, value), value) for path in files for value in yaml.safe_load_all(path.read_text("utf-8"))]


def _schema(path: Path, value: Any) -> str:
    if path.name == "policies.yaml":
        return "step_functions/policies"
    return schema_of(value) if "kind" in value else "step_functions/template"


def _broken(value: Any) -> Iterator[Any]:
    """Variants with one mistake each: a key misspelt, dropped, or of another type."""
    for path in _paths(value, ()):
        for mistake in ("misspelt", "dropped", "number", "null"):
            variant = copy.deepcopy(value)
            holder = variant
            for step in path[:-1]:
                holder = holder[step]
            if mistake == "misspelt" and isinstance(holder, dict):
                holder[f"{path[-1]}x"] = holder.pop(path[-1])
            elif mistake == "dropped":
                del holder[path[-1]]
            else:
                holder[path[-1]] = 12.5 if mistake == "number" else None
            yield variant


def _paths(value: Any, before: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*before, key)
        yield from _paths(item, (*before, key))


def _agree(schema: str, value: Any) -> bool:
    """True if the object is valid to both; AssertionError if they differ."""
    fast, reference = findings(value, schema), findings(value, schema, reference=True)
    assert {pointer for pointer, _ in fast} == {pointer for pointer, _ in reference}, (schema, fast, reference)
    return not fast


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_validators_agree_that_what_is_emitted_is_valid(emitted: list[tuple[str, Any]], every: int) -> None:
    pytest.importorskip("jsonschema_rs")
    some = [*emitted[::every], *dict(emitted).items()]
    assert len({schema for schema, _ in some}) >= 9
    assert all(_agree(schema, value) for schema, value in some)


def _compare_broken(emitted: list[tuple[str, Any]], every: int) -> tuple[int, int]:
    refused = total = 0
    for schema, value in {repr(item): item for item in emitted}.values():
        for number, variant in enumerate(_broken(value)):
            if number % every == 0:
                total += 1
                refused += not _agree(schema, variant)
    return refused, total


def test_validators_agree_on_broken_objects(emitted: list[tuple[str, Any]]) -> None:
    pytest.importorskip("jsonschema_rs")
    refused, total = _compare_broken(emitted[:30], every=307)
    assert total > 50
    assert refused > total / 2


@pytest.mark.long
def test_validators_agree_on_all_broken_objects(emitted: list[tuple[str, Any]]) -> None:
    pytest.importorskip("jsonschema_rs")
    refused, total = _compare_broken(emitted, every=3)
    assert refused > total / 2
