"""What flows do with an event is held against the catalogue: fields, types, values, literals of `emit_event`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import EmittedEvent, Span
from metaflow_triggers.project_file.shape import Event
from metaflow_triggers.rules.events import find
from metaflow_triggers.rules.payload_schema import ABSENT, OPEN, UNLISTED, PayloadSchema
from metaflow_triggers.rules.weight import severity

from tests.flows import At

AT = At(Span("a.py", 1, 1, 1, 2))
ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["orderId"],
    "properties": {
        "orderId": {"type": "string"},
        "country": {"enum": ["CH", "DE", 7]},
        "count": {"type": ["integer", "null"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "when": True,
    },
    "$defs": {
        "line": {"type": "object", "properties": {"sku": {"const": "A"}, "price": {"type": "number", "minimum": 0}}}
    },
}
CLOSED = {**ORDER, "additionalProperties": False}


def event(schema: Any) -> Event:
    return Event("order-placed", Span("metaflow-triggers.toml", 1, 1, 1, 2), schema=json.dumps(schema))


def told(found: list[Diagnostic]) -> list[tuple[str, str, str]]:
    return [(item.code, severity(item), item.message) for item in found]


# The schema ---------------------------------------------------------------------------------------------------------

COMBINED = {
    "allOf": [{"properties": {"a": {"type": "string"}}}, {"$ref": "#/$defs/b"}],
    "anyOf": [
        {"properties": {"c": {"enum": [1]}}, "additionalProperties": False},
        {"properties": {"c": {"enum": [2]}, "d": {}}, "patternProperties": {"^x-": {"type": "boolean"}}},
    ],
    "$defs": {"b": {"properties": {"b": {"type": "object", "additionalProperties": {"type": "integer"}}}}},
}


@pytest.mark.parametrize(
    ("schema", "path", "state", "types"),
    [
        (ORDER, "orderId", "", {"string"}),
        (ORDER, "orderID", UNLISTED, None),
        (CLOSED, "orderID", ABSENT, None),
        (CLOSED, "orderId.x", ABSENT, None),
        (ORDER, "when.x", OPEN, None),
        (ORDER, "lines.sku", ABSENT, None),
        (True, "a", OPEN, None),
        (False, "a", ABSENT, None),
        ({"type": "array"}, "a", ABSENT, None),
        (COMBINED, "a", "", {"string"}),
        (COMBINED, "b.anything", "", {"integer"}),
        (COMBINED, "c", "", None),
        (COMBINED, "x-1", "", {"boolean"}),
        (COMBINED, "other", UNLISTED, None),
        ({**COMBINED, "unevaluatedProperties": False}, "other", ABSENT, None),
        ({**COMBINED, "unevaluatedProperties": False}, "a", "", {"string"}),
        ({"$ref": "#"}, "a", OPEN, None),
        ({"properties": {"a": {"$ref": "#"}}}, "a.a.a.b", UNLISTED, None),
    ],
)
def test_a_place_of_the_payload(schema: Any, path: str, state: str, types: set[str] | None) -> None:
    found = PayloadSchema(json.dumps(schema))
    names = path.split(".")
    assert found.field(names) == state
    assert found.types(names) == types


def test_filters_look_into_lists() -> None:
    found = PayloadSchema(json.dumps(ORDER), lists=True)
    assert (found.field(["lines", "sku"]), found.values(["lines", "sku"])) == ("", ["A"])
    assert found.names(["lines"]) == ["price", "sku"]
    assert found.can_be(["lines", "price"], 1) and not found.can_be(["lines", "price"], -1)


def test_nothing_is_fetched() -> None:
    found = PayloadSchema('{"$ref": "#/nowhere"}')
    assert found.errors({}) == [("", "its schema cannot be applied: _WrappedReferencingError")]
    assert found.can_be([], 1)


# Mappings and filters -----------------------------------------------------------------------------------------------


def mapped(schema: Any, field: str, kind: str) -> list[tuple[str, str, str]]:
    dependency = AT.event("order-placed", AT.mapping("p", field))
    flow = AT.flow("A", AT.trigger(dependency), parameters=(AT.parameter("p", kind),))
    return told(list(find(link([flow]), [event(schema)])))


def test_a_mapping_to_a_field_that_there_is_not() -> None:
    assert mapped(ORDER, "orderID", "str") == [
        ("FT308", "warning", "the event `order-placed` lists no field `orderID`")
    ]
    assert mapped(CLOSED, "orderID", "str") == [("FT308", "error", "the event `order-placed` has no field `orderID`")]
    assert mapped(ORDER, "when.at", "str") == mapped(True, "x", "int") == []
    dotted = {"properties": {"a.b": {"type": "string"}}, "additionalProperties": False}
    assert mapped(dotted, "a.b", "str") == []
    assert [item[0] for item in mapped(dotted, "a.c", "str")] == ["FT308"]


def test_the_help_names_what_is_meant() -> None:
    dependency = AT.event("order-placed", AT.mapping("p", "orderID"))
    (found,) = find(link([AT.flow("A", AT.trigger(dependency))]), [event(ORDER)])
    assert found.helps == ("did you mean `orderId`?",)
    assert [span.file for span, _ in found.others] == ["metaflow-triggers.toml"]


@pytest.mark.parametrize(
    ("field", "kind", "takes"),
    [
        ("orderId", "str", True),
        ("orderId", "int", True),  # a text may hold a number
        ("orderId", "json", True),
        ("count", "int", True),
        ("count", "bool", False),
        ("count", "float", True),
        ("count", "str", True),
        ("lines", "int", False),
        ("lines", "str", True),
        ("lines", "json", True),
        ("country", "bool", False),
        ("country", "int", True),
        ("when", "bool", True),
    ],
)
def test_the_type_of_a_field_against_the_parameters(field: str, kind: str, takes: bool) -> None:
    found = mapped(CLOSED, field, kind)
    assert [item[:2] for item in found] == ([] if takes else [("FT309", "error")]), found


def filtered(schema: Any, pattern: Any) -> list[tuple[str, str, str]]:
    dependency = AT.event("order-placed", filter=json.dumps(pattern))
    return told(list(find(link([AT.flow("A", AT.trigger(dependency))]), [event(schema)])))


def test_filters_ask_for_what_can_be() -> None:
    for good in (
        {"country": ["CH", 7]},
        {"country": [{"prefix": "D"}]},
        {"country": [{"anything-but": "CH"}]},
        {"lines": {"sku": ["A"]}},
        {"lines.price": [{"numeric": [">", 3]}, 4]},
        {"orderID": [{"exists": False}]},
        {"when": {"at": ["x"]}},
        {"orderId": [{"prefix": "x"}]},
    ):
        assert filtered(ORDER, good) == [], good
    assert filtered(ORDER, {"country": ["CHE", "CH"]}) == [
        ("FT310", "error", 'the field `country` of `order-placed` is never "CHE"')
    ]
    assert [item[0] for item in filtered(ORDER, {"country": [{"prefix": "X"}]})] == ["FT310"]
    assert [item[0] for item in filtered(ORDER, {"orderId": [3]})] == ["FT310"]
    assert [item[0] for item in filtered(ORDER, {"lines": {"sku": ["B"], "price": [-1]}})] == ["FT310", "FT310"]
    assert filtered(CLOSED, {"region": ["a"]}) == [("FT308", "error", "the event `order-placed` has no field `region`")]


# What code emits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("emit_event('order-placed', {'orderId': '7'})", []),
        ("emit_event('order-placed', payload={'orderId': self.x, 'count': 3})", []),
        ("emit_event('order-placed', self.payload)", []),
        ("emit_event('order-placed', {**more})", []),
        ("emit_event(*a)", []),
        ("emit_event('other', {'orderId': 7})", []),
        ("emit_event('order-placed')", ["'orderId' is a required property"]),
        ("emit_event('order-placed', {'orderId': 7})", ["`orderId`: 7 is not of type 'string'"]),
        ("emit_event('order-placed', {'orderId': 7, 'count': n})", ["`orderId`: 7 cannot stand there"]),
        ("emit_event('order-placed', {'count': n})", ["'orderId' is a required property"]),
        ("emit_event('order-placed', {'orderId': x, 'orderNo': 1})", ["`orderNo`: its schema forbids this field"]),
        (
            "emit_event(name='order-placed', payload={'orderId': '1', 'lines': [{'price': -1}]})",
            ["`lines.0.price`: -1 is less than the minimum of 0"],
        ),
    ],
)
def test_literals_that_code_emits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text(f"class A:\n    def start(self):\n        {call}\n")
    emits = (EmittedEvent("order-placed", Span("a.py", 3, 9, 3, 10)),)
    found = list(find(link([AT.flow("A", emits=emits)]), [event(CLOSED)]))
    assert [item.message for item in found] == [f"`emit_event('order-placed')`: {text}" for text in expected]
    assert all(item.code == "FT311" and item.span and item.span.line == 3 for item in found)


def test_without_a_schema_anything_fits() -> None:
    dependency = AT.event("order-placed", AT.mapping("p", "x"))
    graph = link([AT.flow("A", AT.trigger(dependency))])
    assert list(find(graph, [Event("order-placed", AT.span)])) == []
    assert list(find(graph, [Event("other", AT.span, schema="false")])) == []
