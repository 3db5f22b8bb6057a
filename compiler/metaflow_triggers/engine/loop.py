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
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ..diagnostics import DiagnosticError
from ..model.facts import max_active
from ..polling.clock import Clock, SystemClock
from . import faults, issue, launch, sessions
from .editions import Editions, Editor
from .issue import Order, Row
from .matching import Matcher
from .observe import Change, Observer
from .store import connect, forget_waits, timestamp_text, transaction
from .waits import LocalFlow

POLL_SECONDS = 0.012
"""How often the engine asks whether another process has written: `PRAGMA data_version`, some microseconds."""
AWAKE_SECONDS, AWAKE_POLL_SECONDS = 1.0, 0.004
"""For so long after something happened it asks so often: events come in bursts, and each waits for the next look."""
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

    def serve(self, flows: Sequence[LocalFlow]) -> None:
        """These are the flows from now on."""


@dataclass(eq=False)
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
        editor: Editor | None = None,
    ) -> None:
        self._database = database
        self._orphans: Counter[str] = Counter()
        self._editions = Editions(editor)
        self._launcher = launcher
        self._clock = clock or SystemClock()
        self._sources = sources
        self._observer = observer or Observer()
        self._max_runs = max_runs
        self._deadline = run_deadline
        self._me = issue.owner()
        self._children: list[_Child] = []
        self._unsettled: list[tuple[_Child, int]] = []
        self._refused_launches: list[tuple[Order, str]] = []
        self._ending: dict[int, tuple[int, float]] = {}
        self._draining = False
        self._stopped = threading.Event()
        self._version = -1
        self._is_behind = True
        self._may_issue = True
        self._next_sweep = 0.0
        self._awake_until = 0.0
        self._last_seen = 0
        self._problem: str | None = None
        self.connection = connect(database)
        self._serve(flows)
        (self._last_seen,) = self.connection.execute("SELECT coalesce(max(id), 0) FROM starts").fetchone()

    # the loop ------------------------------------------------------------------------------------------------

    def run(self, until_idle: bool = False) -> None:
        """Work until `stop`, or until there is nothing left to do.

        Raises DiagnosticError (FT740) for a database that is damaged; running flows go on by themselves.
        """
        for source in self._sources:
            source.start()
        try:
            while not self._stopped.is_set():
                busy = self._turn_safely()
                if self._draining and not self._children and not self._unsettled:
                    break
                if until_idle and not busy and self._is_idle_safely():
                    break
                if busy:
                    self._awake_until = self._clock.monotonic() + AWAKE_SECONDS
                else:
                    self._clock.wait(self._stopped, self._pause())
        finally:
            self._editions.close()
            for source in self._sources:
                source.stop()

    def _pause(self) -> float:
        if self._problem:
            return RETRY_SECONDS
        return AWAKE_POLL_SECONDS if self._clock.monotonic() < self._awake_until else POLL_SECONDS

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
            self._matcher.flush(self.connection)
        self.connection.close()

    @property
    def running(self) -> int:
        """How many processes of this engine run."""
        return len(self._children)

    def _turn_safely(self) -> bool:
        try:
            busy = self.turn()
        except sqlite3.Error as error:
            told = faults.diagnostic(error, self._database)
            if not faults.may_pass(error):
                raise DiagnosticError([told]) from error
            if self._problem != str(error):
                self._problem = str(error)
                self._observer.on_problem(f"{told.code}: {told.message}; it is tried again")
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
        busy = self._take_edition()
        for source in self._sources:
            if not self._draining and source.turn(self.connection):
                self._may_issue = self._is_behind = busy = True
        busy = self._write() or busy
        if self._clock.monotonic() >= self._next_sweep:
            self._sweep()
        if busy:
            self._observer.on_change(self.connection, self.flows)
        return busy

    def _write(self) -> bool:
        """Events, ends of runs and orders in one transaction: each commit waits for the disk."""
        batch = self._matcher.read(self.connection) if self._is_behind else None
        if batch is not None and self._hold(batch.flows()):
            batch = self._matcher.read(self.connection)
        self._is_behind = batch is not None
        self._collect_ended()
        ended, refused = list(self._unsettled), list(self._refused_launches)
        may_issue = not self._draining and (
            (self._may_issue and issue.is_waiting(self.connection)) or bool(ended) or bool(batch and batch.found)
        )
        orders: list[Order] = []
        added = 0
        now = self._clock.now()
        if ended or refused or may_issue or (batch and batch.found):
            with transaction(self.connection):
                for order, problem in refused:
                    issue.give_back(self.connection, issue.look(self.connection, order.start_id), problem, now)
                for child, code in ended:
                    self._settle(child, code)
                if batch is not None:
                    added = self._matcher.apply(self.connection, batch, now)
                if may_issue:
                    orders = self._take()
        self._may_issue = False
        if batch is not None:
            self._matcher.passed(batch)
        del self._refused_launches[: len(refused)]
        for child, code in ended:
            self._forget(child, code)
        if added:
            self._tell_refused()
        for order in orders:
            self._launch(order)
        return bool(batch or ended or refused or orders)

    def _take_edition(self) -> bool:
        """Serve what has been read again; whether there was something. Raises sqlite3.Error; then it comes again."""
        edition = self._editions.turn()
        if edition is None:
            return False
        self._matcher.flush(self.connection)
        forget_waits(self.connection, self.flows.keys() - {flow.key for flow in edition.flows})
        self._serve(edition.flows, edition.held)
        self._launcher.serve(self.flows)
        for source in self._sources:
            source.serve(edition.flows)
        self._editions.taken()
        self._is_behind = self._may_issue = True
        self._observer.on_edition(self.flows, edition.words)
        return True

    def _serve(self, flows: Sequence[LocalFlow], held: frozenset[str] = frozenset()) -> None:
        """These are the flows from now on; nothing is matched for those that are held. Raises sqlite3.Error."""
        matcher = Matcher(list(flows))
        matcher.register(self.connection)  # each flow goes on where it stopped
        matcher.hold(self.connection, held)
        self._matcher = matcher
        self.flows = {flow.key: flow for flow in flows}
        self._most = {flow.key: max_active(flow.flow) for flow in flows}

    def _hold(self, keys: Collection[str]) -> bool:
        """Whether files of some of these flows have changed: they are held until those have been read again."""
        held = self._editions.hold(keys)
        if held:
            self._matcher.hold(self.connection, held)
        return bool(held)

    def _take(self) -> list[Order]:
        waiting = [key for key in issue.waiting_flows(self.connection) if key in self.flows]
        self._hold(waiting)
        return issue.take(
            self.connection,
            [key for key in waiting if key not in self._editions.held],
            most=self._most,
            running=self._orphans + Counter(child.order.flow_key for child in self._children),
            limit=self._max_runs,
            me=self._me,
            now=self._clock.now(),
        )

    def is_idle(self) -> bool:
        """Whether none of this engine's flows has anything to be read, issued or ended. Paused starts do not count."""
        if self._children or self._unsettled or self._refused_launches or self._matcher.is_behind(self.connection):
            return False
        if self._editions.is_busy():
            return False
        paused = {key for (key,) in self.connection.execute("SELECT flow_key FROM paused")} | self._editions.held
        for key in self.flows:
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

    def _tell_refused(self) -> None:
        rows = self.connection.execute(
            "SELECT id, flow_key, state, reason, error FROM starts WHERE id > ? ORDER BY id", (self._last_seen,)
        ).fetchall()
        for start_id, key, state, reason, error in rows:
            self._last_seen = start_id
            if state == "refused":
                self._observer.on_line(Change("refused", key, start_id, reason, error=error))

    def _launch(self, order: Order) -> None:
        try:
            process = self._launcher.launch(order)
        except OSError as error:  # no process, no memory: the start is kept and tried again
            self._refused_launches.append((order, f"no process could be started: {error}"))
            return
        self._children.append(_Child(order, process, self._clock.monotonic()))
        self._observer.on_line(
            Change("started", order.flow_key, order.start_id, order.reason, log=self._launcher.log_of(order))
        )

    def _collect_ended(self) -> None:
        ended = [
            (child, code)
            for child in self._children
            if (code := child.process.poll()) is not None and self._is_over(child, code)
        ]
        if ended:
            gone = {id(child) for child, _ in ended}
            self._children = [child for child in self._children if id(child) not in gone]
            self._unsettled += ended

    def _is_over(self, child: _Child, code: int) -> bool:
        """Whether nothing of a run works any more; what a killed one has left behind is ended."""
        return code >= 0 or sessions.end(child.process.pid, child.order.start_id, self._database)

    def _settle(self, child: _Child, code: int) -> None:
        row = issue.look(self.connection, child.order.start_id)
        # Only a `CommandLauncher` of a benchmark says otherwise.
        takes = getattr(self._launcher, "knows_database", True)
        issue.settle(self.connection, row, child.process.pid, code, self._clock.now(), takes_start=takes)

    def _forget(self, child: _Child, code: int) -> None:
        """After what became of a child has been committed."""
        self._unsettled.remove((child, code))
        self._ending.pop(child.process.pid, None)
        self._is_behind = True  # the log may have its outcome from this very engine
        self._tell_ended(child, issue.look(self.connection, child.order.start_id))

    def _tell_ended(self, child: _Child, row: Row | None) -> None:
        if row is None or row.state == "started" or (row.state == "claimed" and row.attempts == 0):
            return
        state = "waiting to be tried again" if row.state == "claimed" else row.state
        seconds = self._clock.monotonic() - child.began
        self._observer.on_line(
            Change(state, row.flow_key, row.start_id, row.reason, row.run_id, row.step, row.error, seconds)
        )

    def _sweep(self) -> None:
        self._next_sweep = self._clock.monotonic() + SWEEP_SECONDS
        self._may_issue = True  # what had to wait before it is tried again
        self._matcher.flush(self.connection)
        mine = [child.process.pid for child in self._children]
        for start_id in issue.sweep(self.connection, mine, self._database):
            row = issue.look(self.connection, start_id)
            self._is_behind = True
            if row is not None:
                self._observer.on_line(Change("lost", row.flow_key, start_id, row.reason, row.run_id, error=row.error))
        adopted = issue.adopted(self.connection, mine)
        self._orphans = Counter(key for _, _, key, _ in adopted if key in self.flows)
        if self._deadline is not None:
            for start_id, pid in self._overdue(self._deadline, adopted):
                if issue.mark_ending(self.connection, start_id, "timed_out"):
                    launch.end(pid)
                    self._ending[pid] = (start_id, self._clock.monotonic())
        for pid, (start_id, asked) in list(self._ending.items()):
            row = issue.look(self.connection, start_id)
            if row is None or row.state != "started" or row.pid != pid:
                del self._ending[pid]
            elif self._clock.monotonic() - asked > GRACE_SECONDS:
                with contextlib.suppress(OSError):
                    launch.end(pid, signal.SIGKILL)

    def _overdue(self, seconds: float, adopted: list[tuple[int, int, str, str]]) -> list[tuple[int, int]]:
        """(start, pid) of runs beyond their deadline: by a clock that is never set for this engine's own runs."""
        now = self._clock.monotonic()
        found = [(child.order.start_id, child.process.pid) for child in self._children if now - child.began > seconds]
        before = timestamp_text(self._clock.now() - timedelta(seconds=seconds))
        for start_id, pid, key, started_at in adopted:
            if key in self.flows and started_at < before:
                found.append((start_id, pid))
        return found
