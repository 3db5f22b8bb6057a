"""Poll work: one poll of one trigger, from the moment it is due to what is noted of it.

In:   the state of a trigger, the answer of its poll.
Out:  a skip, a claimed or suppressed fire, or an error, noted in the state.

Not here: when a poll is due, the trigger's row (`polls.poller`), calling the function (`polling.child`).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from metaflow_extensions.triggers.plugins.local_runs import storable

from ...polling.answers import Answer
from ...polling.clock import Clock
from ...polling.fires import Target, problem
from .claims import Fire
from .store import Registration

log = logging.getLogger("metaflow_triggers.poll")


@dataclass(frozen=True)
class PolledTrigger:
    """A trigger to serve: the file that declares it, what a fire starts. `interval` is the text that people read."""

    file: str
    target: Target
    interval: str
    interval_milliseconds: int

    @property
    def name(self) -> str:
        """What the trigger is known by."""
        return self.target.trigger

    @property
    def registration(self) -> Registration:
        """What the database is told of it."""
        return Registration(
            self.name, self.target.workflow, self.interval, self.interval_milliseconds, self.target.allow_concurrent
        )


@dataclass
class State:
    """What the poller knows of one trigger.

    `due` is monotonic seconds. `busy` from the moment a poll is asked for until its fire is stored, so that polls never
    overlap; `asked` says for which tick, when it was due, and under which epoch. `changes` counts what there is to
    store, `saved` what the database has of it. `unclaimed`: a fire that the database could not take yet. `down`: why
    the trigger is not polled for now.
    """

    trigger: PolledTrigger
    owned: bool = False
    epoch: int = 0
    tick: int = 0
    due: float = 0.0
    busy: bool = False
    asked: tuple[int, datetime, int] | None = None
    poll_at: datetime | None = None
    result: str = ""
    error: str | None = None
    consecutive_errors: int = 0
    suppressed: int = 0
    changes: int = 0
    saved: int = 0
    unclaimed: Fire | None = None
    down: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def succeeded(self, result: str) -> None:
        """Note "skip", "fire" or "suppressed"."""
        with self.lock:
            self.result, self.error, self.consecutive_errors = result, None, 0
            self.suppressed += result == "suppressed"
            self.changes += 1

    def failed(self, text: str) -> bool:
        """Note an error; whether it is the same as that of the poll before."""
        text = storable(text)
        with self.lock:
            repeated = text == self.error
            self.result, self.error = "error", text
            self.consecutive_errors += 1
            self.changes += 1
        return repeated

    def is_down(self, why: str | None) -> None:
        """Note why it is not polled for now; None: it is."""
        with self.lock:
            self.down = None if why is None else storable(why)
            self.changes += 1


def fire_of(state: State, answer: Answer, clock: Clock) -> Fire | None:
    """The fire that is to be claimed; None where the answer is something else, or no start could come of it."""
    if answer.result == "skip":
        state.succeeded("skip")
    elif answer.result == "error" or state.asked is None:
        report(state, answer.text, answer.trace)
    else:
        tick, due_at, epoch = state.asked
        fire = Fire(state.trigger.target, answer.context or {}, epoch, tick, due_at)
        against = problem(fire.target, fire.context, clock.now())
        if against is None:
            return fire
        report(state, f"ValueError: {against}")
    return None


def claim(state: State, fire: Fire, store: Callable[[Fire], str], woken: Callable[[], None]) -> None:
    """Have a fire stored. Raises nothing: what the database cannot take is kept, the poll may have consumed it."""
    try:
        what = store(fire)
    except sqlite3.Error as error:
        state.unclaimed = None if isinstance(error, sqlite3.IntegrityError) else fire
        what = "the fire starts nothing" if state.unclaimed is None else "the fire is not stored yet"
        report(state, f"{what}: {type(error).__name__}: {error}")
        return
    state.unclaimed = None
    if what == "lost":
        state.owned = state.owned and state.epoch != fire.epoch
        log.warning("poll %s is polled by another engine now; its fire was left to that one", state.trigger.name)
    elif what == "suppressed":
        state.succeeded("suppressed")
    else:
        state.succeeded("fire")
        woken()


def report(state: State, text: str, trace: str = "") -> None:
    """Note an error, and log it."""
    said = "raised" if trace else "failed:"
    if not state.failed(text):
        record = log.makeRecord(
            log.name, logging.ERROR, __file__, 0, f"poll %s {said} %s", (state.trigger.name, text), None
        )
        record.exc_text = trace.rstrip() or None  # one of another process
        log.handle(record)
    elif state.consecutive_errors & (state.consecutive_errors - 1) == 0:  # 2, 4, 8, ...: a log is not endless
        log.error("poll %s failed %d times in a row: %s", state.trigger.name, state.consecutive_errors, text)
