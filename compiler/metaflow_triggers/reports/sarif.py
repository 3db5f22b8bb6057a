"""SARIF: diagnostics as a log of the Static Analysis Results Interchange Format, 2.1.0.

In:   diagnostics, whether the command went well, the version of this package.
Out:  the log as JSON text: what stands in a file is a result, what stands in none a notification.

Not here: exit codes, writing. Addresses are relative as the files were given; rules carry their text, and no address.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..model.flows import Span
from ..rules.catalogue import rule
from ..rules.weight import severity
from .shown import shown


def render_sarif(diagnostics: Iterable[Diagnostic], *, failed: bool, version: str) -> str:
    """All diagnostics, in order, as ASCII text; ends with a newline."""
    items = list(ordered(diagnostics))
    codes = sorted({item.code for item in items})
    placed = [item for item in items if item.span is not None]
    run = {
        "tool": {"driver": {"name": "metaflow-triggers", "version": version, "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not failed,
                "toolExecutionNotifications": [_notification(item) for item in items if item.span is None],
            }
        ],
        "results": [_result(item, codes.index(item.code)) for item in placed],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def message(item: Diagnostic) -> str:
    """All that a diagnostic says, without its places."""
    lines = [item.message, item.label, *(f"note: {text}" for text in item.notes)]
    lines += [f"help: {text}" for text in item.helps]
    return "\n".join(shown(part) for line in lines if line for part in line.split("\n"))


def _rule(code: str) -> dict[str, Any]:
    found = rule(code)
    if found is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": found.title},
        "fullDescription": {"text": _one_line(found.finds)},
        "help": {"text": f"{_one_line(found.why)}\n\nExample:\n{found.bad}\n\nInstead:\n{found.good}"},
        "defaultConfiguration": {"level": found.severity},
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _result(item: Diagnostic, index: int) -> dict[str, Any]:
    assert item.span is not None
    result: dict[str, Any] = {
        "ruleId": item.code,
        "ruleIndex": index,
        "level": severity(item),
        "message": {"text": message(item)},
        "locations": [_location(item.span)],
    }
    others = [
        {"id": number, **_location(span), "message": {"text": shown(label)}}
        for number, (span, label) in enumerate(item.others, 1)
    ]
    return {**result, **({"relatedLocations": others} if others else {})}


def _notification(item: Diagnostic) -> dict[str, Any]:
    return {"level": severity(item), "message": {"text": message(item)}, "associatedRule": {"id": item.code}}


def _location(span: Span) -> dict[str, Any]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(span.file)}, "region": region}}


def _uri(file: str) -> str:
    """Relative to where the command was typed, where the file is below it."""
    path = os.path.relpath(file) if os.path.isabs(file) else os.path.normpath(file)
    if path == os.pardir or path.startswith(os.pardir + os.sep):
        return "file://" + quote(os.path.abspath(file), errors="surrogateescape")
    return quote(path, errors="surrogateescape")
