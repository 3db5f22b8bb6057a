"""A made-up repository of 30 flows, from its first `check` on: what is wrong is told at its place, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_commands import emulated_clouds

from . import repository

FILE = f"""\
id = "shop"
paths = ["flows"]
external-events = {json.dumps(repository.EXTERNAL)}

[settings]
METAFLOW_KUBERNETES_SERVICE_ACCOUNT = "runs"
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


@pytest.mark.long
def test_it_is_deployed_changed_and_pruned_beside_another_project(tmp_path: Path) -> None:
    """30 flows on both clouds; then one is renamed, one deleted, one broken. Nobody else's objects are touched."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    repository.build(ours, planted=False)
    (ours / "metaflow-triggers.toml").write_text(FILE, "utf-8")
    (theirs / "flows").mkdir(parents=True)
    (theirs / "flows" / "base.py").write_text(repository.BASE, "utf-8")
    (theirs / "flows" / "other.py").write_text(OTHER, "utf-8")
    (theirs / "metaflow-triggers.toml").write_text('id = "other"\npaths = ["flows"]\n', "utf-8")
    with emulated_clouds(tmp_path) as clouds:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "METAFLOW_HOME": str(tmp_path), **clouds}
        environment["METAFLOW_USER"] = "tester"

        def typed(folder: Path, *words: str) -> tuple[int, str, str]:
            command = [sys.executable, "-m", "metaflow_triggers.commands.cli", *words]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

        code, said, err = typed(theirs, "create")
        assert code == 0, said + err
        code, said, err = typed(ours, "create")
        assert code == 0, said + err
        assert "step-functions: 30 flows: 30 created" in said and "argo-workflows: 30 flows: 30 created" in said
        code, said, err = typed(ours, "create", "--plan")
        assert code == 0, said + err
        assert "step-functions: 30 flows: 30 unchanged" in said and "argo-workflows: 30 flows: 30 unchanged" in said

        till, inbox = ours / "flows/ingest/till.py", ours / "flows/ops/audit.py"
        till.write_text(till.read_text("utf-8").replace("Till", "CashDesk"), "utf-8")
        inbox.unlink()
        (ours / "flows/ops/quota.py").write_text("import nothing_of_this_name\n" + FLOW_AHEAD, "utf-8")
        code, said, err = typed(ours, "create", "--prune", "--yes")
        assert code == 1 and "nothing was changed" in err, said + err  # one of them cannot be read
        (ours / "flows/ops/quota.py").write_text(FLOW_AHEAD, "utf-8")
        code, said, err = typed(ours, "create", "--prune", "--yes")
        assert code == 0, said + err
        # The ten others of the two folders have another code package: it holds the whole folder.
        for backend in ("step-functions", "argo-workflows"):
            assert f"{backend}: 31 flows: 1 created, 10 changed, 2 deleted, 18 unchanged" in said
        code, said, err = typed(theirs, "create", "--plan")
        assert code == 0, said + err
        assert "step-functions: 1 flow: 1 unchanged" in said and "argo-workflows: 1 flow: 1 unchanged" in said


OTHER = f"""{repository.HEAD}from base import Base


@trigger(event={{'name': 'other-thing'}})
class Elsewhere(Base):
    pass


if __name__ == '__main__':
    Elsewhere()
"""

FLOW_AHEAD = f"""{repository.HEAD}from base import Base


@trigger(event={{'name': 'quota-exceeded', 'parameters': {{'team': 'team'}}}})
class Quota(Base):
    team = Parameter('team', default='')


if __name__ == '__main__':
    Quota()
"""
