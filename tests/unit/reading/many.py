"""Reads many folders in one process of its own, as commands over folders do: importing Metaflow costs a second."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from ..commands.conftest import clean

HEAD = "from metaflow import Config, FlowMutator, FlowSpec, Parameter, project, schedule, step, trigger\n"
STEPS = """
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        pass
"""
READ = """
import argparse, json, sys
from metaflow_triggers.reading.paths import import_metaflow, read_flows
import_metaflow()
from metaflow_triggers.diagnostics.wire import to_wire
out = {}
for name, folder, options in json.load(sys.stdin):
    import os
    os.chdir(folder)
    given = argparse.Namespace(**{"paths": ["."], "production": False, "branch": None, "timeout": 30, **options})
    read = read_flows(given)
    out[name] = {
        "flows": {item.flow.name: item.flow.file for item in read.flows},
        "spans": {item.flow.name: item.flow.span.line for item in read.flows},
        "triggers": {item.flow.name: [one.span.file for one in item.flow.triggers] for item in read.flows},
        "emits": {item.flow.name: [one.name for one in item.flow.emits] for item in read.flows},
        "polls": [item.name for item in read.polls],
        "left_out": {item.name: item.why for item in read.left_out},
        "skipped": read.skipped,
        "unsearched": read.unsearched,
        "diagnostics": [to_wire(item) for item in read.diagnostics],
    }
json.dump(out, sys.stdout)
"""


def flow(name: str, bases: str = "FlowSpec", above: str = "", body: str = STEPS) -> str:
    """A class; `body` is "pass" for one that inherits its steps."""
    inside = "    pass\n" if body == "pass" else body
    return f"{above}\nclass {name}({bases}):\n{inside}\n".lstrip("\n")


def guard(*names: str) -> str:
    """A main guard that runs flows."""
    return "if __name__ == '__main__':\n" + "".join(f"    {name}()\n" for name in names)


def write(folder: Path, files: dict[str, str]) -> None:
    """The files of a case."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")


def read_all(home: Path, cases: list[tuple[str, str, dict[str, Any]]], **settings: str) -> dict[str, Any]:
    """What `read_flows` gives for each (name, folder, options)."""
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=json.dumps(cases),
        env=clean(home, METAFLOW_USER="ada", **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
