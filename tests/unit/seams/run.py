"""Runs flow files and scripts in processes of their own, with nothing of this process's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests import forked

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
BACKENDS = ("step-functions", "argo-workflows")
QUIET = ("--quiet", "--no-pylint")


def environment(home: Path | str, **variables: str) -> dict[str, str]:
    """A bare environment with a user, and as much of a cache as this process has. `variables` are added."""
    cache = {name: os.environ[name] for name in ("METAFLOW_TRIGGERS_CACHE",) if name in os.environ}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "METAFLOW_USER": "tester", **cache, **variables}


def python(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter of the tests; `variables` are environment variables."""
    return forked.python([str(word) for word in arguments], cwd, environment(cwd, **variables))


def alone(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same in a process that has imported nothing before."""
    return forked.alone([str(word) for word in arguments], cwd, environment(cwd, **variables))


def succeeded(process: subprocess.CompletedProcess[str]) -> str:
    """What the process printed. Raises AssertionError with everything it said if it failed."""
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout
