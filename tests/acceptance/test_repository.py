"""A made-up repository of 30 flows, from its first `check` on: what is wrong is told at its place, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import repository

FILE = f"""\
id = "shop"
paths = ["flows"]
external-events = {json.dumps(repository.EXTERNAL)}

[settings]
METAFLOW_KUBERNETES_SERVICE_ACCOUNT = "runs"

[[accept]]
code = "FT511"
reason = "the inbox is polled on the machine that has it"
"""


def checked(tmp_path: Path, planted: bool) -> tuple[int, list[dict[str, Any]], list[tuple[str, str, int]], Any]:
    """(exit code, diagnostics, mistakes that were planted, what was said)."""
    folder = tmp_path / "repository"
    wrong = repository.build(folder, planted)
    (folder / "metaflow-triggers.toml").write_text(FILE, "utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "METAFLOW_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "metaflow_triggers.commands.cli", "check", "--format", "json"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode < 2, done.stderr
    said = json.loads(done.stdout)
    assert not list(folder.rglob("*.ran"))
    return done.returncode, said["diagnostics"], wrong, said


def test_each_of_fifteen_mistakes_is_told_at_its_place_and_nothing_else(tmp_path: Path) -> None:
    code, found, wrong, _ = checked(tmp_path, planted=True)
    assert code == 1
    assert len(wrong) == 15
    assert sorted(item["code"] for item in found) == [code for code, *_ in wrong]
    for code_, file, line in wrong:
        (item,) = [item for item in found if item["code"] == code_]
        places = [item["span"], *(other["span"] for other in item["others"])]
        assert (file, line) in [(place["file"], place["line"]) for place in places], item


def test_mended_it_is_silent(tmp_path: Path) -> None:
    code, found, wrong, said = checked(tmp_path, planted=False)
    assert (code, found, wrong) == (0, [], [])
    assert said["summary"]["flows"] == 30
