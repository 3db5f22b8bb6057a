"""Reading: the flow files of rows, in a process of its own, as our commands read them.

In:   on standard input a JSON list of `{"rule", "files", "production"}`.
Out:  on standard output a JSON object: rule -> graph, mistakes, what each backend refuses.

Not here: simulating. Metaflow's configuration is read once in a process, when it is imported; the tests' own process
may have imported it with other settings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metaflow_triggers.model.flows import TriggerGraph
from metaflow_triggers.model.serialize import from_json, to_json

from .rows import ROOT, Row, flow_files

USER = "tester"


@dataclass(frozen=True)
class ReadRow:
    """A row's flows. `mistakes` are codes, `refusals` backend -> codes."""

    graph: TriggerGraph
    mistakes: list[str]
    refusals: dict[str, list[str]]


def read(rows: Sequence[Row], folder: Path) -> dict[str, ReadRow]:
    """Rule -> what is read. The flow files are written below `folder`."""
    asked = [
        {"rule": row.rule, "files": [str(path) for path in flow_files(row, folder)], "production": row.production}
        for row in rows
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenarios.reading"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "METAFLOW_USER": USER, "METAFLOW_TRIGGERS_OFFLINE": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {rule: ReadRow(from_json(item["graph"]), item["mistakes"], item["refusals"]) for rule, item in found.items()}


def main() -> None:
    import metaflow  # noqa: F401
    from metaflow_triggers import seams
    from metaflow_triggers.backends import registry
    from metaflow_triggers.commands.simulate import refusals
    from metaflow_triggers.graph.link import link
    from metaflow_triggers.reading.project import read_project
    from metaflow_triggers.reading.request import Request
    from metaflow_triggers.rules.find import check
    from metaflow_triggers.rules.weight import has_errors

    asked = json.load(sys.stdin)
    found = {}
    names = registry.names()
    for name in names:
        registry.backend(name)
    for production in (False, True):
        group = [item for item in asked if item["production"] is production]
        every = sorted({file for item in group for file in item["files"]})
        read = read_project(every, Request(names, production=production, code_package=False, workflow=False, workers=2))
        settings = seams.read_settings(production=production, code_package=False)
        for item in group:
            mine = set(item["files"])
            flows = [one.flow for one in read.flows if one.flow.file in mine]
            graph = link(flows, polls=[poll for poll in read.polls if poll.file in mine])
            told = [one for one in read.diagnostics if one.span is not None and one.span.file in mine]
            mistakes = {one.code for one in [*told, *check(graph, project_wide=False)] if has_errors([one])}
            refused = {name: [] if mistakes else refusals(name, graph, settings) for name in names}
            found[item["rule"]] = {
                "graph": to_json(graph),
                "mistakes": sorted(mistakes),
                "refusals": {name: sorted({one.code for one in codes}) for name, codes in refused.items() if codes},
            }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
