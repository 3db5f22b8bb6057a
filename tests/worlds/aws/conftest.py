"""An emulated AWS API on 127.0.0.1, with state machines that run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .service import Aws


@pytest.fixture(scope="session")
def server() -> Iterator[Aws]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "emulator.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), line
    try:
        yield Aws(line.strip())
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def aws(server: Aws) -> Aws:
    """The emulator, emptied."""
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{server.url}/moto-api/reset", method="POST"), timeout=30).read()
    return server
