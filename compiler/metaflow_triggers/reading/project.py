"""Project: the flows of many files, each read in a process of its own.

In:   paths of flow files and folders.
Out:  `ReadFlow`s in the order of the files, and diagnostics of the files that could not be read.

Not here: what a flow means. One parent that has imported Metaflow forks a child per file (spawns one where
fork is unsafe): a flow that raises, hangs, prints or calls sys.exit costs one diagnostic, and the others go on.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compiling.compile import ReadFlow
from ..diagnostics import Diagnostic
from ..model.flows import PollTrigger, Span
from ..model.serialize import from_json

_OUR_FAULT = 70  # sysexits.h: an internal error
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


@dataclass(frozen=True)
class Request:
    """What to read of every file. `seconds`: how long one file may take."""

    backends: tuple[str, ...]
    production: bool = False
    branch: str | None = None
    code_package: bool = True
    workflow: bool = True
    seconds: float = 60.0
    workers: int = 1


def flow_files(paths: Iterable[str]) -> tuple[list[str], list[Diagnostic]]:
    """(files in sorted order, diagnostics). A folder gives the Python files below it that mention FlowSpec or polls."""
    found: set[str] = set()
    diagnostics = []
    for given in paths:
        path = Path(given)
        if path.is_file():
            found.add(path.as_posix())
            continue
        below = [file.as_posix() for file in _below(path)] if path.is_dir() else []
        if not below:
            what = "has no flow below it" if path.is_dir() else "does not exist"
            diagnostics.append(Diagnostic("FT005", f"`{given}` {what}"))
        found.update(below)
    return sorted(found), diagnostics


def _below(folder: Path) -> Iterable[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED_FOLDERS
            and not (Path(root) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            if name.endswith(".py"):
                file = Path(root) / name
                with contextlib.suppress(OSError):
                    if _may_matter(file.read_bytes()):
                        yield file


def _may_matter(content: bytes) -> bool:
    if b"FlowSpec" in content:
        return True
    return b"trigger(" in content and (b"cloaca" in content or b"metaflow_triggers" in content)


@dataclass(frozen=True)
class Read:
    """What files hold, in the order of the files."""

    flows: list[ReadFlow]
    polls: list[PollTrigger]
    diagnostics: list[Diagnostic]


def read_project(files: Sequence[str], request: Request) -> Read:
    """Read every file in a child of its own, `request.workers` at a time; results come in the order of `files`."""
    answers: dict[str, dict[str, Any]] = {}
    waiting = list(reversed(files))
    running: dict[int, _Child] = {}
    selector = selectors.DefaultSelector()
    if len(files) > 1:
        _prepare(request)
    try:
        while waiting or running:
            while waiting and len(running) < max(1, request.workers):
                child = _start(waiting.pop(), request)
                running[child.read_end] = child
                selector.register(child.read_end, selectors.EVENT_READ)
            nearest = min(child.deadline for child in running.values())
            for key, _ in selector.select(max(0.0, nearest - time.monotonic())):
                child = running[key.fd]
                chunk = os.read(key.fd, 1 << 20)
                if chunk:
                    child.received.append(chunk)
                    continue
                selector.unregister(key.fd)
                del running[key.fd]
                answers[child.file] = child.finish()
            for descriptor, child in list(running.items()):
                if time.monotonic() >= child.deadline:
                    selector.unregister(descriptor)
                    del running[descriptor]
                    answers[child.file] = child.stop(request.seconds)
    finally:
        for child in running.values():
            child.stop(request.seconds)
        selector.close()
    flows: list[ReadFlow] = []
    polls: list[PollTrigger] = []
    diagnostics: list[Diagnostic] = []
    for file in files:
        answer = answers[file]
        polls.extend(from_json(item) for item in answer.get("polls", ()))
        flows.extend(ReadFlow(from_json(item["flow"]), item["workflows"]) for item in answer["flows"])
        diagnostics.extend(_diagnostic(item) for item in answer["diagnostics"])
    named = {os.path.realpath(file) for file in files}
    # A poll trigger of an imported file is told by that file, if it is one of ours.
    told = [
        item
        for item in diagnostics
        if item.code != "FT731" or item.span is None or os.path.realpath(item.span.file) not in named
    ]
    return Read(flows, polls, told)


def _diagnostic(value: dict[str, Any]) -> Diagnostic:
    diagnostic: Diagnostic = Diagnostic(
        **{
            **value,
            "span": from_json(value["span"]),
            "others": tuple((from_json(span), label) for span, label in value["others"]),
            "notes": tuple(value["notes"]),
            "helps": tuple(value["helps"]),
        }
    )
    return diagnostic


def _prepare(request: Request) -> None:
    """Do once what each child would do again: import, and tell the collector that this is here to stay."""
    from .. import seams
    from ..backends import registry
    from . import flow, one_file, polls, source  # noqa: F401

    seams.preload()
    if request.workflow and request.code_package:
        seams.preload_code_package()
    for name in request.backends:
        registry.backend(name)
    gc.collect()
    gc.freeze()


class _Child:
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
        if status == _OUR_FAULT:
            return _only(Diagnostic("FT900", f"`{self.file}` could not be read", _first_line(self.file), notes=tail))
        how = f"was ended by signal {-status}" if status < 0 else f"exited with {status}"
        return _only(
            Diagnostic(
                "FT122", f"`{self.file}` {how} while it was read", _first_line(self.file), "ended here", notes=tail
            )
        )

    def stop(self, seconds: float) -> dict[str, Any]:
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
    from .one_file import diagnostic_json

    return {"flows": [], "diagnostics": [diagnostic_json(diagnostic)]}


def _start(file: str, request: Request) -> _Child:
    read_end, write_end = os.pipe()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child has ended
    if sys.platform != "linux":  # fork without exec is unsafe beside system frameworks
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
        return _Child(file, process.pid, read_end, seconds=request.seconds, log=log, process=process)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            os.close(read_end)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            from .one_file import run

            run(file, request, write_end)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            os._exit(_OUR_FAULT)
    os.close(write_end)
    return _Child(file, pid, read_end, seconds=request.seconds, log=log)
