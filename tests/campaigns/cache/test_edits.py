"""Random edits of a project, compiled with the cache and without it: the same files, the same words, each time.

1,000 of them, and 24 to begin with. Each run of the suite has one of each kind (`test_kept_answers.py`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.commands.conftest import clean

ROOT = Path(__file__).resolve().parents[3]


def compared(folder: Path, seed: int, count: int) -> list[dict[str, Any]]:
    """What `compare` tells of so many edits."""
    command = [sys.executable, "-m", "tests.campaigns.cache.compare"]
    arguments = [folder / "project", folder / "out", seed, count]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env=clean(folder, PYTHONPATH=str(ROOT), METAFLOW_USER="tester", METAFLOW_TRIGGERS_CACHE=str(folder / "cache")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def judge(told: list[dict[str, Any]]) -> None:
    for number, line in enumerate(told):
        assert not line["differing"], (number, line)
    used = Counter(line["used"] > line["files"] / 2 for line in told[1:])
    assert used[True] > len(told) / 5, "the cache was hardly used, so nothing was compared with it"


@pytest.mark.long
def test_a_few_edits(tmp_path: Path) -> None:
    judge(compared(tmp_path, 1, 24))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_edits(tmp_path: Path, seed: int) -> None:
    judge(compared(tmp_path, seed, 100))
