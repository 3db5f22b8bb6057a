"""Processes: the one way in which the compiler forks a child, hears its answer, and ends what it leaves behind.

In:   what the child does, with a pipe to answer on.
Out:  its pid and the descriptor of its answer; the answer, or that there is none.

Not here: what travels, time limits. Fork without exec is unsafe beside system frameworks: `FORKS` says whether this
system may; callers have another way where it may not. A child never returns into its parent's code.

`fork` is for our own work. `supervise` is for work that runs users' code, which may start processes: between parent and
worker stands a supervisor, to which Linux gives what loses its parent below it, daemons included. When the worker ends,
or the parent says so (`end`), the supervisor ends all of these. So the end of an answer means that nothing is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NoReturn

FORKS = sys.platform == "linux"

FAILED = 70
"""The exit code of a child whose work raised (sysexits.h: an internal error)."""

_PATIENCE = 5.0
"""Seconds for what was killed to be gone: a process in the middle of a disk's answer takes its time."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_OURS = {signal.SIGCHLD, signal.SIGTERM}


def fork(work: Callable[[BinaryIO], None]) -> tuple[int, int]:
    """(pid of a child that does `work`, the descriptor on which its answer arrives)."""
    read_end, write_end = os.pipe()
    pid = _forked()
    if pid:
        os.close(write_end)
        return pid, read_end
    os.close(read_end)
    _do(work, write_end)


def answer(pid: int, read_end: int) -> bytes | None:
    """Wait for the child's whole answer and its end. None: its work raised, or it was ended.

    A process that the child left behind may hold the pipe open, so the end of the child ends the wait.
    """
    received = []
    try:
        with _end_of(pid) as ended:
            waiting = [read_end, *ended]
            while read_end in waiting:
                ready, _, _ = select.select(waiting, [], [])
                if read_end not in ready:
                    os.set_blocking(read_end, False)
                    waiting = [read_end]
                try:
                    chunk = os.read(read_end, 1 << 20)
                except BlockingIOError:
                    break
                if not chunk:
                    break
                received.append(chunk)
    finally:
        os.close(read_end)
    _, status = os.waitpid(pid, 0)
    return b"".join(received) if status == 0 else None


def supervise(work: Callable[[BinaryIO], None], output: int) -> tuple[int, int]:
    """As `fork`, for users' code; what it prints goes to the descriptor `output`, and it reads nothing.

    The pid is the supervisor's. Its exit code, or the signal that ends it, is the worker's.
    """
    _library()  # loaded once, before the fork
    read_end, write_end = os.pipe()
    parent = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        pid = _forked()
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(write_end)
        return pid, read_end
    os.close(read_end)
    _watch_over(work, write_end, output, parent, before)


def end(pid: int) -> None:
    """Tell a supervisor to end its worker and all that this started, and wait until it has."""
    with contextlib.suppress(ProcessLookupError), _end_of(pid) as ended:
        os.kill(pid, signal.SIGTERM)
        select.select(ended, [], [], 2 * _PATIENCE)
        os.kill(pid, signal.SIGKILL)  # nothing, to a process that has ended


# Both sides ----------------------------------------------------------------------------------------------------------


def _forked() -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fork()


def _do(work: Callable[[BinaryIO], None], write_end: int) -> NoReturn:
    """Do the work of a child, which ends here."""
    status = FAILED
    try:
        with os.fdopen(write_end, "wb") as pipe:
            work(pipe)
        status = 0
    finally:
        os._exit(status)


@contextlib.contextmanager
def _end_of(pid: int) -> Iterator[list[int]]:
    """A descriptor that is readable when a child of ours has ended; none where the system has no such thing."""
    descriptors: list[int] = []
    with contextlib.suppress(AttributeError, OSError):
        descriptors.append(os.pidfd_open(pid))
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


# The supervisor ------------------------------------------------------------------------------------------------------


def _watch_over(
    work: Callable[[BinaryIO], None], write_end: int, output: int, parent: int, mask: Iterable[int]
) -> NoReturn:
    """A supervisor's life. `parent` is whose child it is, `mask` the signals that the worker shall not get."""
    status = FAILED
    try:
        os.setsid()  # the terminal's Ctrl-C is the parent's, which then ends us
        _ask_kernel(_PR_SET_CHILD_SUBREAPER, 1)
        _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGTERM)
        nothing = os.open(os.devnull, os.O_RDWR)
        me = os.getpid()
        worker = os.fork()
        if worker == 0:
            os.setsid()
            _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != me:
                os._exit(FAILED)
            os.dup2(nothing, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            _do(work, write_end)
        os.close(write_end)
        for descriptor in (0, 1, 2, output):
            os.dup2(nothing, descriptor)
        status = _wait_for(worker, parent)
        _end_all_below()
    finally:
        os._exit(status)


def _wait_for(worker: int, parent: int) -> int:
    """The worker's exit code; a worker that a signal ended ends the supervisor likewise."""
    while os.getppid() == parent:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == worker:
                if os.WIFSIGNALED(status):
                    _end_all_below()
                    _end_by(os.WTERMSIG(status))
                return os.waitstatus_to_exitcode(status)
        if signal.sigwait(_OURS) == signal.SIGTERM:
            break
    _end_all_below()
    _end_by(signal.SIGKILL)


def _end_by(number: int) -> NoReturn:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(FAILED)


def _end_all_below() -> None:
    """End every process below: children of what is killed become ours, so it goes on until there is none."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _children() -> list[int]:
    me = os.getpid()
    with contextlib.suppress(OSError), open(f"/proc/self/task/{me}/children", encoding="ascii") as stream:
        return [int(pid) for pid in stream.read().split()]
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(name)
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
                if int(stream.read().rpartition(")")[2].split()[1]) == me:
                    found.append(pid)
    return found


@functools.cache
def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _ask_kernel(option: int, value: int) -> None:
    _library().prctl(option, ctypes.c_ulong(value), 0, 0, 0)
