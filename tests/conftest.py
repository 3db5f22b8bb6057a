"""All tests: generated cases repeat from run to run; `HYPOTHESIS_RANDOM=1` asks for new ones (make test-long).

What the examples compile to is compiled once, whichever of pytest's processes asks first.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest
from hypothesis import settings

from tests.golden.whole_outputs import FOLDER
from tests.worlds.kubernetes import SKIPPED, SKIPPED_NETWORKS

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("random" if os.environ.get("HYPOTHESIS_RANDOM") else "repeatable")


# The commands of the tests keep nothing: most count what a command does. A test of the cache has one of its own.
os.environ.setdefault("METAFLOW_TRIGGERS_CACHE", "off")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # a process of xdist, which has the variable of the one that started it
    folder = tempfile.mkdtemp(prefix="whole-outputs-")
    os.environ[FOLDER] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The servers that the tests of this process have shared."""
    running = sys.modules.get("tests.worlds.kubernetes.control_plane")
    if running:
        running.end_shared()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())]
    without = [reason for reason in reasons if SKIPPED in reason]
    if without:
        terminalreporter.write_line(f"real cluster: not built, {len(without)} tests skipped (`make cluster` builds it)")
    apart = [reason for reason in reasons if SKIPPED_NETWORKS in reason]
    if apart:
        terminalreporter.write_line(f"{apart[0].removeprefix('Skipped: ')}: {len(apart)} tests skipped")
