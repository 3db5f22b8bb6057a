"""Peer: huey, the nearest library that installs: tasks in an SQLite file, taken by a process of its own.

In:   a file.
Out:  the queue and its task, which runs the same no-op command as the engine's runs.

Not here: measuring. Its consumer looks as often as the engine does, and its writes are as durable (`fsync`).
What it does not do: match events, join them, remember what was started, survive the death of a worker.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any

from .engine_child import NO_OP


def queue(file: str) -> tuple[Any, Any]:
    """(the queue, its task: `task(identity)` enqueues)."""
    from huey import SqliteHuey

    made = SqliteHuey(filename=file, fsync=True, results=False)

    @made.task()
    def run(identity: str) -> None:
        command = subprocess.Popen(NO_OP)
        print(identity, time.time(), flush=True)
        command.wait()

    return made, run
