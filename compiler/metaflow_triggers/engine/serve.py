"""Serve: an engine as a command: its signals and its lines.

In:   flows, a database, what the command line says.
Out:  lines of what starts and ends on standard output, problems on standard error; returns when it is done.

Not here: reading flow files, the table of a terminal.
The first SIGINT or SIGTERM: nothing new is started, running flows are left to finish. The second: they are ended
(outcome `aborted`). What waits stays in the database, for the next engine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.flows import Flow
from . import faults, keep
from .editions import Editor
from .launch import FlowLauncher, Launcher
from .loop import Engine, Source
from .observe import Change, Observer
from .retention import Retention
from .schedules import Schedules
from .store import connect, write_setting
from .waits import LocalFlow, local_flow


@dataclass(frozen=True)
class Options:
    """What `metaflow-triggers run` says. `environment` is that of the runs, `run_deadline` seconds or None.

    `flow_options` gives those of a flow's command line.
    """

    database: str
    environment: Mapping[str, str]
    logs: str | None = None
    project_options: tuple[str, ...] = ()
    flow_options: Callable[[Flow], Sequence[str]] = field(default=lambda flow: ())
    max_runs: int = 16
    run_deadline: float | None = None
    until_idle: bool = False


class Lines(Observer):
    """One line for each thing that happens."""

    def __init__(self, out: TextIO, problems: TextIO) -> None:
        self._out = out
        self._problems = problems

    def on_line(self, change: Change) -> None:
        """A run started or ended, or an event was refused."""
        self._print(self._out, line(change))

    def on_begin(self, flows: Mapping[str, LocalFlow]) -> None:
        """The engine is about to work on these flows."""
        many = "1 flow" if len(flows) == 1 else f"{len(flows)} flows"
        self._print(self._out, f"{'ready':<10} {many}")

    def on_signal(self, text: str) -> None:
        """A signal was taken. The streams may be in the middle of something, so they are passed by."""
        with contextlib.suppress(OSError):
            os.write(2, f"metaflow-triggers: {text}\n".encode())

    def on_edition(self, flows: Mapping[str, LocalFlow], words: Sequence[str]) -> None:
        """Flows were read again."""
        for text in words:
            self._print(self._out, f"{'changed':<10} {printable(text)}")

    def on_problem(self, text: str) -> None:
        """Something is wrong with the database, or right again."""
        self._print(self._problems, f"metaflow-triggers: {text}")

    @staticmethod
    def _print(stream: TextIO, text: str) -> None:
        # An engine goes on when nobody reads what it says.
        try:
            print(text, file=stream, flush=True)
        except (OSError, ValueError):
            return


def line(change: Change) -> str:
    """`started    Flow #12, by event order-placed`, and so on, without what could move a terminal's cursor."""
    words = [f"{change.what:<10} {change.flow_key} #{change.start_id}"]
    if change.run_id:
        words.append(f"run {change.run_id}")
    if change.seconds is not None:
        words.append(f"after {change.seconds:.1f} s")
    if change.what in ("started", "refused"):
        words.append(f"by {change.reason}" if change.reason else "")
    if change.step:
        words.append(f"in step {change.step}")
    if change.error:
        words.append(change.error[:500])
    if change.log:
        words.append(f"log {change.log}")
    return printable(", ".join(word for word in words if word))


def printable(text: str) -> str:
    """The text without what could move a terminal's cursor."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def serve(
    flows: Sequence[Flow],
    options: Options,
    *,
    sources: Sequence[Source] = (),
    observer: Observer | None = None,
    launcher: Launcher | None = None,
    editor: Editor | None = None,
) -> None:
    """Run an engine until a signal, or until it is idle. `sources` add starts beside the flows' schedules.

    Raises DiagnosticError (FT740 to FT743, FT750 and following).
    """
    try:
        _serve(flows, options, sources, observer or Lines(sys.stdout, sys.stderr), launcher=launcher, editor=editor)
    except sqlite3.Error as error:
        raise DiagnosticError([faults.diagnostic(error, options.database)]) from error


def _serve(
    flows: Sequence[Flow],
    options: Options,
    sources: Sequence[Source],
    watcher: Observer,
    *,
    launcher: Launcher | None,
    editor: Editor | None,
) -> None:
    with contextlib.closing(connect(options.database)) as connection:
        faults.check(connection, faults.LONG)
    local = [local_flow(flow) for flow in flows]
    engine = Engine(
        options.database,
        local,
        launcher or _launcher(local, options),
        sources=(Schedules(local), Retention(options.database, local, options.logs), *sources),
        observer=watcher,
        max_runs=options.max_runs,
        run_deadline=options.run_deadline,
        editor=editor,
    )
    before: dict[int, Any] = {}
    try:
        if options.logs is not None:
            _make_folder(options.logs)
            write_setting(engine.connection, "logs", os.path.abspath(options.logs))
        _announce(engine.connection, watcher)
        before = _handle_signals(engine, watcher)
        watcher.on_begin(engine.flows)
        engine.run(until_idle=options.until_idle)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        engine.close()


def _announce(connection: sqlite3.Connection, watcher: Observer) -> None:
    """Whose database is older than pruning is told a day before it begins."""
    begin = keep.announce(connection, datetime.now(timezone.utc))
    if begin is not None:
        said = keep.read(connection)
        watcher.on_problem(
            f"FT744: this database has kept everything so far; from {begin} on, payloads, logs and finished starts go "
            f"after {said.days} days, and the oldest when they are more than {said.size >> 20} MiB "
            "(metaflow-triggers retain --days ... --size ... says otherwise)"
        )


def _launcher(flows: Sequence[LocalFlow], options: Options) -> FlowLauncher:
    return FlowLauncher(
        options.database,
        {flow.key: flow for flow in flows},
        options.environment,
        options.project_options,
        options.logs,
        options.flow_options,
    )


def _make_folder(path: str) -> None:
    try:
        if not Path(path).exists():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).mkdir(mode=0o700, exist_ok=True)
        if not Path(path).is_dir():
            raise NotADirectoryError(20, "it is no folder")
        if not os.access(path, os.W_OK):
            raise PermissionError(13, "it cannot be written to")
    except OSError as error:
        raise DiagnosticError(
            [Diagnostic("FT753", f"the folder for logs `{path}` cannot be used: {error.strerror}")]
        ) from error


def _handle_signals(engine: Engine, watcher: Observer) -> dict[int, Any]:
    count = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            engine.drain()
            if engine.running:
                watcher.on_signal("starting nothing more; running flows finish (again: end them)")
        else:
            engine.end_runs()

    return {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
