"""Rows: where the time of a flow goes, by what it is for.

In:   the stacks of `sampled`, how many flows.
Out:  milliseconds of processor time for each flow and row.

Not here: measuring. A stack belongs to the first row one of whose functions stands in it, so that a row has what
those before it leave. Functions of earlier builds stand here as long as a table compares with them.
"""

from __future__ import annotations

import collections
from pathlib import Path

from .sampled import SECONDS

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the files of all modules, looked at", ("reading/one_file.py:_modules",)),
    ("what a flow leaves, put back and looked at", ("seams/between_flows.py:",)),
    ("the code package", ("seams/code_package.py:build_code_package",)),
    ("Metaflow's compiler for Argo, and what is done to its object", ("seams/workflow_templates.py:workflow",)),
    ("Metaflow's compiler for Step Functions, the same", ("seams/state_machines.py:workflow",)),
    ("whether a backend refuses what the steps are", ("reading/prepared.py:is_unbuilt",)),
    ("the flow read", ("reading/prepared.py:read",)),
    ("texts and workflows packed and passed on", ("reading/one_flow.py:_workflows", "manifests/packed.py:")),
    ("Metaflow's command line, up to our command", ("seams/command_line.py:run_command",)),
    ("a file imported, its classes found, the answer told", ("reading/one_file.py:", "reading/together.py:")),
    (
        "Step Functions: read back, checks",
        ("step_functions/backend.py:mistakes", "template_checks.py:", "step_functions/backend.py:_mistakes"),
    ),
    ("Argo: read back, checks", ("argo/compile/emit.py:flow_mistakes", "argo/verify/")),
    ("text of both", ("manifests/text.py:",)),
    ("Step Functions: lower, render", ("backends/step_functions/",)),
    ("Argo: lower, render", ("backends/argo/",)),
    ("schemas", ("manifests/schemas.py:",)),
    ("files written", ("compiling/folder.py:",)),
    ("answers taken", ("reading/child_process.py:finish", "child_process.py:answers", "model/serialize.py:")),
    ("imports and looks for files before it begins", ("reading/paths.py:import_metaflow", "reading/files.py:")),
    ("forks, supervisors", ("metaflow_triggers/processes.py:",)),
)
_REST = "the rest"


def by_row(file: Path, flows: int) -> dict[str, float]:
    """Row -> milliseconds of each flow, all rows and the rest."""
    counts: collections.Counter[str] = collections.Counter()
    for line in file.read_text("utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        counts[next((name for name, marks in ROWS if any(mark in stack for mark in marks)), _REST)] += int(count)
    return {name: counts[name] * SECONDS * 1000 / flows for name in (*(name for name, _ in ROWS), _REST)}
