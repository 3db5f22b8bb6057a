"""Processes: the one way in which the compiler forks a child and hears its answer.

In:   what the child does, with a pipe to answer on.
Out:  its pid and the descriptor of its answer; the answer, or that there is none.

Not here: what travels, time limits. Fork without exec is unsafe beside system frameworks: `FORKS` says whether this
system may; callers have another way where it may not. A child never returns into its parent's code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

FORKS = sys.platform == "linux"

FAILED = 70
"""The exit code of a child whose work raised (sysexits.h: an internal error)."""


def fork(work: Callable[[BinaryIO], None]) -> tuple[int, int]:
    """(pid of a child that does `work`, the descriptor on which its answer arrives)."""
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return pid, read_end
    status = FAILED
    try:
        os.close(read_end)
        with os.fdopen(write_end, "wb") as pipe:
            work(pipe)
        status = 0
    finally:
        os._exit(status)


def answer(pid: int, read_end: int) -> bytes | None:
    """Wait for the child's whole answer and its end. None: its work raised, or it was ended."""
    with os.fdopen(read_end, "rb") as pipe:
        received = pipe.read()
    _, status = os.waitpid(pid, 0)
    return received if status == 0 else None
