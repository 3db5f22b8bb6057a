"""The Makefile finds a Python that works, and names every command of the README."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .environments import ROOT


def chosen_python(path: str) -> str:
    """What `make` would build its environment with, under this PATH."""
    process = subprocess.run(
        ["make", "--no-print-directory", "--silent", "--eval", "show: ; @echo '$(PYTHON_BOOTSTRAP)'", "show"],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def script(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


def test_an_interpreter_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.11", "python3.10", "python3"):
        script(tmp_path, name, "exit 127")
    script(tmp_path, "python3.12", "exit 0")
    assert chosen_python(f"{tmp_path}{os.pathsep}{os.environ['PATH']}") == "python3.12"


def test_no_interpreter_is_said_at_once(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3.10", "python3"):
        script(tmp_path, name, "exit 1")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert chosen_python(path) == ""
    process = subprocess.run(
        ["make", "VENV=" + str(tmp_path / "venv"), str(tmp_path / "venv" / "created")],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "no Python >= 3.10" in process.stderr
