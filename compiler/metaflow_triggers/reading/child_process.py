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
from collections.abc import Sequence
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


class Spawned:
    """A process of its own for one file, where fork is unsafe; it has the shape of a `Supervisor`.

    Nothing but a look (`has_gone`) tells its end when it leaves a process behind that holds its answer open.
    """

    def __init__(self, file: str, request: Request, by_hand: bool) -> None:
        self.answer_end, answer = os.pipe()
        self.output_end, output = os.pipe()
        self.status_end = -1
        os.set_inheritable(answer, True)
        told = json.dumps([file, dataclasses.asdict(request), answer, by_hand])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "metaflow_triggers.reading.one_file", told],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(answer,),
            start_new_session=True,
        )
        for descriptor in (answer, output):
            os.close(descriptor)
        for descriptor in (self.answer_end, self.output_end):
            os.set_blocking(descriptor, False)

    def has_gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it and its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def status(self) -> int | None:
        """Its exit code; what it started in its process group ends with it."""
        code = self._process.wait()
        self.stop()
        return code

    def close(self) -> None:
        """Let it go."""
        for descriptor in (self.answer_end, self.output_end):
            os.close(descriptor)


class Child:
    """A file at work: what arrived of its answer, until when it may take, and what it printed last."""

    done = 0
    """Files of a `Together` that are read."""
    started = 0
    """A moment (nanoseconds) before it began, where a cache is to keep what it tells."""

    def __init__(self, file: str, worker: processes.Supervisor | Spawned, seconds: float) -> None:
        self.file = file
        self.worker = worker
        self.deadline = time.monotonic() + seconds
        self.is_well = True
        self._received: list[bytes] = []
        self._answered = self._printed = 0
        self._last: deque[bytes] = deque()

    def descriptors(self) -> list[int]:
        """What to wait on, and to call `take` for."""
        worker = self.worker
        return [end for end in (worker.answer_end, worker.output_end, worker.status_end) if end >= 0]

    def take(self, descriptor: int) -> bool:
        """Take what has arrived. False: nothing more will, on this descriptor."""
        if descriptor == self.worker.status_end:
            return False
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        if descriptor == self.worker.output_end:
            self._keep(chunk)
        else:
            self._received.append(chunk)
            self._answered += len(chunk)
        return bool(chunk)

    def has_ended(self, descriptor: int) -> bool:
        """Whether it has, when nothing more arrives on this descriptor."""
        return descriptor != self.worker.output_end

    def has_gone(self) -> bool:
        """Whether a spawned child has ended, though something that it left holds its answer open."""
        return isinstance(self.worker, Spawned) and self.worker.has_gone()

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
        """Its exit code; what is left of its answer and output is taken."""
        status = self.worker.status()
        self.is_well = status is not None
        for descriptor in (self.worker.answer_end, self.worker.output_end):
            while self._rest(descriptor):
                pass
        return status

    def _rest(self, descriptor: int) -> bool:
        before = self._answered, self._printed
        return self.take(descriptor) and before != (self._answered, self._printed)

    def finish(self) -> dict[str, Any]:
        """The answer of a child that has ended; a diagnostic if it ended without one."""
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
        self.worker.stop()
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


def _first_line(file: str) -> Span:
    return Span(file, 1, 1, 1, 1)


def only(diagnostic: Diagnostic) -> dict[str, Any]:
    """The answer that has nothing but a diagnostic."""
    from ..diagnostics.wire import to_wire

    return {"classes": [], "polls": [], "diagnostics": [to_wire(diagnostic)]}


class Together(Child):
    """Several files at work in one process. Its answers count when all that it told is whole, and nothing is left."""

    def __init__(self, files: Sequence[str], worker: processes.Supervisor, seconds: float) -> None:
        super().__init__(files[0], worker, seconds)
        self.files = files
        self._seconds = seconds

    def take(self, descriptor: int) -> bool:
        """As of one file; each file that is done gives the next one its time."""
        before = len(self._received)
        more = super().take(descriptor)
        lines = sum(chunk.count(b"\n") for chunk in self._received[before:])
        if lines:
            self.done += lines
            self.deadline = time.monotonic() + self._seconds
        return more

    def answers(self) -> dict[str, dict[str, Any]]:
        """The answers of a child that has ended, by file; none when one of them may hang on another."""
        if self._wait() != 0:
            return {}
        try:
            *told, last = map(json.loads, b"".join(self._received).splitlines())
        except ValueError:
            return {}
        return {line["file"]: line["answer"] for line in told} if last == {"left": []} else {}


class Workers:
    """Reads files, each in a process of its own: a supervisor's worker, or where fork is unsafe a spawned one."""

    def __init__(self, request: Request, shares: Sequence[Sequence[tuple[str, bool]]] = ()) -> None:
        """`shares`: the (file, named by hand) that may be tried together."""
        self._request = request
        self._shares = shares
        self._free: list[processes.Supervisor] = []
        self._all: list[processes.Supervisor | Spawned] = []

    def start(self, file: str, *, by_hand: bool) -> Child:
        """A child that reads `file`."""
        if processes.FORKS:
            worker: processes.Supervisor | Spawned = self._supervised([file, by_hand])
        else:
            worker = Spawned(file, self._request, by_hand)
            self._all.append(worker)
        return Child(file, worker, self._request.seconds)

    def start_together(self, number: int, files: Sequence[str]) -> Together:
        """A child that reads the share of this number, which are `files`, as far as they may be read together."""
        return Together(files, self._supervised([number]), self._request.seconds)

    def _supervised(self, task: Sequence[Any]) -> processes.Supervisor:
        supervisor = self._free.pop() if self._free else processes.Supervisor(self._read)
        supervisor.start(json.dumps(task))
        if supervisor not in self._all:
            self._all.append(supervisor)
        return supervisor

    def _read(self, task: str, pipe: BinaryIO) -> None:
        told = json.loads(task)
        try:
            if len(told) == 1:  # its files do not fit through the pipe, and stand in memory here
                from .together import run as run_together

                run_together(self._shares[told[0]], self._request, pipe)
                return
            from .one_file import run

            file, by_hand = told
            run(file, self._request, pipe, by_hand=by_hand)
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            raise

    def take_back(self, child: Child) -> None:
        """A child that has ended; its supervisor may do another file."""
        if child.is_well and isinstance(child.worker, processes.Supervisor):
            self._free.append(child.worker)
        else:
            self._all.remove(child.worker)
            child.worker.close()

    def close(self) -> None:
        """End all that is still there."""
        for worker in self._all:
            worker.close()
