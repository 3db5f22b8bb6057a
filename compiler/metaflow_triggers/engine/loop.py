"""Loop: one engine at work on a database.

In:   flows, a launcher, a clock, further sources of starts (schedules, polls).
Out:  runs. Each turn reads the log, issues starts, waits for nobody.

Not here: signals, the command line, printing (`serve`). Whatever a turn cannot write (a full disk) it tries again
later; what was accepted stays in the log.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from . import issue, launch
from .clock import Clock, SystemClock
from .issue import Order, Row
from .matching import Matcher
from .observe import Change, Observer
from .store import connect, timestamp_text
from .waits import LocalFlow

POLL_SECONDS = 0.012
"""How often the engine asks whether another process has written: `PRAGMA data_version`, some microseconds."""
SWEEP_SECONDS = 1.0
RETRY_SECONDS = 1.0
GRACE_SECONDS = 20.0
"""From asking a run to end to ending it."""


class Source(Protocol):
    """Something else that adds starts: schedules, polls."""

    def start(self) -> None:
        """Begin; called once, before the first turn."""

    def stop(self) -> None:
        """End; called once."""

    def turn(self, connection: sqlite3.Connection) -> int:
        """Called every turn, in the engine's thread; how many starts it added. Raises sqlite3.Error."""

    def is_idle(self) -> bool:
        """Whether it has nothing to do now."""


@dataclass
class _Child:
    order: Order
    process: launch.Process
    began: float
    killed_at: float | None = None


