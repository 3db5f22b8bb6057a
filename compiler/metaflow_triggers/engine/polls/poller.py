"""Poller: polls triggers when they are due.

In:   a database, the triggers to serve, a clock, whoever makes polls (`polling.children`).
Out:  starts in `starts`; what each poll gave in `poll_triggers`; tracebacks in the log `metaflow_triggers.poll`.
      It is a `Source` of the engine's loop (`loop`), and hears what becomes of the polls (`answers.Heard`).

Not here: calling a function (`polling.child`), running flows, reading files. One thread looks at a heap of due times,
one stores fires, one keeps the rows: none waits for a poll or a run, and the first never for another's transaction.
Time from poll to poll is monotonic, so a clock that steps moves no poll. A tick that comes while the last poll still
runs, or its process is down, is left out; ticks that were missed count as one.
"""

from __future__ import annotations

import heapq
import os
import queue
import sqlite3
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from metaflow_extensions.triggers.plugins.local_runs import is_alive, process_started

from ...polling.answers import Answer, Hosts
from ...polling.clock import Clock
from .. import store
from ..waits import LocalFlow
from . import claims, work
from . import store as poll_store
from .claims import Fire
from .store import Polled
from .work import PolledTrigger, State, log

_UPKEEP_SECONDS = 1.0
_BEAT_SECONDS = 3.0
STOP_SECONDS = 0.5
"""So long polls that are at work are waited for when the engine ends."""


