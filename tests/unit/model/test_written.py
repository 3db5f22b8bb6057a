"""Filters, origins and options: parsed once, read-only, and each backend's own words left to that backend."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
from pathlib import Path
from typing import Any

import metaflow_triggers
import pytest
from metaflow_triggers.backends import registry
from metaflow_triggers.graph.differences import recorded, restored
from metaflow_triggers.model.flows import Filter, Options, Origin, Trigger
from metaflow_triggers.model.serialize import from_json, to_json

from tests.flows import GRAPH, At, span
from tests.settings import OPEN

HERE = At(span("f.py"))
TEXT = '{"a": {"b": [1, {"prefix": "x"}]}, "c": [null]}'
BAD = {"step-functions": {"retry": 186}, "argo-workflows": {"retry": 0}}
ROOMS = ("backends", "compiling", "engine", "graph", "rules", "simulate")


def own(trigger: Trigger) -> Any:
    return HERE.flow("F", trigger)


def test_a_value_is_read_only_and_a_copy_is_not() -> None:
    said = Filter(TEXT)
    with pytest.raises(TypeError):
        said.value["a"]["b"] = ()
    assert said.value["a"]["b"][0] == 1 and isinstance(said.value["a"]["b"], tuple)
    plain = said.plain()
    plain["a"]["b"].append(2)
    assert said.plain() == json.loads(TEXT) != plain


def test_the_text_alone_tells_it_from_others() -> None:
    placed = Filter(TEXT, (((), span("f.py", 3)),))
    assert placed == Filter(TEXT) != Filter("{}") and len({placed, Filter(TEXT)}) == 1
    assert placed != Origin(TEXT) and repr(placed) == repr(Filter(TEXT))


def test_places_come_through_processes_and_an_index_has_the_text_alone() -> None:
    places = (((), span("f.py", 2)), (("step-functions",), span("f.py", 3)))
    said = dataclasses.replace(HERE.event("a"), filter=Filter(TEXT, places[:1]), origin=Origin('{"x": {}}', places))
    flow = own(dataclasses.replace(HERE.trigger(said), options=Options('{"max_active": 1}', places)))
    for again in (from_json(json.loads(json.dumps(to_json(flow)))), pickle.loads(pickle.dumps(flow)), copy.copy(flow)):
        found = again.triggers[0]
        assert again == flow and found.options.places == places and found.dependencies[0].origin.places == places
    index = recorded(flow)["triggers"][0]
    assert index["options"] == '{"max_active": 1}'
    assert (index["dependencies"][0]["filter"], index["dependencies"][0]["origin"]) == (TEXT, '{"x": {}}')
    assert recorded(restored(recorded(flow))) == recorded(flow)


def test_the_nearest_known_place_is_given() -> None:
    whole, dict_, key = (span("f.py", line) for line in (1, 2, 3))
    said = Options('{"b": {"k": 1}}', (((), whole), (("b",), dict_), (("b", "k", ""), key)))
    assert [said.place(*keys) for keys in ((), ("c",), ("b", "k"), ("b", "k", ""))] == [whole, whole, dict_, key]
    assert Options().place("b") is None


@pytest.mark.parametrize("mine", BAD)
def test_a_backend_reads_its_own_options_only(mine: str) -> None:
    for name, said in BAD.items():
        flow = own(HERE.trigger(HERE.event("a"), options=json.dumps({name: said})))
        told = [item for item in registry.backend(mine).refusals(flow, GRAPH, OPEN) if item.code == "FT107"]
        assert len(told) == (name == mine)


def test_nobody_parses_the_models_text_again() -> None:
    """What is text in a filter, an origin or options goes into names and documents, never into a parser."""
    parsed = re.compile(r"\bloads\([^\n]*(\.text\b|filter_text|\.(filter|origin|options)\b)")
    files = [path for room in ROOMS for path in (Path(metaflow_triggers.__file__).parent / room).rglob("*.py")]
    assert parsed.search("json.loads(item.filter.text)") and len(files) > 150
    assert [path.name for path in files if parsed.search(path.read_text("utf-8"))] == []
