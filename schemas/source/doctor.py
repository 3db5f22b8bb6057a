"""The findings that `doctor --format json` gives.

In:   nothing.
Out:  `DOCUMENTS`.

Not here: what is asked.
"""

from __future__ import annotations

from .notation import any_of, closed, document, number, some, text

_FINDING = {
    "thing": text(at_least=1),
    "state": any_of("fine", "lacking", "not asked"),
    "found": text(),
    "mends": some(text(at_least=1), None),
    "needs": text(),
    "code": text("^(FT[0-9]{3})?$"),
}

DOCUMENTS = document(
    "doctor/findings.schema.json",
    "What `metaflow-triggers doctor` finds",
    closed(
        {
            "format": "metaflow-triggers doctor",
            "version": 1,
            "summary": {name: number("integer", 0) for name in ("fine", "lacking", "not_asked")},
            "targets": some({"name": text(at_least=1), "findings": some(_FINDING, None)}, None),
        }
    ),
)
