"""Poller: polls triggers when they are due.

In:   a database, the triggers to serve, a clock, a pool of threads.
Out:  starts in `starts`; what each poll gave in `poll_triggers`; tracebacks in the log `metaflow_triggers.poll`.
      It is a `Source` of the engine's loop (`loop`).

Not here: calling a function (`poll_work`), running flows, reading files. One thread looks at a heap of due times,
another keeps the rows: neither waits for a poll or a run, and the first one never for another process's transaction.
Time from poll to poll is monotonic, so a clock that steps moves no poll. A tick that comes while the last poll still
runs is left out; ticks that were missed count as one.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from metaflow_extensions.triggers.plugins.local_runs import is_alive, process_started

from .. import store
from ..clock import Clock
from . import claims
from . import store as poll_store
from .claims import Fire
from .store import Polled
from .work import Claimer, PolledTrigger, State, log, poll

TIMEOUT_SECONDS = 30.0
_UPKEEP_SECONDS = 1.0
_BEAT_SECONDS = 3.0
_LOOK_SECONDS = 0.1


class Pool(Protocol):
    """What the poller asks of a pool (`poll_pool.PollPool`)."""

    def submit(self, job: Callable[[], None]) -> None:
        """Have a job called."""

    def relieve(self) -> bool:
        """Help jobs that wait for long; whether jobs wait."""

    def abandon(self, thread: threading.Thread) -> None:
        """Count a thread out."""

    def close(self, seconds: float) -> None:
        """End the threads."""


class Poller:
    """Serves triggers between `start` and `stop`; or a program calls `upkeep` and `step` itself.

    Raises DiagnosticError for a file that is no database of ours.
    """

    def __init__(
        self,
        database_path: str,
        triggers: Sequence[PolledTrigger],
        clock: Clock,
        pool: Pool,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        """`woken` is called after each claim: there is a start to run."""
        self._clock = clock
        self._pool = pool
        self._timeout = timeout_seconds
        self._states = {item.name: State(item) for item in triggers}
        self._heap: list[tuple[float, str]] = []
        self._heap_lock = threading.Lock()
        self._busy: dict[str, State] = {}
        self._owner = uuid.uuid4().hex
        self._entered = False
        self._watch = poll_store.Watch(is_alive)
        self._rows = store.connect(database_path)
        self._flags = store.connect(database_path)
        self._claims = store.connect(database_path)
        self._claims_lock = threading.Lock()
        self._claimed = 0
        self._claimer = Claimer(clock, self._claim, woken)
        self._last_beat = float("-inf")
        self._known_changes = -1
        self._disabled: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        with store.transaction(self._rows):
            poll_store.register(self._rows, [item.registration for item in triggers], clock.now())

    # a source of the engine's loop -----------------------------------------------------------------------------------

    def turn(self, connection: sqlite3.Connection) -> int:
        """How many starts were added since the last turn."""
        with self._claims_lock:
            count, self._claimed = self._claimed, 0
        return count

    def is_idle(self) -> bool:
        """Whether each trigger of this engine was polled at least once, and no poll runs now."""
        return self._entered and all(
            not state.owned or (state.changes and not state.busy and state.unclaimed is None) or self._is_off(state)
            for state in self._states.values()
        )

    def _is_off(self, state: State) -> bool:
        return state.trigger.name in self._disabled

    # life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Poll in threads of its own until `stop`."""
        for name, work in (("poll-rows", self._keep_rows), ("poller", self._look)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Poll no more, write results down, let other engines have the triggers. Waits at most `seconds` for polls."""
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self._pool.close(seconds)
        try:
            self._save()
            with store.transaction(self._rows):
                poll_store.leave(self._rows, self._owner)
        except sqlite3.Error as error:
            log.warning("results of polls were not stored: %s", error)
        with self._claims_lock:
            for connection in (self._rows, self._flags, self._claims):
                connection.close()

    def _keep_rows(self) -> None:
        self._again_and_again(self.upkeep, self._stopping)

    def _look(self) -> None:
        self._again_and_again(self.step, self._wake)

    def _again_and_again(self, work: Callable[[], float], wake: threading.Event) -> None:
        problem = ""
        while not self._stopping.is_set():
            try:
                seconds = work()
                problem = ""
            except Exception as error:  # a full disk, a locked file: the next round tries again
                if problem != str(error):
                    log.exception("polls go on, but there is a problem: %s", error)
                problem, seconds = str(error), _UPKEEP_SECONDS
            if self._clock.wait(wake, seconds) and wake is self._wake:
                wake.clear()

    # due times -----------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """Hand to the pool what is due now; returns seconds until the next look. Called by one thread only."""
        now = self._clock.monotonic()
        due = self._due(now)
        if due:
            self._look_at_flags()
        for state, was_due in due:
            self._tick(state, was_due, now)
        nearest = min(now + _UPKEEP_SECONDS, self._report_overdue(now))
        if self._pool.relieve():
            nearest = min(nearest, now + _LOOK_SECONDS)
        with self._heap_lock:
            if self._heap:
                nearest = min(nearest, self._heap[0][0])
        return max(0.0, nearest - self._clock.monotonic())

    def _due(self, now: float) -> list[tuple[State, float]]:
        """The triggers that are due, with the tick that counts; each goes back into the heap with its next one."""
        out = []
        with self._heap_lock:
            while self._heap and self._heap[0][0] <= now:
                due, name = heapq.heappop(self._heap)
                state = self._states[name]
                if not state.owned or due != state.due:
                    continue  # given up, or taken anew with other times
                interval = state.trigger.interval_milliseconds / 1000
                missed = int((now - due) // interval)
                state.tick += 1 + missed
                state.due = due + (1 + missed) * interval
                heapq.heappush(self._heap, (state.due, name))
                out.append((state, due + missed * interval))
        return out

    def _tick(self, state: State, due: float, now: float) -> None:
        name = state.trigger.name
        if name in self._disabled:
            return
        with state.lock:
            if state.busy:
                return
            state.busy = True
        self._busy[name] = state
        tick, due_at = state.tick, self._clock.now() - timedelta(seconds=now - due)
        self._pool.submit(lambda: poll(state, tick, due_at, self._claimer, self._stopping))

    def _report_overdue(self, now: float) -> float:
        """Report polls that take too long; returns when to look again."""
        nearest = float("inf")
        for name, state in list(self._busy.items()):
            with state.lock:
                if not state.busy:
                    del self._busy[name]
                    continue
                if state.started is None or state.overdue:
                    continue
                if now - state.started < self._timeout:
                    nearest = min(nearest, state.started + self._timeout)
                    continue
                state.overdue = True
                thread = state.thread
            state.failed(f"TimeoutError: the poll did not end within {self._timeout:g} seconds")
            log.error("poll %s did not end within %g seconds; it is polled again when it ends", name, self._timeout)
            if thread is not None:
                self._pool.abandon(thread)
        return nearest

    def _look_at_flags(self) -> None:
        number = poll_store.change_number(self._flags)
        if number != self._known_changes:
            self._disabled = poll_store.disabled(self._flags)
            self._known_changes = number

    # rows ----------------------------------------------------------------------------------------------------------

    def upkeep(self) -> float:
        """Write results down, say that this engine lives, take triggers that nobody polls; seconds until the next time.

        Called by one thread only.
        """
        self._save()
        now = self._clock.monotonic()
        if now - self._last_beat >= _BEAT_SECONDS or not self._entered:
            with store.transaction(self._rows):
                if not poll_store.beat(self._rows, self._owner):  # the first time; or another engine took us for dead
                    poll_store.enter(self._rows, self._owner, os.getpid(), process_started(os.getpid()))
                owned = poll_store.acquire(self._rows, self._owner, self._states, self._watch, now)
            self._entered, self._last_beat = True, now
            self._take(owned, now)
        return _UPKEEP_SECONDS

    def _take(self, owned: dict[str, int], now: float) -> None:
        with self._heap_lock:
            for name, state in self._states.items():
                epoch = owned.get(name)
                if epoch is None:
                    state.owned = False
                elif not state.owned or state.epoch != epoch:
                    state.owned, state.epoch, state.due = True, epoch, now  # ticks go on: none is used twice
                    heapq.heappush(self._heap, (now, name))
                    self._wake.set()

    def _save(self) -> None:
        now, wall = self._clock.monotonic(), self._clock.now()
        results = []
        for name, state in self._states.items():
            if state.changes == state.saved:
                continue
            with state.lock:
                if state.poll_at is None:
                    continue
                due_at = wall + timedelta(seconds=state.due - now)
                result = Polled(
                    name,
                    state.poll_at,
                    due_at,
                    state.result,
                    state.error,
                    state.consecutive_errors,
                    state.suppressed,
                )
                results.append((state, state.changes, result))
        if not results:
            return
        with store.transaction(self._rows):
            poll_store.save(self._rows, self._owner, [result for _, _, result in results])
        for state, changes, result in results:
            with state.lock:
                state.saved = changes
                state.suppressed -= result.suppressed

    def _claim(self, fire: Fire) -> str:
        with self._claims_lock:
            if self._stopping.is_set():
                return "lost"
            what = claims.claim(self._claims, self._owner, fire, self._clock.now())
            self._claimed += what == "claimed"
            return what
