"""Processes: the one way in which the compiler forks a child and hears its answer.

In:   what the child does, with a pipe to answer on where there is one.
Out:  its pid and the descriptor of its answer; the answer, or that there is none.

Not here: what travels, time limits. Fork without exec is unsafe beside system frameworks and beside threads: `FORKS`
says whether this system may, `is_alone` whether this process may; callers have another way where one may not. A child
never returns into its parent's code.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

FORKS = sys.platform == "linux"

FAILED = 70
"""The exit code of a child whose work raised (sysexits.h: an internal error)."""


def fork(work: Callable[[BinaryIO], None]) -> tuple[int, int]:
    """(pid of a child that does `work`, the descriptor on which its answer arrives)."""
    read_end, write_end = os.pipe()

    def answered() -> None:
        os.close(read_end)
        with os.fdopen(write_end, "wb") as pipe:
            work(pipe)

    pid = _child(answered)
    os.close(write_end)
    return pid, read_end


def answer(pid: int, read_end: int) -> bytes | None:
    """Wait for the child's whole answer and its end. None: its work raised, or it was ended."""
    with os.fdopen(read_end, "rb") as pipe:
        received = pipe.read()
    _, status = os.waitpid(pid, 0)
    return received if status == 0 else None


def fork_apart(work: Callable[[], None]) -> int:
    """The pid of a child that does `work` in a session of its own, with the signal handlers of a new process.

    Where the system can, it is ended together with this process, and sooner than others when memory runs out.
    """
    parent = os.getpid()

    def apart() -> None:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        end_with_parent(parent)
        work()

    return _child(apart)


def end_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends, and first of all when memory runs out. Best effort."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        return


def is_alone() -> bool:
    """Whether this process has one thread only, those that no Python code has started included."""
    if threading.active_count() > 1:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return True


def _child(work: Callable[[], None]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = FAILED
    try:
        work()
        status = 0
    finally:
        os._exit(status)
