"""Every example finishes as an ordinary local run, chains in their order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# file -> arguments of `run` and a line that the run prints (None: it prints nothing of its own).
ALONE: dict[str, tuple[list[str], str | None]] = {
    "any_events/flow.py": (["--product=A-7"], "Reordering A-7"),
    "callable_events/flow.py": (["--region=us", "--total=12"], "us: 12"),
    "constants/flow.py": (["--invoice=17"], "Archiving 1 copies of 17 in development"),
    "deploy_time_event/flow.py": ([], "Running in development"),
    "finish_failure/flow.py": (["--failed_run=3", "--message=it's $(here)"], "Run 3 failed: it's $(here)"),
    "missing_trigger/flow.py": ([], None),
    "multiple_events/flow.py": ([], None),
    "namespaced_event/flow.py": ([], None),
    "parameter_mapping/flow.py": (["--user_id=u1", "--email=a@example.org"], "Onboarding user u1 (a@example.org)"),
    "process_order/flow.py": (["--order_id=123", "--amount=99.99"], "Order 123 of 99.99"),
    "project_events/flow.py": ([], None),
    "short_parameters/flow.py": (["--dataset_id=d", "--flow_param=f"], "Processing d with f"),
    "simple_event/flow.py": ([], None),
    "trigger_details/flow.py": ([], "Not triggered by an event (manual run)"),
    "watched/budget.py": ([], "this month: 0.00 spent"),
    "watched/inbox.py": (["--filename=a.txt"], "Processing a.txt"),
    "welcome_email/flow.py": ([], None),
    "workflow_shapes/flow.py": (["--batchSize=3", "--dry-run=true"], "3 rows [[0, 0], [1, 2], [2, 4]]"),
}

# What belongs together runs in this order in one datastore; then artifacts are read: (flow, step, artifact, value).
CHAINS: dict[str, tuple[list[tuple[str, list[str], str | None]], list[tuple[str, str, str, object]]]] = {
    "chaining": (
        [("ingestion.py", [], None), ("transform.py", [], None)],
        [("DataTransform", "end", "data", [3, 1, 2])],
    ),
    "data_pipeline": (
        [
            ("ingest.py", [], None),
            ("process.py", [], None),
            ("analyze.py", [], "Sum of the processed data: 12"),
        ],
        [("DataIngest", "end", "raw_data", [1, 2, 3]), ("DataProcess", "end", "processed", [2, 4, 6])],
    ),
    "fan_out": (
        [
            ("pipeline.py", [], None),
            ("email_report.py", ["--dataset=users"], "Sending the report of users"),
            ("update_metrics.py", ["--records=1000"], "Dashboard shows 1000 records"),
        ],
        [("UpdateMetrics", "start", "records", "1000")],
    ),
    "local_pipeline": (
        [
            ("receive.py", ["--order_id=42", "--customer=Ada"], None),
            ("ship.py", [], None),
            ("thank.py", [], "Ada: order 42 is on its way"),
        ],
        [("ShipParcel", "end", "order", {"order": "42", "to": "Ada"})],
    ),
    "finish_any": (
        [
            ("flow_a.py", [], None),
            ("flow_b.py", [], None),
            ("aggregator.py", [], None),
            ("../finish_success/flow.py", [], None),
        ],
        [],
    ),
}


def environment(home: Path) -> dict[str, str]:
    """A laptop of one user: nothing of the machine but PATH."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "METAFLOW_HOME": str(home),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(home / "datastore"),
        "METAFLOW_USER": "tester",
    }


def run(file: str, arguments: list[str], home: Path) -> str:
    """What the run printed. Fails the test unless it exits 0 and says that it is done."""
    process = subprocess.run(
        [sys.executable, str((EXAMPLES / file).resolve()), "run", *arguments],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0, output
    assert "Done!" in output, output
    return output


def printed_lines(output: str) -> list[str]:
    """The lines that the flow's own code printed, without Metaflow's prefix."""
    return re.findall(r"^\S+ \S+ \[[^]]+\] (.*)$", output, re.MULTILINE)


@pytest.mark.parametrize("file", sorted(ALONE))
def test_example_finishes(file: str, tmp_path: Path) -> None:
    arguments, expected = ALONE[file]
    output = run(file, arguments, tmp_path)
    if expected is not None:
        assert expected in printed_lines(output)


@pytest.mark.parametrize("folder", sorted(CHAINS))
def test_chain_finishes_in_order(folder: str, tmp_path: Path) -> None:
    runs, artifacts = CHAINS[folder]
    for file, arguments, expected in runs:
        output = run(f"{folder}/{file}", arguments, tmp_path)
        if expected is not None:
            assert expected in printed_lines(output)
    if not artifacts:
        return
    reader = (
        "import json, sys; from metaflow import Flow\n"
        "print(json.dumps([getattr(Flow(flow).latest_successful_run[step].task.data, name)"
        " for flow, step, name in json.loads(sys.argv[1])]))"
    )
    process = subprocess.run(
        [sys.executable, "-c", reader, json.dumps([entry[:3] for entry in artifacts])],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(process.stdout) == [entry[3] for entry in artifacts]


def flow_files() -> set[str]:
    return {
        path.relative_to(EXAMPLES).as_posix()
        for path in EXAMPLES.rglob("*.py")
        if "FlowSpec" in path.read_text(encoding="utf-8")
    }


def test_every_example_is_run() -> None:
    chained = {
        (EXAMPLES / folder / entry[0]).resolve().relative_to(EXAMPLES).as_posix()
        for folder, (runs, _) in CHAINS.items()
        for entry in runs
    }
    assert flow_files() == set(ALONE) | chained


def test_readme_lists_every_folder_and_flow() -> None:
    table = dict(
        re.findall(r"^\| `(\w+)/` \| (.*?) \|", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    on_disk: dict[str, set[str]] = {}
    for file in flow_files():
        found = re.findall(r"^class (\w+)\(FlowSpec\)", (EXAMPLES / file).read_text(encoding="utf-8"), re.MULTILINE)
        on_disk.setdefault(file.split("/")[0], set()).update(found)
    assert {folder: set(re.findall(r"`(\w+)`", flows)) for folder, flows in table.items()} == on_disk
