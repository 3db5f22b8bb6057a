"""A backend that another extension switched off is left alone, and the other works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .run import BACKENDS, EXAMPLES, QUIET, python, succeeded
from .test_in_charge import extension

STEPS = {
    "step-functions": ("batch", "step_functions_internal"),
    "argo-workflows": ("kubernetes", "argo_workflows_internal"),
}
CLI = ("-m", "metaflow_triggers.commands.cli")


def switching_off(root: Path, *backends: str) -> str:
    """An extension that does as others do: lists of what it does not want."""
    steps = [f"-{name}" for backend in backends for name in STEPS[backend]]
    text = f"TOGGLE_CLI = {[f'-{name}' for name in backends]}\nTOGGLE_STEP_DECORATOR = {steps}\n"
    return str(extension(root / "other", {"plugins/mfextinit_other.py": text}))


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return Path(shutil.copy(EXAMPLES / "process_order/flow.py", tmp_path / "work/flow.py"))


@pytest.mark.parametrize("off", BACKENDS)
def test_the_other_backend_works(flow: Path, tmp_path: Path, off: str) -> None:
    (on,) = set(BACKENDS) - {off}
    other = switching_off(tmp_path, off)
    text = succeeded(python("flow.py", *QUIET, on, "compile", "--no-code-package", cwd=flow.parent, PYTHONPATH=other))
    assert "order-placed" in text
    gone = python("flow.py", *QUIET, off, "compile", cwd=flow.parent, PYTHONPATH=other)
    assert gone.returncode != 0 and "No such command" in gone.stderr + gone.stdout  # Metaflow's own words

    compiled = python(*CLI, "compile", ".", "--output", "out", cwd=flow.parent, PYTHONPATH=other)
    assert compiled.returncode == 0, compiled.stderr
    assert f"note[FT008]: {off} is switched off" in compiled.stderr
    assert [path.name for path in (flow.parent / "out").iterdir() if path.is_dir()] == [on]
    asked = python(*CLI, "compile", ".", "--backend", off, "--output", "x", cwd=flow.parent, PYTHONPATH=other)
    assert asked.returncode == 1 and "error[FT008]" in asked.stderr and not (flow.parent / "x").exists()
    same = python(*CLI, "diff", ".", "--against", "out", cwd=flow.parent, PYTHONPATH=other)
    assert same.returncode == 0, same.stdout + same.stderr


def test_with_both_off_flows_are_checked_listed_and_simulated(flow: Path, tmp_path: Path) -> None:
    other = switching_off(tmp_path, *BACKENDS)
    checked = python(*CLI, "check", ".", cwd=flow.parent, PYTHONPATH=other)
    assert checked.returncode == 0 and "event order-placed arrives" in checked.stdout, checked.stderr
    (flow.parent / "events.json").write_text('[{"name": "order-placed", "payload": {"orderId": "A-1"}}]')
    done = python(*CLI, "simulate", ".", "--events", "events.json", cwd=flow.parent, PYTHONPATH=other)
    assert done.returncode == 0 and "ProcessOrder" in done.stdout, done.stderr
    compiled = python(*CLI, "compile", ".", "--output", "out", cwd=flow.parent, PYTHONPATH=other)
    assert compiled.returncode == 1 and compiled.stderr.count("error[FT008]") == 2
    assert "metaflow-triggers" not in python("flow.py", "--help", cwd=flow.parent, PYTHONPATH=other).stdout


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_group_without_its_decorator_is_said_to_be_off(flow: Path, tmp_path: Path, backend: str) -> None:
    text = f"TOGGLE_STEP_DECORATOR = ['-{STEPS[backend][1]}']\n"
    other = str(extension(tmp_path / "other", {"plugins/mfextinit_other.py": text}))
    done = python("flow.py", *QUIET, backend, "compile", cwd=flow.parent, PYTHONPATH=other)
    assert done.returncode == 1 and f"error[FT008]: {backend} is switched off" in done.stderr


def test_another_extension_without_our_functions_lets_metaflow_be_imported(flow: Path, tmp_path: Path) -> None:
    other = str(extension(tmp_path / "other", {"plugins/mfextinit_other.py": "TOGGLE_TL_PLUGIN = ['-emit_event']\n"}))
    assert succeeded(python("-c", "import metaflow; print('there')", cwd=flow.parent, PYTHONPATH=other)) == "there\n"