class Engine:
    """`run` is the loop; `turn` is one round of it, for tests. One thread uses it; `stop` may come from anywhere."""

    def __init__(
        self,
        database: str,
        flows: Sequence[LocalFlow],
        launcher: launch.Launcher,
        *,
        clock: Clock | None = None,
        sources: Sequence[Source] = (),
        observer: Observer | None = None,
        max_runs: int = 16,
        run_deadline: float | None = None,
    ) -> None:
        self.flows = {flow.key: flow for flow in flows}
        self._keys = list(self.flows)
        self._launcher = launcher
        self._clock = clock or SystemClock()
        self._sources = sources
        self._observer = observer or Observer()
        self._max_runs = max_runs
        self._deadline = run_deadline
        self._me = issue.owner()
        self._children: list[_Child] = []
        self._unsettled: list[tuple[_Child, int]] = []
        self._ending: dict[int, tuple[int, float]] = {}
        self._draining = False
        self._stopped = threading.Event()
        self._version = -1
        self._is_behind = True
        self._may_issue = True
        self._next_sweep = 0.0
        self._last_seen = 0
        self._problem: str | None = None
        self.connection = connect(database)
        self._matcher = Matcher(list(flows))
        self._matcher.register(self.connection)
        (self._last_seen,) = self.connection.execute("SELECT coalesce(max(id), 0) FROM starts").fetchone()

    # the loop ------------------------------------------------------------------------------------------------

    def run(self, until_idle: bool = False) -> None:
        """Work until `stop`, or until there is nothing left to do."""
        for source in self._sources:
            source.start()
        try:
            while not self._stopped.is_set():
                busy = self._turn_safely()
                if self._draining and not self._children and not self._unsettled:
                    break
                if until_idle and not busy and self._is_idle_safely():
                    break
                if not busy:
                    self._clock.wait(self._stopped, RETRY_SECONDS if self._problem else POLL_SECONDS)
        finally:
            for source in self._sources:
                source.stop()

    def drain(self) -> None:
        """Issue nothing more and leave the loop when the running flows have ended."""
        self._draining = True

    def end_runs(self) -> None:
        """Ask the running flows of this engine to end; they end as aborted."""
        self._draining = True
        for child in self._children:
            launch.end(child.process.pid)
            self._ending.setdefault(child.process.pid, (child.order.start_id, self._clock.monotonic()))

    def stop(self) -> None:
        """Leave the loop at once; running flows go on by themselves."""
        self._stopped.set()

    def close(self) -> None:
        """Close the database, after giving back what was issued and no process has taken yet."""
        with contextlib.suppress(sqlite3.Error):
            issue.release(self.connection, self._me)
        self.connection.close()

    @property
    def running(self) -> int:
        """How many processes of this engine run."""
        return len(self._children)

    def _turn_safely(self) -> bool:
        try:
            busy = self.turn()
        except sqlite3.Error as error:
            if self._problem != str(error):
                self._problem = str(error)
                self._observer.on_problem(f"the database does not take what the engine writes, it tries again: {error}")
            self._is_behind = self._may_issue = True
            return False
        if self._problem is not None:
            self._problem = None
            self._observer.on_problem("the database can be written again")
        return busy

    # one turn ------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """One round; whether anything happened. Raises sqlite3.Error, after which the next turn goes on from there."""
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            self._is_behind = self._may_issue = True
        busy = self._read()
        for source in self._sources:
            if not self._draining and source.turn(self.connection):
                self._may_issue = busy = True
        # Runs that have ended make room.
        busy = self._reap() or busy
        busy = self._issue() or busy
        if self._clock.monotonic() >= self._next_sweep:
            self._sweep()
        if busy:
            self._observer.on_change(self.connection, self.flows)
        return busy

    def is_idle(self) -> bool:
        """Whether none of this engine's flows has anything to be read, issued or ended. Paused starts do not count."""
        if self._children or self._unsettled or self._matcher.is_behind(self.connection):
            return False
        paused = {key for (key,) in self.connection.execute("SELECT flow_key FROM paused")}
        for key in self._keys:
            states = {
                state
                for (state,) in self.connection.execute(
                    "SELECT DISTINCT state FROM starts WHERE state IN ('claimed', 'started') AND flow_key = ?", (key,)
                )
            }
            if "started" in states or ("claimed" in states and not paused & {key, "*"}):
                return False
        return all(source.is_idle() for source in self._sources)

    def _is_idle_safely(self) -> bool:
        try:
            return self.is_idle()
        except sqlite3.Error:
            return False

    def _read(self) -> bool:
        if not self._is_behind:
            return False
        if not self._matcher.is_behind(self.connection):
            self._is_behind = False
            return False
        if self._matcher.step(self.connection, self._clock.now()):
            self._may_issue = True
            self._tell_refused()
        return True

    def _tell_refused(self) -> None:
        rows = self.connection.execute(
            "SELECT id, flow_key, state, reason, error FROM starts WHERE id > ? ORDER BY id", (self._last_seen,)
        ).fetchall()
        for start_id, key, state, reason, error in rows:
            self._last_seen = start_id
            if state == "refused":
                self._observer.on_line(Change("refused", key, start_id, reason, error=error))

    def _issue(self) -> bool:
        if not self._may_issue or self._draining:
            return False
        running = Counter(child.order.flow_key for child in self._children)
        orders = issue.take(
            self.connection,
            keys=self.flows,
            running=running,
            limit=self._max_runs,
            me=self._me,
            now=self._clock.now(),
        )
        self._may_issue = False
        for order in orders:
            try:
                process = self._launcher.launch(order)
            except OSError as error:  # no process, no memory: the start is kept and tried again
                row = issue.look(self.connection, order.start_id)
                issue.give_back(self.connection, row, f"no process could be started: {error}", self._clock.now())
                continue
            self._children.append(_Child(order, process, self._clock.monotonic()))
            self._observer.on_line(
                Change("started", order.flow_key, order.start_id, order.reason, log=self._launcher.log_of(order))
            )
        return bool(orders)

    def _reap(self) -> bool:
        ended = [(child, code) for child in self._children if (code := child.process.poll()) is not None]
        if ended:
            gone = {id(child) for child, _ in ended}
            self._children = [child for child in self._children if id(child) not in gone]
            self._unsettled += ended
        while self._unsettled:
            child, code = self._unsettled[0]
            row = issue.look(self.connection, child.order.start_id)
            issue.settle(self.connection, row, child.process.pid, code, self._clock.now())
            self._unsettled.pop(0)
            self._ending.pop(child.process.pid, None)
            self._may_issue = self._is_behind = True
            if code < 0:
                launch.end(child.process.pid, signal.SIGKILL)  # tasks that the run left behind
            self._tell_ended(child, issue.look(self.connection, child.order.start_id))
        return bool(ended)

    def _tell_ended(self, child: _Child, row: Row) -> None:
        if row.state == "started" or (row.state == "claimed" and row.attempts == 0):
            return
        state = "waiting to be tried again" if row.state == "claimed" else row.state
        seconds = self._clock.monotonic() - child.began
        self._observer.on_line(
            Change(state, row.flow_key, row.start_id, row.reason, row.run_id, row.step, row.error, seconds)
        )

    def _sweep(self) -> None:
        self._next_sweep = self._clock.monotonic() + SWEEP_SECONDS
        self._may_issue = True  # what had to wait before it is tried again
        for start_id in issue.sweep(self.connection, [child.process.pid for child in self._children]):
            row = issue.look(self.connection, start_id)
            self._observer.on_line(Change("lost", row.flow_key, start_id, row.reason, row.run_id, error=row.error))
            self._is_behind = True
        if self._deadline is not None:
            for start_id, pid in self._overdue(self._deadline):
                if issue.mark_ending(self.connection, start_id, "timed_out"):
                    launch.end(pid)
                    self._ending[pid] = (start_id, self._clock.monotonic())
        for pid, (start_id, asked) in list(self._ending.items()):
            row = issue.look(self.connection, start_id)
            if row.state != "started" or row.pid != pid:
                del self._ending[pid]
            elif self._clock.monotonic() - asked > GRACE_SECONDS:
                with contextlib.suppress(OSError):
                    launch.end(pid, signal.SIGKILL)

    def _overdue(self, seconds: float) -> list[tuple[int, int]]:
        """(start, pid) of runs beyond their deadline: by a clock that is never set for this engine's own runs."""
        now = self._clock.monotonic()
        pids = [child.process.pid for child in self._children]
        found = [(child.order.start_id, child.process.pid) for child in self._children if now - child.began > seconds]
        before = timestamp_text(self._clock.now() - timedelta(seconds=seconds))
        for start_id, pid, key, started_at in issue.adopted(self.connection, pids):
            if key in self.flows and started_at < before:
                found.append((start_id, pid))
        return found
