"""JSON: a picture for programs.

In:   a picture.
Out:  a value that fits `schemas/pictures/picture.schema.json`, or its text. What is not said is left out.

Not here: the schema, which does not ask what is written.
"""

from __future__ import annotations

import json
from typing import Any

from ..model.flows import Span
from ..reports.json import span_json
from .values import Edge, Node, Picture

SCHEMA = "pictures/picture"


def document(picture: Picture) -> dict[str, Any]:
    """The picture as a JSON value."""
    return {
        "format": "metaflow-triggers picture",
        "version": 1,
        "nodes": [_node(node) for node in picture.nodes],
        "edges": [_edge(edge) for edge in picture.edges],
        "diagnostics": [dict(item) for item in picture.diagnostics],
    }


def as_text(picture: Picture) -> str:
    """ASCII text, so that no control character reaches a terminal."""
    return json.dumps(document(picture), indent=2) + "\n"


def _node(node: Node) -> dict[str, Any]:
    told = {
        "project": node.project,
        "branch": node.branch,
        "backends": list(node.backends),
        "words": node.words,
        "place": _place(node.place),
        "catalogue": None if node.catalogue is None else dict(node.catalogue),
        "diagnostics": list(node.diagnostics),
        "change": node.change,
        "changes": list(node.changes),
    }
    catalogued = {"catalogue": told["catalogue"]} if node.catalogue is not None else {}
    return {"id": node.id, "kind": node.kind, "name": node.name, "known": node.known, **_given(told), **catalogued}


def _edge(edge: Edge) -> dict[str, Any]:
    mappings = [
        {"parameter": parameter, **({"field": field} if field is not None else {"constant": constant})}
        for parameter, field, constant in edge.mappings
    ]
    told = {
        "words": edge.words,
        "match": list(edge.match),
        "filter": edge.filter,
        "origin": edge.origin,
        "mappings": mappings,
        "auto_map": edge.auto_map,
        "options": edge.options,
        "place": _place(edge.place),
        "change": edge.change,
    }
    return {"from": edge.source, "to": edge.target, "kind": edge.kind, **_given(told)}


def _place(span: Span | None) -> dict[str, Any] | None:
    return None if span is None else span_json(span)


def _given(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value}
