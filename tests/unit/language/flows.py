"""Flow files for tests: many small flows in one file, read by one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..commands.conftest import Run

HEAD = """from metaflow import (
    Config, FlowSpec, JSONType, Parameter, namespaced_event_name, project, schedule, step, trigger, trigger_on_finish
)
"""
FLOW = """

{decorators}
class {name}(FlowSpec):
{body}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def write(path: Path, flows: dict[str, str], body: str = "    amount = Parameter('amount', default=0)\n") -> None:
    """One file with the flows {class name: decorators}."""
    text = HEAD + "".join(FLOW.format(name=name, decorators=given, body=body) for name, given in flows.items())
    path.write_text(text, "utf-8")


def check(triggers: Run, folder: Path, *options: str, **settings: str) -> list[dict[str, Any]]:
    """The diagnostics of `check --format json`, with the text under the caret as `under`."""
    done = triggers("check", ".", "--format", "json", *options, cwd=folder, settings=settings)
    found: list[dict[str, Any]] = json.loads(done.out)["diagnostics"]
    for item in found:
        item["under"] = ""
        span = item.get("span")
        if span and span["line"] == span["end_line"]:
            line = (folder / span["file"]).read_text("utf-8").splitlines()[span["line"] - 1]
            item["under"] = line[span["column"] - 1 : span["end_column"] - 1]
    return found
