"""Beside: the process that serves an engine's page, seen from the engine.

In:   a socket that listens, the database; the flows that are served, and what happens that no database has.
Out:  the page's address while it is entered; `Telling`, an observer that passes all on.

Not here: serving (`child`). The engine's thread puts a line into a queue and goes on; another thread writes it into a
pipe. Whether that is read, or the process is there at all, the engine does not ask; it ends when the pipe ends.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError
from ...model.flows import TriggerGraph
from ...model.serialize import to_json
from ..observe import Change, Observer
from ..waits import LocalFlow
from . import address

_SECONDS = 5.0
"""To end in, before it is ended."""


class Telling(Observer):
    """Tells the page's process what no database has, and passes all on to another observer."""

    def __init__(self, inner: Observer, put: Callable[[Any], None], graph: Callable[[], TriggerGraph]) -> None:
        self._inner, self._put, self._graph = inner, put, graph

    def on_begin(self, flows: Mapping[str, LocalFlow]) -> None:
        """The engine is about to work on these flows."""
        self._inner.on_begin(flows)

    def on_edition(self, flows: Mapping[str, LocalFlow], words: Sequence[str]) -> None:
        """Flows were read again."""
        graph = self._graph()
        self._put(lambda: {"graph": to_json(graph), "notes": list(words)})
        self._inner.on_edition(flows, words)

    def on_signal(self, text: str) -> None:
        """A signal was taken: no lock may be, and a `SimpleQueue` needs none."""
        self._put({"notes": [text]})
        self._inner.on_signal(text)

    def on_line(self, change: Change) -> None:
        """A run started or ended, or an event was refused: the database has it."""
        self._inner.on_line(change)

    def on_problem(self, text: str) -> None:
        """Something is wrong with the database, or right again."""
        self._put({"notes": [text]})
        self._inner.on_problem(text)

    def on_change(self, connection: sqlite3.Connection, flows: Mapping[str, LocalFlow]) -> None:
        """Something changed."""
        self._inner.on_change(connection, flows)


class _Pipe:
    """Lines for a process, written by a thread: whoever puts one waits for nobody."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="page", daemon=True)
        self._thread.start()

    def put(self, value: Any) -> None:
        """A JSON value, or what gives one; None is the last."""
        self._lines.put(value)

    def _write(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError), self._process.stdin as stream:
            while (value := self._lines.get()) is not None:
                told = value() if callable(value) else value
                stream.write(json.dumps(told).encode() + b"\n")
                stream.flush()

    def close(self) -> None:
        """End the process: it sees the end of the pipe, and is ended if it does not."""
        self.put(None)
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(_SECONDS)


@contextlib.contextmanager
def served(
    listener: socket.socket,
    database: str,
    told: Mapping[str, Any],
    graph: Callable[[], TriggerGraph],
    observer: Observer,
) -> Iterator[tuple[str, Telling]]:
    """(URL, observer) while it is entered. `told` is what `child` needs beside the graph.

    Raises DiagnosticError (FT759).
    """
    word, port = address.token(database), listener.getsockname()[1]
    with tempfile.TemporaryFile() as problems, listener:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.child", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=problems,
            pass_fds=(listener.fileno(),),
            start_new_session=True,  # a terminal's Ctrl-C reaches only the engine
        )
        pipe = _Pipe(process)
        try:
            pipe.put({**told, "database": database, "token": word, "port": port, "graph": to_json(graph())})
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                problems.seek(0)
                lines = problems.read().decode("utf-8", "replace").strip().splitlines()
                why = f"the process that serves it has ended: {lines[-1] if lines else 'it said nothing'}"
                raise DiagnosticError([Diagnostic("FT759", f"no page can be served at port {port}: {why}")])
            listener.close()  # it is the process's now
            yield f"http://{address.HOST}:{port}/#{word}", Telling(observer, pipe.put, graph)
        except DiagnosticError as error:
            pipe.put({"ended": "; ".join(f"{item.code}: {item.message}" for item in error.diagnostics)})
            raise
        finally:
            pipe.close()
            if process.stdout is not None:
                process.stdout.close()
