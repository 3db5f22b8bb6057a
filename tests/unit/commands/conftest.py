"""Runs our commands as a user types them, in processes of their own, with nothing of this process's settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import forked
from tests.worlds.kubernetes.both import asked_of_both, cluster_of_module, which_cluster

if TYPE_CHECKING:
    from tests.worlds.upstream.emulated_aws import Aws

__all__ = ["cluster_of_module", "which_cluster"]
pytest_generate_tests = asked_of_both

ROOT = Path(__file__).resolve().parents[3]
MAPPING = "examples/parameter_mapping/flow.py"


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


def clean(home: Path, **settings: str) -> dict[str, str]:
    """The environment of somebody who has set nothing but `settings`."""
    kept = {
        key: os.environ[key] for key in ("PATH", "LANG", "SYSTEMROOT", "METAFLOW_TRIGGERS_CACHE") if key in os.environ
    }
    return {**kept, "HOME": str(home), **settings}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*arguments: str, cwd: Path = ROOT, settings: dict[str, str] | None = None, seconds: float = 120) -> Done:
        done = forked.python(arguments, cwd, clean(tmp_path, **(settings or {})), seconds)
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def triggers(run: Run) -> Run:
    """The command `metaflow-triggers`."""
    return lambda *arguments, **options: run("-m", "metaflow_triggers.commands.cli", *arguments, **options)


@pytest.fixture(scope="module")
def running() -> Iterator[Aws]:
    """An emulated account for all tests of a module."""
    from tests.worlds.upstream.emulated_aws import emulated_aws  # an emulator takes a second to import

    with emulated_aws() as found:
        yield found


@pytest.fixture
def aws(running: Aws) -> Iterator[Aws]:
    """It, with nothing asked, nothing failing and nothing in its place."""
    recorder = running.recorder
    recorder.asked.clear()
    recorder.faults.clear()
    yield running
    recorder.faults.clear()
    recorder.instead = lambda operation: None
