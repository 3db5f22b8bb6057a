"""An empty variable counts as one that is not set; what a configuration file has is a text."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .run import BACKENDS, EXAMPLES, QUIET, ROOT, python, succeeded

SOURCES = [
    ROOT / "compiler/metaflow_triggers/seams/configuration.py",
    ROOT / "runtime/metaflow_extensions/triggers/config/mfextinit_triggers.py",
]
NAMES = sorted({name for file in SOURCES for name in re.findall(r'\("([A-Z][A-Z0-9_]+)"', file.read_text("utf-8"))})
PRINT = "from metaflow_triggers import seams; print(seams.read_settings())"


def test_every_setting_is_asked_for() -> None:
    assert {"TRIGGERS_EVENT_BUS", "KUBERNETES_NAMESPACE", "SFN_IAM_ROLE", "NAMESPACED_EVENTS_PREFIX", "USER"} <= {
        *NAMES
    }


def test_settings_are_the_same(tmp_path: Path) -> None:
    empty = {f"METAFLOW_{name}": "" for name in NAMES if name != "USER"}
    assert succeeded(python("-c", PRINT, cwd=tmp_path, **empty)) == succeeded(python("-c", PRINT, cwd=tmp_path))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_compiled_is_the_same(tmp_path: Path, backend: str) -> None:
    shutil.copy(EXAMPLES / "process_order/flow.py", tmp_path)
    empty = {f"METAFLOW_{name}": "" for name in NAMES if name != "USER"}
    command = ("flow.py", *QUIET, backend, "compile", "--no-code-package")
    assert succeeded(python(*command, cwd=tmp_path, **empty)) == succeeded(python(*command, cwd=tmp_path))


@pytest.mark.parametrize("value", ["202", "true", '["a"]'])
def test_what_is_no_text_is_told(tmp_path: Path, value: str) -> None:
    (tmp_path / "config.json").write_text(f'{{"METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED": {value}}}', "utf-8")
    shutil.copy(EXAMPLES / "process_order/flow.py", tmp_path)
    command = ("-m", "metaflow_triggers.commands.cli", "check", "flow.py")
    done = python(*command, cwd=tmp_path, METAFLOW_HOME=str(tmp_path))
    assert done.returncode == 1
    assert f"error[FT017]: METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED is a text; Metaflow's configuration file has {value}" in (
        done.stderr
    )
    assert "Traceback" not in done.stderr
