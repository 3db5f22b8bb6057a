"""Child process: one file read in a process of its own, and how that may end.

In:   a file, a request.
Out:  the child's answer; a diagnostic where it ended otherwise.

Not here: which files, how many at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, BinaryIO

from .. import processes
from ..diagnostics import Diagnostic
from ..model.flows import Span
from .request import Request


class Child:
    """A file at work: what arrived of its answer, until when it may take, and what it printed."""

    def __init__(self, file: str, pid: int, read_end: int, *, seconds: float, log: Any, process: Any = None) -> None:
        self.file = file
        self.pid = pid
        self.read_end = read_end
        self.deadline = time.monotonic() + seconds
        self.received: list[bytes] = []
        self.log = log
        self.process = process

    def _wait(self) -> int:
        os.close(self.read_end)
        if self.process is not None:
            return int(self.process.wait())
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def finish(self) -> dict[str, Any]:
        """The answer of a child that closed its end; a diagnostic if it ended without one."""
        status = self._wait()
        _end_group(self.pid)
        try:
            answer: dict[str, Any] = json.loads(b"".join(self.received))
            return answer
        except ValueError:
            pass
        finally:
            tail = self._tail()
            self.log.close()
        if status == processes.FAILED:
            return _only(Diagnostic("FT900", f"`{self.file}` could not be read", _first_line(self.file), notes=tail))
        how = f"was ended by signal {-status}" if status < 0 else f"exited with {status}"
        return _only(
            Diagnostic(
                "FT122", f"`{self.file}` {how} while it was read", _first_line(self.file), "ended here", notes=tail
            )
        )

    def stop(self, seconds: float) -> dict[str, Any]:
        """End the child, which had so many seconds."""
        _end_group(self.pid)
        self._wait()
        tail = self._tail()
        self.log.close()
        return _only(
            Diagnostic(
                "FT121",
                f"`{self.file}` was not read within {seconds:g} seconds",
                _first_line(self.file),
                "did not finish",
                notes=tail,
                helps=("move slow work from the top of the module into a step, or raise --timeout",),
            )
        )

    def _tail(self) -> tuple[str, ...]:
        self.log.seek(0)
        lines = self.log.read().decode("utf-8", "replace").strip().splitlines()
        return (f"it printed: {lines[-1][:200]}",) if lines else ()


def _end_group(pid: int) -> None:
    # The child leads a process group of its own; what the flow started there ends with it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _first_line(file: str) -> Span:
    return Span(file, 1, 1, 1, 1)


def _only(diagnostic: Diagnostic) -> dict[str, Any]:
    from ..diagnostics.wire import to_wire

    return {"flows": [], "diagnostics": [to_wire(diagnostic)]}


def start(file: str, request: Request) -> Child:
    """A child that reads `file`; it leads a process group of its own, and what it prints goes to its log."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child has ended
    if not processes.FORKS:
        return _spawned(file, request, log)

    def work(pipe: BinaryIO) -> None:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            from .one_file import run

            run(file, request, pipe)
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            raise

    pid, read_end = processes.fork(work)
    return Child(file, pid, read_end, seconds=request.seconds, log=log)


def _spawned(file: str, request: Request, log: Any) -> Child:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    told = json.dumps([file, request.__dict__, write_end])
    process = subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.reading.one_file", told],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(write_end,),
        start_new_session=True,
    )
    os.close(write_end)
    return Child(file, process.pid, read_end, seconds=request.seconds, log=log, process=process)