class Poller:
    """Serves triggers between `start` and `stop`; or a program calls `upkeep` and `step` itself.

    Raises DiagnosticError for a file that is no database of ours.
    """

    def __init__(
        self,
        database_path: str,
        triggers: Sequence[PolledTrigger],
        clock: Clock,
        hosts: Hosts,
        *,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        """`woken` is called after each claim: there is a start to run."""
        self._clock = clock
        self._hosts = hosts
        self._woken = woken
        self._states = {item.name: State(item) for item in triggers}
        self._served: dict[str, set[str]] = {item.file: set() for item in triggers}
        self._next: tuple[Sequence[PolledTrigger], frozenset[str]] | None = None
        self._heap: list[tuple[float, str]] = []
        self._heap_lock = threading.Lock()
        self._owner = uuid.uuid4().hex
        self._entered = False
        self._watch = poll_store.Watch(is_alive)
        self._rows = store.connect(database_path)
        self._flags = store.connect(database_path)
        self._claims = store.connect(database_path)
        self._claims_lock = threading.Lock()
        self._claimed = 0
        self._fires: queue.SimpleQueue[tuple[State, Fire] | None] = queue.SimpleQueue()
        self._last_beat = float("-inf")
        self._known_changes = -1
        self._disabled: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._claiming: threading.Thread | None = None
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
        states = self._states.values()
        return self._next is None and (self._entered or not states) and all(map(self._is_quiet, states))

    def _is_quiet(self, state: State) -> bool:
        if not state.owned or (state.trigger.name in self._disabled and state.unclaimed is None):
            return True
        return bool(state.changes) and (not state.busy or state.down is not None) and state.unclaimed is None

    def serve(self, flows: Sequence[LocalFlow]) -> None:
        """What is polled is said with its files (`poll_these`)."""

    def poll_these(self, triggers: Sequence[PolledTrigger], changed: Iterable[str] = ()) -> None:
        """Poll these from now on; of the files that have changed, new processes begin. From any thread."""
        with self._heap_lock:
            before = frozenset() if self._next is None else self._next[1]
            self._next = (tuple(triggers), before | frozenset(changed))

    # life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Poll in threads of its own until `stop`."""
        self._hosts.start(self)
        self._claiming = threading.Thread(target=self._claim_all, name="poll-fires", daemon=True)
        for name, target in (("poll-rows", self._keep_rows), ("poller", self._look)):
            self._threads.append(threading.Thread(target=target, name=name, daemon=True))
        for thread in (self._claiming, *self._threads):
            thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Poll no more, write results down, let other engines have the triggers. Waits at most `seconds` for polls."""
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self._hosts.stop(seconds)  # what polls at work still fire is claimed
        if self._claiming is not None:
            self._fires.put(None)
            self._claiming.join()
        try:
            self._save()
            with store.transaction(self._rows):
                poll_store.leave(self._rows, self._owner)
        except sqlite3.Error as error:
            log.warning("results of polls were not stored: %s", error)
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
                    say = log.error if isinstance(error, sqlite3.Error) else log.exception
                    say("polls go on, but there is a problem: %s", error)
                problem, seconds = str(error), _UPKEEP_SECONDS
            if self._clock.wait(wake, seconds) and wake is self._wake:
                wake.clear()

    # due times -----------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """Have polled what is due now; returns seconds until the next look. Called by one thread only."""
        now = self._clock.monotonic()
        due = self._due(now)
        if due:
            self._look_at_flags()
        asked: dict[str, list[str]] = {}
        for state, was_due in due:
            if self._tick(state, was_due, now):
                asked.setdefault(state.trigger.file, []).append(state.trigger.name)
        for file, names in asked.items():
            self._hosts.poll(file, names)
        nearest = now + _UPKEEP_SECONDS
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
                state = self._states.get(name)
                if state is None or not state.owned or due != state.due:
                    continue  # given up, or taken anew with other times
                interval = state.trigger.interval_milliseconds / 1000
                missed = int((now - due) // interval)
                state.tick += 1 + missed
                state.due = due + (1 + missed) * interval
                heapq.heappush(self._heap, (state.due, name))
                out.append((state, due + missed * interval))
        return out

    def _tick(self, state: State, due: float, now: float) -> bool:
        """Whether the trigger is to be polled for this tick."""
        if state.trigger.name in self._disabled and state.unclaimed is None:
            return False
        with state.lock:
            if state.busy:
                return False
            state.busy = True
            state.asked = (state.tick, self._clock.now() - timedelta(seconds=now - due), state.epoch)
        if state.unclaimed is None:
            return True
        # What was fired and could not be stored comes first: the poll may have changed what it looks at.
        self._hand_over(state, state.unclaimed)
        return False

    def _look_at_flags(self) -> None:
        number = poll_store.change_number(self._flags)
        if number != self._known_changes:
            self._disabled = poll_store.disabled(self._flags)
            self._known_changes = number

    # what becomes of polls -----------------------------------------------------------------------------------------

    def wanted(self, name: str) -> bool:
        """Whether a poll that was asked for is still to be made."""
        state = self._states.get(name)
        return state is not None and state.owned and name not in self._disabled and not self._stopping.is_set()

    def begun(self, name: str) -> None:
        """A poll has begun."""
        if name in self._states:
            self._states[name].poll_at = self._clock.now()

    def answered(self, name: str, answer: Answer | None) -> None:
        """A poll has ended; None: it was not made."""
        state = self._states.get(name)
        if state is None:  # its declaration has gone meanwhile
            return
        try:
            fire = None if answer is None else work.fire_of(state, answer, self._clock)
        except Exception as error:  # nothing that a poll answers may stop those of others
            fire = None
            work.report(state, f"{type(error).__name__}: {error}")
        if fire is None:
            state.busy = False
        else:
            self._hand_over(state, fire)

    def down(self, names: Iterable[str], why: str, trace: str, seconds: float) -> None:
        """The process of these triggers has ended; the next one starts after so many seconds."""
        when = (self._clock.now() + timedelta(seconds=seconds)).strftime("%H:%M:%S UTC")
        log.error("%s; the next one starts in %g s%s", why, seconds, f"\n{trace.rstrip()}" if trace else "")
        for name in self._states.keys() & set(names):
            self._states[name].is_down(f"{why}; the next one starts at {when}")

    def up(self, names: Iterable[str]) -> None:
        """The process of these triggers is ready."""
        for name in self._states.keys() & set(names):
            if self._states[name].down is not None:
                self._states[name].is_down(None)

    def printed(self, line: str) -> None:
        """A line that a file printed."""
        try:
            sys.stderr.write(line + "\n")
        except (OSError, ValueError):
            return  # nobody reads it

    def _hand_over(self, state: State, fire: Fire) -> None:
        if self._claiming is None:
            self._claim(state, fire)
        else:
            self._fires.put((state, fire))

    def _claim_all(self) -> None:
        while (item := self._fires.get()) is not None:
            try:
                self._claim(*item)
            except Exception as error:
                log.exception("a fire of poll %s was not stored: %s", item[0].trigger.name, error)

    def _claim(self, state: State, fire: Fire) -> None:
        try:
            work.claim(state, fire, self._store, self._woken)
        finally:
            state.busy = False

    def _store(self, fire: Fire) -> str:
        what = claims.claim(self._claims, self._owner, fire, self._clock.now())
        with self._claims_lock:
            self._claimed += what == "claimed"
        return what

    # rows ----------------------------------------------------------------------------------------------------------

    def upkeep(self) -> float:
        """Write results down, say that this engine lives, take triggers that nobody polls; seconds until the next time.

        Called by one thread only.
        """
        self._save()
        self._change()
        now = self._clock.monotonic()
        if not self._states and not self._entered:
            return _UPKEEP_SECONDS  # nothing to poll: no word of this engine either
        if now - self._last_beat >= _BEAT_SECONDS or not self._entered:
            with store.transaction(self._rows):
                if not poll_store.beat(self._rows, self._owner):  # the first time; or another engine took us for dead
                    poll_store.enter(self._rows, self._owner, os.getpid(), process_started(os.getpid()))
                owned = poll_store.acquire(self._rows, self._owner, self._states, self._watch, now)
            self._entered, self._last_beat = True, now
            self._take(owned, now)
        return _UPKEEP_SECONDS

    def _change(self) -> None:
        """Serve other triggers. Whoever looks meanwhile sees all the old ones, or all the new ones."""
        with self._heap_lock:
            given = self._next
        if given is None:
            return
        triggers, changed = given
        gone = self._states.keys() - {item.name for item in triggers}
        with store.transaction(self._rows):
            poll_store.register(self._rows, [item.registration for item in triggers], self._clock.now())
            poll_store.release(self._rows, self._owner, gone)
        states = {item.name: self._states.get(item.name) or State(item) for item in triggers}
        for item in triggers:
            states[item.name].trigger = item
        self._states = states
        for file in {item.file for item in triggers}:
            self._served.setdefault(file, set())
        for file in changed:
            self._hosts.restart(file)
        self._last_beat = float("-inf")
        with self._heap_lock:
            if self._next is given:
                self._next = None

    def _take(self, owned: dict[str, int], now: float) -> None:
        for file, names in self._served.items():
            wanted = {name for name in owned if self._states[name].trigger.file == file}
            if names != wanted:
                self._served[file] = wanted
                self._hosts.serve(file, wanted)
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
                due_at = wall + timedelta(seconds=state.due - now)
                result = Polled(
                    name,
                    state.poll_at,
                    due_at,
                    state.result or None,
                    state.error,
                    state.consecutive_errors,
                    state.suppressed,
                    state.down,
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
