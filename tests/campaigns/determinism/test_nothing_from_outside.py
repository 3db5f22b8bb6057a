"""Compiling asks nothing from outside: no network, and in our modules no clock and no randomness."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DRIVER = Path(__file__).parent / "poisoned.py"
FLOWS = ("any_events", "chaining", "finish_failure", "multiple_events", "project_events", "workflow_shapes")


def compiled(before: list[str], output: Path, *options: str) -> dict[str, bytes]:
    """What `metaflow-triggers compile` makes of the examples when it is run behind `before`."""
    paths = [f"examples/{name}" for name in FLOWS]
    external = ["--external-flow", "MainPipeline"]
    command = [*before, "compile", *paths, "--output", str(output), *external, *options]
    environment = {"PATH": os.environ["PATH"], "HOME": str(output.parent), "METAFLOW_USER": "tester"}
    environment["METAFLOW_TRIGGERS_CACHE"] = "off"  # it asks the clock what was used last, and all is made anew here
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return compiled([sys.executable, "-m", "metaflow_triggers.commands.cli"], tmp_path_factory.mktemp("plain") / "out")


def without_network() -> list[str]:
    """What goes before a command to run it in a network of its own, in which not even the loopback is up."""
    unshare = shutil.which("unshare")
    before = [unshare or "", "-rn"]
    works = unshare is not None and subprocess.run([*before, "true"], capture_output=True, check=False).returncode == 0
    return before if works else []


def test_without_a_network(expected: dict[str, bytes], tmp_path: Path) -> None:
    before = without_network()
    if not before:
        pytest.skip("this kernel gives nobody a network of their own")
    assert compiled([*before, sys.executable, "-m", "metaflow_triggers.commands.cli"], tmp_path / "out") == expected


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.long), "2"])
def test_with_clock_and_randomness_poisoned(expected: dict[str, bytes], tmp_path: Path, workers: str) -> None:
    log = tmp_path / "called"
    before = [sys.executable, str(DRIVER), str(log)]
    assert compiled(before, tmp_path / "out", "--workers", workers) == expected
    assert log.read_text("utf-8") == ""


def test_the_poison_works(tmp_path: Path) -> None:
    log = tmp_path / "called"
    subprocess.run([sys.executable, str(DRIVER), str(log), "--probe"], check=True)
    assert len(log.read_text("utf-8").splitlines()) == 8
