"""Installation: the program with Argo Events' services and a NATS server, built once for what `services/` says.

In:   Go and its module proxy (or filled caches of Go), the first time.
Out:  the program's path.

Not here: running it (`cluster`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "services"
FOLDER = Path(__file__).resolve().parents[4] / ".venv-argo-events"
"""Beside the other environments that the tests make; ignored by git and removed by `make clean`."""


class NotInstalled(Exception):
    """The program cannot be had here. The message says why, and what to do."""


def program(build: bool = True) -> Path:
    """The program's path. Builds it if need be, or raises NotInstalled."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()))).hexdigest()
    path = FOLDER / digest[:16] / "services"
    if not path.exists():
        if not build:
            raise NotInstalled("Argo Events' services are not built; with Go, `make argo-events` does it")
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if go is None:
            raise NotInstalled("Argo Events' services need Go 1.26 or newer (https://go.dev/dl)")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(FOLDER / "lock"):
            if not path.exists():  # another worker may have been faster
                _build(go, path)
    return path


def or_skip(build: bool) -> Path:
    """The program's path, or the test is skipped: also where the kernel lets nobody make a network namespace."""
    try:
        path = program(build)
    except NotInstalled as reason:
        pytest.skip(str(reason))
    done = subprocess.run([path, "possible"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"Argo Events' services need a network namespace of their own: {done.stderr.strip()[-200:]}")
    return path


def _build(go: str, path: Path) -> None:
    command = [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(path.with_suffix(".new")), "."]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=SOURCE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise NotInstalled(f"Argo Events' services cannot be built: {lines[-1] if lines else done.returncode}")
    os.replace(path.with_suffix(".new"), path)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print(program())
    except NotInstalled as problem:
        sys.exit(str(problem))
