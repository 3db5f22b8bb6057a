"""The picture that `graph --format json` gives.

In:   nothing.
Out:  `DOCUMENTS`.

Not here: what starts what. Names are a user's, and any text.
"""

from __future__ import annotations

from .notation import a, any_of, closed, document, number, open_object, some, text

_PLACE = {"file": text(), **{name: number("integer", 1) for name in ("line", "column", "end_line", "end_column")}}
_CHANGE = any_of("added", "removed", "changed")
_NODE = {
    "id": text(at_least=1),
    "kind": any_of("flow", "event", "poll", "schedule", "set"),
    "name": text(),
    "known": any_of(True, False),
    "project?": text(at_least=1),
    "branch?": text(at_least=1),
    "backends?": some(text("^[a-z][a-z0-9-]{0,62}$")),
    "words?": text(at_least=1),
    "place?": a("place"),
    "catalogue?": {
        "owner?": text(at_least=1),
        "description?": text(at_least=1),
        "origin?": open_object(),
        "schema?": open_object(),
    },
    "diagnostics?": some(number("integer", 0)),
    "change?": _CHANGE,
    "changes?": some(text(at_least=1)),
}
_MAPPING = any_of({"parameter": text(), "field": text()}, {"parameter": text(), "constant": text()})
_EDGE = {
    "from": text(at_least=1),
    "to": text(at_least=1),
    "kind": any_of("event", "finish", "set", "poll", "schedule", "emits"),
    "words?": text(at_least=1),
    "match?": some(any_of("success", "failure", "timeout", "aborted"), 1, 4),
    "filter?": text(at_least=1),
    "origin?": text(at_least=1),
    "mappings?": some(_MAPPING),
    "auto_map?": any_of(True),
    "options?": text(at_least=1),
    "place?": a("place"),
    "change?": _CHANGE,
}
_DIAGNOSTIC = {
    "code": text("^FT[0-9]{3}$"),
    "severity": any_of("error", "warning", "note"),
    "message": text(),
    "span": any_of(None, a("place")),
    "label": text(),
    "others": some({"span": a("place"), "label": text()}, None),
    "notes": some(text(), None),
    "helps": some(text(), None),
    "docs": text(at_least=1),
}

DOCUMENTS = document(
    "pictures/picture.schema.json",
    "A picture of `metaflow-triggers graph`",
    closed(
        {
            "format": "metaflow-triggers picture",
            "version": 1,
            "nodes": some(_NODE, None),
            "edges": some(_EDGE, None),
            "diagnostics": some(_DIAGNOSTIC, None),
        }
    ),
    {"place": _PLACE},
)
