"""Launch: the process of a run.

In:   an order.
Out:  a process that takes the start, runs the flow and writes the outcome.

Not here: the database. No byte of an event is in the process's arguments or environment: it gets the number of a row.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from metaflow_extensions.triggers.contract import words
from metaflow_extensions.triggers.plugins import local_runs

from ..model.flows import Flow
from .issue import Order
from .waits import LocalFlow


class Process(Protocol):
    """A launched run. `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it runs."""


class Launcher(Protocol):
    """Starts a process for an order."""

    def launch(self, order: Order) -> Process:
        """The started process. Raises OSError."""

    def log_of(self, order: Order) -> str | None:
        """Where its output is, or None."""

    def serve(self, flows: Mapping[str, LocalFlow]) -> None:
        """These are the flows from now on."""


@dataclass
class FlowLauncher:
    """Runs flow files with Metaflow, each in a session of its own: a terminal's Ctrl-C reaches only the engine."""

    database: str
    flows: Mapping[str, LocalFlow]
    environment: Mapping[str, str]
    project_options: Sequence[str] = ()
    """`--production` or `--branch NAME`, for flows with @project."""
    logs: str | None = None
    flow_options: Callable[[Flow], Sequence[str]] = field(default=lambda flow: ())
    """Options of a flow's own command line."""

    def command(self, order: Order) -> list[str]:
        """The command line."""
        flow = self.flows[order.flow_key].flow
        namespace = []
        if order.upstream is not None:
            # `Flow('X').latest_run` then means runs of this engine, never those that somebody started by hand.
            namespace = ["--namespace", local_runs.run_tag(order.upstream)]
        return [
            *(
                sys.executable,
                "-m",
                words.LAUNCHER,
                "local",
                str(order.start_id),
                "--",
            ),
            *(flow.file, "--no-pylint", *self.flow_options(flow)),
            *(self.project_options if flow.project else ()),
            *("run", "--with", "triggers_local_internal", "--tag", local_runs.run_tag(order.flow_key), *namespace),
        ]

    def serve(self, flows: Mapping[str, LocalFlow]) -> None:
        """These are the flows from now on."""
        self.flows = flows

    def log_of(self, order: Order) -> str | None:
        """`<logs>/<flow>.<start>.log`."""
        return str(Path(self.logs) / f"{order.flow_key}.{order.start_id}.log") if self.logs else None

    def launch(self, order: Order) -> Process:
        """Start it; its output goes to the log. Raises OSError."""
        environment = {**self.environment, local_runs.DATABASE_VARIABLE: self.database}
        path = self.log_of(order)
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | int = subprocess.DEVNULL
            if path is not None:
                # Without room for a log the flow still runs.
                with contextlib.suppress(OSError):
                    output = stack.enter_context(open(path, "ab", opener=private))
            return subprocess.Popen(
                self.command(order),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )


@dataclass(frozen=True)
class CommandLauncher:
    """Runs one command for every start; the row's number is its last argument. For benchmarks and tests.

    With `knows_database` the command takes the start and says what became of it (`local_runs`); without, its exit code
    is the outcome, as with `true`.
    """

    database: str
    words: Sequence[str]
    knows_database: bool = True

    def serve(self, flows: Mapping[str, LocalFlow]) -> None:
        """They all run the same command."""

    def log_of(self, order: Order) -> str | None:
        """Nowhere."""
        return None

    def launch(self, order: Order) -> Process:
        """Start it. Raises OSError."""
        return subprocess.Popen(
            [*self.words, str(order.start_id)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, local_runs.DATABASE_VARIABLE: self.database},
            start_new_session=True,
        )


def private(path: str, flags: int) -> int:
    """Opens a file that only its owner may read. What a run prints is nobody else's business."""
    return os.open(path, flags, 0o600)


def end(pid: int, by: int = signal.SIGTERM) -> None:
    """Send a signal to a run: SIGTERM to its process, which ends its tasks; SIGKILL to its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if by == signal.SIGKILL:
            os.killpg(pid, by)
        else:
            os.kill(pid, by)
