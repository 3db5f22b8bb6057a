"""Formats: what `--format` of `check` and `compile` may be beside `text`, and the text of each.

In:   the format, diagnostics, what else is known of the command (`Told`).
Out:  one document for standard output.

Not here: the documents; each has a module, imported when it is asked for. Text for people is `terminal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..diagnostics import Diagnostic

FORMATS = ("text", "json", "sarif", "github", "junit")


@dataclass(frozen=True)
class Told:
    """`graph` is `graph.explain.as_value`, `omissions` what was left out, `files` what became of the output folder."""

    failed: bool
    strict: bool = False
    flows: int = 0
    graph: Mapping[str, Any] | None = None
    omissions: Mapping[str, Any] | None = None
    files: Mapping[str, Any] | None = None


def rendered(form: str, diagnostics: Sequence[Diagnostic], told: Told) -> str:
    """The document; ends with a newline where it is not empty."""
    if form == "sarif":
        from .sarif import render_sarif

        return render_sarif(diagnostics, failed=told.failed, version=__version__)
    if form == "github":
        from .github import render_github

        return render_github(diagnostics)
    if form == "junit":
        from .junit import render_junit

        flows = [(item["flow"], item["file"]) for item in (told.graph or {"flows": ()})["flows"]]
        return render_junit(diagnostics, flows, strict=told.strict)
    from .json import render_json

    return render_json(diagnostics, told.flows, told.omissions, told.graph, told.files)
