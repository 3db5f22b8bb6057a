"""Events: what flows do with an event, held against what the project's catalogue says that it carries.

In:   the graph; the events of the project file.
Out:  FT308 (a field that the event does not have), FT309 (one that a Parameter cannot take), FT310 (a filter that no
      such event meets), FT311 (an `emit_event` whose payload does not fit).

Not here: the schema (`payload_schema`), the catalogue (`project_file.events`). An event without a schema may be
anything.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from metaflow_extensions.triggers.contract.event_filter import filter_fields
from metaflow_extensions.triggers.contract.filter_operators import holds
from metaflow_extensions.triggers.contract.parameter_values import convert

from .. import regular
from ..diagnostics import Diagnostic
from ..diagnostics.suggest import did_you_mean
from ..model.flows import EventDependency, Flow, PayloadField, Span, TriggerGraph
from ..project_file.shape import Event
from .payload_schema import ABSENT, UNLISTED, PayloadSchema

_SAMPLES: dict[str, list[Any]] = {
    "string": ["x", "1", "1.5", "true"],
    "integer": [1],
    "number": [1, 1.5],
    "boolean": [True],
    "object": [{}],
    "array": [[]],
    "null": [],
}
"""Values of each type of JSON, of which a Parameter takes one if it takes any."""
_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def find(graph: TriggerGraph, events: Iterable[Event]) -> Iterator[Diagnostic]:
    """All findings."""
    known = {event.name: event for event in events if event.schema}
    if not known:
        return
    for flow in graph.flows:
        for trigger in flow.triggers:
            for dependency in trigger.dependencies:
                if isinstance(dependency, EventDependency) and dependency.name in known:
                    event = known[dependency.name]
                    yield from _mappings(flow, dependency, event)
                    yield from _filter(flow, dependency, event)
    yield from _emitted(graph, known)


def _said(event: Event) -> tuple[tuple[Span, str], ...]:
    return ((event.span, f"what `{event.name}` carries"),)


# Mappings -----------------------------------------------------------------------------------------------------------


def _mappings(flow: Flow, dependency: EventDependency, event: Event) -> Iterator[Diagnostic]:
    schema = PayloadSchema(event.schema)
    kinds = {parameter.name: parameter.type for parameter in flow.parameters}
    for mapping in dependency.mappings:
        if not isinstance(mapping.source, PayloadField):
            continue
        path = mapping.source.path
        # A key that itself holds the dots wins.
        names = [path] if "." in path and not schema.field([path]) else path.split(".")
        state = schema.field(names)
        if state in (ABSENT, UNLISTED):
            yield _no_field(event, schema, names, mapping.span)
            continue
        types, kind = schema.types(names), kinds.get(mapping.parameter)
        listed = schema.values(names)
        of_types = [item for name in types or () for item in _SAMPLES.get(name, [None])]
        samples = of_types if listed is None else listed
        if kind is None or not samples or any(_converts(value, kind) for value in samples):
            continue
        found = " or ".join(sorted(map(_TYPES.__getitem__, types or ()))) or "one of " + ", ".join(
            json.dumps(item) for item in (listed or [])[:5]
        )
        yield Diagnostic(
            "FT309",
            f"the field `{path}` of `{event.name}` is {found}, which the Parameter `{mapping.parameter}` of type "
            f"{kind} does not take",
            mapping.span,
            "every run that it starts would fail",
            _said(event),
        )


def _converts(value: Any, kind: str) -> bool:
    if value is None:
        return True  # gives nothing
    try:
        convert(value, kind)
    except ValueError:
        return False
    return True


def _no_field(event: Event, schema: PayloadSchema, names: list[str], span: Span | None) -> Diagnostic:
    above, path, state = names[:-1], ".".join(names), schema.field(names)
    known = [".".join([*above, name]) for name in schema.names(above)]
    return Diagnostic(
        "FT308",
        f"the event `{event.name}` {'has no' if state == ABSENT else 'lists no'} field `{path}`",
        span,
        "its schema forbids it" if state == ABSENT else "its schema does not say it",
        _said(event),
        helps=did_you_mean(path, known),
        severity="error" if state == ABSENT else "",
    )


# Filters ------------------------------------------------------------------------------------------------------------


def _filter(flow: Flow, dependency: EventDependency, event: Event) -> Iterator[Diagnostic]:
    if dependency.filter is None:
        return
    schema = PayloadSchema(event.schema, lists=True)
    for names, alternatives in filter_fields(dependency.filter.plain()):
        path = list(names)
        span = dependency.filter.place(*path) or dependency.filter.place(".".join(path)) or dependency.span
        state = schema.field(path)
        if state in (ABSENT, UNLISTED):
            if {"exists": False} not in alternatives:
                yield _no_field(event, schema, path, span)
            continue
        values = schema.values(path)
        for item in alternatives:
            if item == {"exists": False} or _can_hold(schema, path, values, item):
                continue
            shown = json.dumps(item, ensure_ascii=False)
            texts = [value for value in values or () if isinstance(value, str)]
            helps = did_you_mean(item, texts) if isinstance(item, str) else ()
            yield Diagnostic(
                "FT310",
                f"the field `{'.'.join(path)}` of `{event.name}` is never {shown}",
                span,
                f"`{flow.name}` would not start for it",
                _said(event),
                notes=(f"it is one of {', '.join(json.dumps(value) for value in values[:10])}",) if values else (),
                helps=helps,
            )


def _can_hold(schema: PayloadSchema, path: list[str], values: list[Any] | None, item: Any) -> bool:
    if values is not None:
        return any(holds(item, value) for each in values for value in (each if isinstance(each, list) else [each]))
    if isinstance(item, dict):
        return True  # an operator: its values are not listed
    return schema.can_be(path, item) or schema.can_be(path, [item])


# What code emits ----------------------------------------------------------------------------------------------------

_UNKNOWN = object()


def _emitted(graph: TriggerGraph, known: Mapping[str, Event]) -> Iterator[Diagnostic]:
    seen: set[Span] = set()
    trees: dict[str, ast.AST | None] = {}
    for flow in graph.flows:
        for emitted in flow.emits:
            if emitted.name not in known:
                continue
            if emitted.span.file not in trees:
                trees[emitted.span.file] = _tree(emitted.span.file)
            for call in _calls(trees[emitted.span.file], emitted.name):
                span = _span(emitted.span.file, call)
                if span not in seen:
                    seen.add(span)
                    yield from _payload(known[emitted.name], call, emitted.span.file)


def _tree(file: str) -> ast.AST | None:
    try:
        return ast.parse(regular.text(file))
    except (regular.Unreadable, SyntaxError, ValueError, RecursionError):
        return None


def _calls(tree: ast.AST | None, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "emit_event":
            first = node.args[0] if node.args else _keyword(node, "name")
            if isinstance(first, ast.Constant) and first.value == name:
                yield node


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in call.keywords if item.arg == name), None)


def _span(file: str, node: ast.expr) -> Span:
    last, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return Span(file, node.lineno, node.col_offset + 1, last, end + 1)


def _payload(event: Event, call: ast.Call, file: str) -> Iterator[Diagnostic]:
    schema = PayloadSchema(event.schema)
    given = call.args[1] if len(call.args) > 1 else _keyword(call, "payload")
    if any(isinstance(item, ast.Starred) for item in call.args) or any(item.arg is None for item in call.keywords):
        return
    value = {} if given is None else _literal(given)
    if value is _UNKNOWN:
        return
    for where, what, node in _mistakes(schema, value, given):
        yield Diagnostic(
            "FT311",
            f"`emit_event('{event.name}')`: {f'`{where}`: ' if where else ''}{what}",
            _span(file, node or given or call),
            "does not fit the event's schema",
            _said(event),
        )


def _mistakes(schema: PayloadSchema, value: Any, node: ast.expr | None) -> Iterator[tuple[str, str, ast.expr | None]]:
    if not isinstance(value, dict) or not isinstance(node, ast.Dict):
        yield from ((where, what, None) for where, what in schema.errors(value))
        return
    if _is_known(value):
        nodes = {
            key.value: item for key, item in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)
        }
        for where, what in schema.errors(value):
            yield where, what, nodes.get(where.partition(".")[0])
        return
    open_ended = any(not isinstance(key, ast.Constant) for key in node.keys)
    for name in schema.required():
        if name not in value and not open_ended:
            yield "", f"'{name}' is a required property", None
    for key, item in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            continue
        found = _literal(item)
        if schema.field([key.value]) == ABSENT:
            yield key.value, "its schema forbids this field", key
        elif found is not _UNKNOWN and _is_known(found) and not schema.can_be([key.value], found):
            yield key.value, f"{json.dumps(found, ensure_ascii=False)[:80]} cannot stand there", item


def _literal(node: ast.expr) -> Any:
    """The value, with _UNKNOWN where it is computed."""
    if isinstance(node, ast.Dict):
        return {
            key.value: _literal(item)
            for key, item in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        } | ({} if all(isinstance(key, ast.Constant) for key in node.keys) else {"": _UNKNOWN})
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    try:
        value = ast.literal_eval(node)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, SyntaxError):
        return _UNKNOWN
    return value


def _is_known(value: Any) -> bool:
    if value is _UNKNOWN:
        return False
    if isinstance(value, dict):
        return all(map(_is_known, value.values()))
    return all(map(_is_known, value)) if isinstance(value, list) else True
