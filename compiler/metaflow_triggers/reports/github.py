"""GitHub: diagnostics as workflow commands, which become annotations of a pull request.

In:   diagnostics.
Out:  a line for each; text of the user's cannot begin a command of its own.

Not here: exit codes, writing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..rules.weight import severity
from .sarif import message

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics, in order. Files are relative to where the command is typed, which is the checkout."""
    return "".join(f"{_command(item)}\n" for item in ordered(diagnostics))


def _command(item: Diagnostic) -> str:
    properties: dict[str, str] = {}
    if item.span is not None:
        file = item.span.file
        properties["file"] = os.path.relpath(file) if os.path.isabs(file) else os.path.normpath(file)
        properties |= {"line": str(item.span.line), "col": str(item.span.column)}
        properties |= {"endLine": str(item.span.end_line), "endColumn": str(item.span.end_column)}
    properties["title"] = item.code
    words = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_COMMANDS[severity(item)]} {words}::{_data(message(item))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
