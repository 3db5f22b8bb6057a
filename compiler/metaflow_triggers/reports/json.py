"""JSON: diagnostics as one JSON document.

In:   diagnostics.
Out:  a value that fits JSON_SCHEMA, or its text.

Not here: exit codes, writing to a stream.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..model.flows import Span
from ..rules.catalogue import SEVERITIES
from ..rules.weight import severity
from .text import DOCS

_SPAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["file", "line", "column", "end_line", "end_column"],
    "properties": {
        "file": {"type": "string"},
        **{key: {"type": "integer", "minimum": 1} for key in ("line", "column", "end_line", "end_column")},
    },
}


JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Diagnostics of metaflow-triggers",
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "summary", "diagnostics"],
    "properties": {
        "version": {"const": 1},
        "summary": {
            "type": "object",
            "additionalProperties": False,
            "required": ["flows", "errors", "warnings", "notes"],
            "properties": {
                "flows": {"type": ["integer", "null"], "minimum": 0},
                **{
                    key: {"type": "integer", "minimum": 0}
                    for key in ("errors", "warnings", "notes", "skipped", "accepted", "off")
                },
                "left_out": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name", "span", "why"],
                        "properties": {
                            "name": {"type": "string"},
                            "span": {"$ref": "#/$defs/span"},
                            "why": {"type": "string"},
                        },
                    },
                },
                "unsearched": {"type": "array", "items": {"type": "string"}},
                "excluded": {"type": "array", "items": {"type": "string"}},
            },
        },
        "graph": {
            "type": "object",
            "additionalProperties": False,
            "required": ["flows", "edges"],
            "properties": {
                "flows": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["flow", "file", "starts"],
                        "properties": {
                            "flow": {"type": "string"},
                            "file": {"type": "string"},
                            "starts": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "additionalProperties": False,
                                    "required": ["when", "gets"],
                                    "properties": {"when": {"type": "string"}, "gets": {"type": "string"}},
                                },
                            },
                        },
                    },
                },
                "edges": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["from", "to", "match"],
                        "properties": {
                            "from": {"type": "string"},
                            "to": {"type": "string"},
                            "match": {"type": "array", "items": {"type": "string"}},
                        },
                    },
                },
            },
        },
        "files": {
            "type": "object",
            "additionalProperties": False,
            "required": ["written", "removed", "gone", "kept", "polls_gone"],
            "properties": {
                **{key: {"type": "array", "items": {"type": "string"}} for key in ("written", "removed")},
                **{key: {"type": "array", "items": {"$ref": "#/$defs/owner"}} for key in ("gone", "kept")},
                "polls_gone": {"type": "array", "items": {"$ref": "#/$defs/poll"}},
            },
        },
        "diagnostics": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    *("code", "severity", "message", "span", "label"),
                    *("others", "notes", "helps", "docs"),
                ],
                "properties": {
                    "code": {"type": "string", "pattern": "^FT[0-9]{3}$"},
                    "severity": {"enum": list(SEVERITIES)},
                    "message": {"type": "string"},
                    "span": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/span"}]},
                    "label": {"type": "string"},
                    "others": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["span", "label"],
                            "properties": {"span": {"$ref": "#/$defs/span"}, "label": {"type": "string"}},
                        },
                    },
                    "notes": {"type": "array", "items": {"type": "string"}},
                    "helps": {"type": "array", "items": {"type": "string"}},
                    "docs": {"type": "string"},
                },
            },
        },
    },
    "$defs": {
        "span": _SPAN_SCHEMA,
        "owner": {
            "type": "object",
            "additionalProperties": False,
            "required": ["flow", "backend", "why"],
            "properties": {key: {"type": "string"} for key in ("flow", "backend", "why")},
        },
        "poll": {
            "type": "object",
            "additionalProperties": False,
            "required": ["poll", "flow", "backend", "why"],
            "properties": {key: {"type": "string"} for key in ("poll", "flow", "backend", "why")},
        },
    },
}
"""The JSON form; stands in `docs/diagnostics.md` too."""


def span_json(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def json_document(
    diagnostics: Iterable[Diagnostic],
    flows: int | None = None,
    omissions: Mapping[str, Any] | None = None,
    graph: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All diagnostics, in order, as a JSON value that fits JSON_SCHEMA.

    `omissions` are `skipped`, `left_out` and `unsearched` of the summary; `graph` is what starts what, `files` what
    became of the output folder.
    """
    items = ordered(diagnostics)
    count = Counter(severity(item) for item in items)
    return {
        "version": 1,
        "summary": {"flows": flows, **{f"{level}s": count[level] for level in SEVERITIES}, **(omissions or {})},
        **({} if graph is None else {"graph": graph}),
        **({} if files is None else {"files": files}),
        "diagnostics": [
            {
                "code": item.code,
                "severity": severity(item),
                "message": item.message,
                "span": span_json(item.span) if item.span else None,
                "label": item.label,
                "others": [{"span": span_json(span), "label": label} for span, label in item.others],
                "notes": list(item.notes),
                "helps": list(item.helps),
                "docs": f"{DOCS}#{item.code}",
            }
            for item in items
        ],
    }


def render_json(
    diagnostics: Iterable[Diagnostic],
    flows: int | None = None,
    omissions: Mapping[str, Any] | None = None,
    graph: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
) -> str:
    """`json_document` as ASCII text (so no control character reaches a terminal); ends with a newline."""
    return json.dumps(json_document(diagnostics, flows, omissions, graph, files), indent=2) + "\n"
