"""Processes: the one way in which the compiler forks a child, hears its answer, and ends what it leaves behind.

In:   what the child does, with a pipe to answer on.
Out:  its pid and the descriptor of its answer; the answer, or that there is none.

Not here: what travels, time limits. Fork without exec is unsafe beside system frameworks and beside threads: `FORKS`
says whether this system may, `is_alone` whether this process may; callers have another way where one may not. A child
never returns into its parent's code.

`fork` is for our own work. A `Supervisor` is for work that runs users' code, which may start processes: it forks a
worker for each task, and Linux gives it what loses its parent below it, daemons included. When the worker ends, or the
parent says so, or the parent is gone, it ends all of these. So the end of an answer means that nothing is left.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, NoReturn

FORKS = sys.platform == "linux"

FAILED = 70
"""The exit code of a child whose work raised (sysexits.h: an internal error)."""

_PATIENCE = 5.0
"""Seconds for what was killed to be gone: a process in the middle of a disk's answer takes its time."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LENGTH = 4
"""Bytes of a number between parent and supervisor. A task is shorter than what a pipe takes at once."""


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


def fork_apart(work: Callable[[], None]) -> int:
    """The pid of a child that does `work` in a session of its own, with the signal handlers of a new process.

    Where the system can, it is ended together with this process, and sooner than others when memory runs out.
    """
    parent = os.getpid()
    pid = _forked()
    if pid:
        return pid
    status = FAILED
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        end_with_parent(parent)
        work()
        status = 0
    finally:
        os._exit(status)


def end_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends, and first of all when memory runs out. Best effort."""
    if sys.platform != "linux":
        return
    _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)
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


class Supervisor:
    """A process that does tasks one after the other, each in a worker of its own, and leaves nothing running.

    `answer_end` and `output_end` are where what the worker answers and prints arrives, `status_end` where it is told
    that the task has ended: then nothing more arrives of it.
    """

    _ours: set[Supervisor] = set()  # noqa: RUF012 - what a new one must not keep open

    def __init__(self, work: Callable[[str, BinaryIO], None]) -> None:
        """`work` does a task, named by a short text, and answers on the pipe."""
        _library()  # loaded once, before the fork
        tasks, self._tasks = os.pipe()
        self.status_end, status = os.pipe()
        self.answer_end, answer_ = os.pipe()
        self.output_end, output = os.pipe()
        self.pid = _forked()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                for other in (self, *Supervisor._ours):
                    for descriptor in other._ends():
                        os.close(descriptor)
                _supervise(work, tasks, status, (answer_, output))
            os._exit(FAILED)
        for descriptor in (tasks, status, answer_, output):
            os.close(descriptor)
        for descriptor in (self.answer_end, self.output_end):
            os.set_blocking(descriptor, False)
        Supervisor._ours.add(self)

    def _ends(self) -> tuple[int, ...]:
        return self._tasks, self.status_end, self.answer_end, self.output_end

    def start(self, task: str) -> None:
        """Begin a task."""
        content = task.encode()
        with contextlib.suppress(OSError):
            os.write(self._tasks, len(content).to_bytes(_LENGTH, "big") + content)

    def stop(self) -> None:
        """End the task's worker and all that it started."""
        with contextlib.suppress(OSError):
            os.write(self._tasks, bytes(_LENGTH))

    def status(self) -> int | None:
        """Wait for the end of the task: the worker's exit code, below 0 the signal that ended it.

        None: the supervisor itself has been ended, or does not answer, and does no further task.
        """
        if not select.select([self.status_end], [], [], 3 * _PATIENCE)[0]:
            return None
        told = os.read(self.status_end, _LENGTH)
        return int.from_bytes(told, "big", signed=True) if len(told) == _LENGTH else None

    def close(self) -> None:
        """Let it go, with all that is left of a task."""
        Supervisor._ours.discard(self)
        for descriptor in self._ends():
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError), _end_of(self.pid) as ended:
            if ended and not select.select(ended, [], [], 2 * _PATIENCE)[0]:
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


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


def _supervise(work: Callable[[str, BinaryIO], None], tasks: int, status: int, ends: tuple[int, int]) -> None:
    """A supervisor's life: it ends with the parent, whose end of `tasks` is then closed."""
    os.setsid()  # the terminal's Ctrl-C is the parent's, which then lets us go
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _ask_kernel(_PR_SET_CHILD_SUBREAPER, 1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    while True:
        length = os.read(tasks, _LENGTH)
        if not length:
            os._exit(0)
        task = os.read(tasks, int.from_bytes(length, "big"))
        if not task:  # a `stop` that came too late
            continue
        worker = _worker(partial(work, task.decode()), ends, (tasks, status))
        with _end_of(worker) as ended:
            select.select([tasks, *ended], [], [])
        code = os.waitstatus_to_exitcode(_end_all_below(worker))
        with contextlib.suppress(OSError):
            os.write(status, code.to_bytes(_LENGTH, "big", signed=True))


def _worker(work: Callable[[BinaryIO], None], ends: tuple[int, int], others: tuple[int, int]) -> int:
    me = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        for descriptor in others:
            os.close(descriptor)
        os.setsid()
        _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == me:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(ends[1], 1)
            os.dup2(ends[1], 2)
            os.close(ends[1])
            _do(work, ends[0])
    finally:
        os._exit(FAILED)


def _end_all_below(worker: int) -> int:
    """End every process below, and give the worker's exit status.

    Children of what is killed become ours, so it goes on until there is none.
    """
    status = signal.SIGKILL.value
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            while True:
                pid, ended = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == worker:
                    status = ended
        except ChildProcessError:
            return status
        if time.monotonic() > deadline:
            return status
        for pid in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.0005)


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
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _ask_kernel(option: int, value: int) -> None:
    import ctypes

    _library().prctl(option, ctypes.c_ulong(value), 0, 0, 0)
