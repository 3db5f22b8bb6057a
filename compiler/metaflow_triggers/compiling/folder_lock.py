"""Folder lock: one command at a time changes an output folder.

In:   a folder that exists, how long to wait.
Out:  the lock, for the time of a `with`; nothing of it is left in the folder afterwards.

Not here: what is changed. The kernel holds the lock, so a holder that has died holds nothing; the file says for others
who holds it. Readers take no lock (`folder.settled`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..diagnostics import Diagnostic, DiagnosticError

NAME = ".metaflow-triggers.lock"
SECONDS = 60.0


@contextlib.contextmanager
def locked(folder: Path, seconds: float = SECONDS) -> Iterator[None]:
    """Hold the folder's lock. Raises DiagnosticError(FT013) with the holder's pid and host, and OSError."""
    path = folder / NAME
    deadline = time.monotonic() + seconds
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 4096)
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise DiagnosticError([_held(folder, holder, seconds)]) from None
            time.sleep(0.02)
            continue
        # The former holder may have taken its file away between our opening it and locking it.
        if _is_at(descriptor, path):
            break
        os.close(descriptor)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, json.dumps({"pid": os.getpid(), "host": os.uname().nodename}).encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def _held(folder: Path, holder: bytes, seconds: float) -> Diagnostic:
    try:
        known = json.loads(holder)
        who = f"process {int(known['pid'])} on {str(known['host'])[:200]}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return Diagnostic(
        "FT013",
        f"output folder `{folder}` is being changed by {who}, for more than {seconds:g} seconds",
        helps=("wait until it has ended, or end it; a process that has ended holds nothing",),
    )
