"""Child process: one file read in a process of its own, and how that may end.

In:   a file, a request.
Out:  the child's answer; a diagnostic where it ended otherwise.

Not here: which files, how many at once, what the answer says. Time, answer and output of a child have an upper bound
each, and nothing that the file started is left when it ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from typing import Any, BinaryIO

from .. import processes
from ..diagnostics import Diagnostic
from ..model.flows import Span
from .request import Request

OUTPUT_LIMIT = 16 << 20
ANSWER_LIMIT = 256 << 20
"""Bytes. The answer holds the compiled workflows of all flows of a file, at most 1 MB each on either cloud."""
_TAIL = 1 << 16
_CHUNK = 1 << 20


class Child:
    """A file at work: what arrived of its answer, until when it may take, and what it printed last."""

    def __init__(
        self, file: str, worker: processes.Supervisor | subprocess.Popen[bytes], ends: tuple[int, int], seconds: float
    ) -> None:
        """`ends` are where the answer and what is printed arrive; the worker is another's or a process of its own."""
        self.file = file
        self.worker = worker
        self.answer_end, self.output_end = ends
        self.deadline = time.monotonic() + seconds
        self._received: list[bytes] = []
        self._answered = self._printed = 0
        self._last: deque[bytes] = deque()
        self.worker_is_well = True
        os.set_blocking(self.output_end, False)

    def descriptors(self) -> tuple[int, int]:
        """What to wait on, and to call `take` for."""
        return self.answer_end, self.output_end

    def take(self, descriptor: int) -> bool:
        """Take what has arrived. False: nothing more will, on this descriptor."""
        chunk = os.read(descriptor, _CHUNK)
        if descriptor == self.output_end:
            self._keep(chunk)
        else:
            self._received.append(chunk)
            self._answered += len(chunk)
        return bool(chunk)

    def _keep(self, chunk: bytes) -> None:
        self._printed += len(chunk)
        self._last.append(chunk[-_TAIL:])
        while sum(map(len, self._last)) - len(self._last[0]) >= _TAIL:
            self._last.popleft()

    def excess(self) -> Diagnostic | None:
        """What it did more of than it may."""
        for what, size, limit in (("printed", self._printed, OUTPUT_LIMIT), ("told", self._answered, ANSWER_LIMIT)):
            if size > limit:
                return Diagnostic(
                    "FT124",
                    f"`{self.file}` {what} more than {limit >> 20} MiB while it was read",
                    _first_line(self.file),
                    "was ended",
                    notes=self._tail(),
                    helps=("move the work from the top of the module into a step",),
                )
        return None

    def _wait(self) -> int | None:
        """Its exit code; the rest of what it printed is taken."""
        os.close(self.answer_end)
        if isinstance(self.worker, processes.Supervisor):
            status = self.worker.status()
            self.worker_is_well = status is not None
        else:
            status = self.worker.wait()
            _end_group(self.worker.pid)
        with contextlib.suppress(BlockingIOError):
            while self._printed <= OUTPUT_LIMIT and self.take(self.output_end):
                pass
        os.close(self.output_end)
        return status

    def finish(self) -> dict[str, Any]:
        """The answer of a child that closed its end; a diagnostic if it ended without one."""
        status = self._wait()
        with contextlib.suppress(ValueError):
            answer = json.loads(b"".join(self._received))
            if isinstance(answer, dict):
                return answer
        tail = self._tail()
        if status == processes.FAILED:
            return only(Diagnostic("FT900", f"`{self.file}` could not be read", _first_line(self.file), notes=tail))
        how = f"exited with {status}"
        if status is None or status < 0:
            how = f"was ended by signal {signal.SIGKILL if status is None else -status:d}"
        return only(
            Diagnostic(
                "FT122", f"`{self.file}` {how} while it was read", _first_line(self.file), "ended here", notes=tail
            )
        )

    def stop(self) -> None:
        """End the child, and all that it started."""
        if isinstance(self.worker, processes.Supervisor):
            self.worker.stop()
        else:
            _end_group(self.worker.pid)
        self._wait()

    def late(self, seconds: float) -> Diagnostic:
        """What to say of a child that had so many seconds."""
        return Diagnostic(
            "FT121",
            f"`{self.file}` was not read within {seconds:g} seconds",
            _first_line(self.file),
            "did not finish",
            notes=self._tail(),
            helps=("move slow work from the top of the module into a step, or raise --timeout",),
        )

    def _tail(self) -> tuple[str, ...]:
        lines = b"".join(self._last)[-_TAIL:].decode("utf-8", "replace").strip().splitlines()
        return (f"it printed: {lines[-1][:200]}",) if lines else ()

    def has_gone(self) -> bool:
        """Whether a spawned child has ended, though something that it left holds its answer open."""
        return not isinstance(self.worker, processes.Supervisor) and self.worker.poll() is not None


def _end_group(pid: int) -> None:
    # A spawned child leads a process group of its own; what the flow started there ends with it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _first_line(file: str) -> Span:
    return Span(file, 1, 1, 1, 1)


def only(diagnostic: Diagnostic) -> dict[str, Any]:
    """The answer that has nothing but a diagnostic."""
    from ..diagnostics.wire import to_wire

    return {"classes": [], "polls": [], "diagnostics": [to_wire(diagnostic)]}


class Workers:
    """Reads files, each in a process of its own: a supervisor's worker, or where fork is unsafe a spawned one."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._free: list[processes.Supervisor] = []
        self._all: list[processes.Supervisor] = []

    def start(self, file: str, *, by_hand: bool) -> Child:
        """A child that reads `file`."""
        if processes.FORKS and not self._free:  # before there are pipes, which it would keep open
            self._free.append(processes.Supervisor(self._read))
            self._all.append(self._free[-1])
        answer_end, answer = os.pipe()
        output_end, output = os.pipe()
        worker: processes.Supervisor | subprocess.Popen[bytes]
        try:
            if processes.FORKS:
                worker = self._free.pop()
                worker.start(json.dumps([file, by_hand]), answer, output)
            else:
                worker = _spawned(file, self._request, by_hand, (answer, output))
        finally:
            os.close(answer)
            os.close(output)
        return Child(file, worker, (answer_end, output_end), self._request.seconds)

    def _read(self, task: str, pipe: BinaryIO) -> None:
        file, by_hand = json.loads(task)
        try:
            from .one_file import run

            run(file, self._request, pipe, by_hand=by_hand)
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            raise

    def take_back(self, child: Child) -> None:
        """A child that has ended; its supervisor may do another file."""
        if isinstance(child.worker, processes.Supervisor) and child.worker_is_well:
            self._free.append(child.worker)

    def close(self) -> None:
        """End all supervisors."""
        for worker in self._all:
            worker.close()


def _spawned(file: str, request: Request, by_hand: bool, ends: tuple[int, int]) -> subprocess.Popen[bytes]:
    answer, output = ends
    os.set_inheritable(answer, True)
    told = json.dumps([file, dataclasses.asdict(request), answer, by_hand])
    return subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.reading.one_file", told],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(answer,),
        start_new_session=True,
    )
