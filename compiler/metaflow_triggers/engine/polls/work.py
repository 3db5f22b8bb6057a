"""Poll work: one poll of one trigger, in a thread of the pool.

In:   the state of a trigger that is due.
Out:  its function called once; a skip, a claimed or suppressed fire, or an error, noted in the state.

Not here: when a poll is due, timeouts, the trigger's row (`polls.poller`). Whatever the function raises or
returns ends here.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...poll.result import TriggerResult
from ..clock import Clock
from . import claims
from .claims import Fire, Target
from .store import Registration

_LONGEST_ERROR = 2000

log = logging.getLogger("metaflow_triggers.poll")


@dataclass(frozen=True)
class PolledTrigger:
    """A trigger to serve: its function, and what a fire starts. `interval` is the text that people read."""

    function: Callable[[], Any]
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

    `due` and `started` are monotonic seconds. `busy` from the moment a poll is handed to the pool until its thread is
    done, so that polls never overlap; `overdue` when that takes too long and was reported. `changes` counts results,
    `saved` those that the database has. `unclaimed`: a fire that the database could not take yet.
    """

    trigger: PolledTrigger
    owned: bool = False
    epoch: int = 0
    tick: int = 0
    due: float = 0.0
    busy: bool = False
    started: float | None = None
    thread: threading.Thread | None = None
    overdue: bool = False
    poll_at: datetime | None = None
    result: str = ""
    error: str | None = None
    consecutive_errors: int = 0
    suppressed: int = 0
    changes: int = 0
    saved: int = 0
    unclaimed: Fire | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def succeeded(self, result: str) -> None:
        """Note "skip", "fire" or "suppressed"."""
        with self.lock:
            self.result, self.error, self.consecutive_errors = result, None, 0
            self.suppressed += result == "suppressed"
            self.changes += 1

    def failed(self, text: str) -> bool:
        """Note an error; whether it is the same as that of the poll before."""
        text = text[:_LONGEST_ERROR]
        with self.lock:
            repeated = text == self.error
            self.result, self.error = "error", text
            self.consecutive_errors += 1
            self.changes += 1
        return repeated


@dataclass(frozen=True)
class Claimer:
    """How a fire is claimed: `claim` raises sqlite3.Error, `woken` is told that there is a start to run."""

    clock: Clock
    claim: Callable[[Fire], str]
    woken: Callable[[], None]


def poll(state: State, tick: int, due_at: datetime, claimer: Claimer, stopping: threading.Event) -> None:
    """Poll once. Raises nothing. The caller has set `busy`."""
    with state.lock:
        state.started, state.thread, state.overdue = claimer.clock.monotonic(), threading.current_thread(), False
        state.poll_at = claimer.clock.now()
    try:
        try:
            # What was fired and could not be stored comes first: the poll may have changed what it looks at.
            fire = state.unclaimed or _call(state, tick, due_at, claimer.clock)
        finally:
            with state.lock:
                state.started = None  # the database has no part in the timeout
                late = state.overdue
        if late or stopping.is_set():
            return  # it was reported as an error already, or there is nobody to store it
        if fire is None:
            state.succeeded("skip")
        else:
            _claim(state, fire, claimer)
    except BaseException as error:  # sys.exit in a poll ends the poll, not the engine
        if not state.overdue:
            _report(state, error)
    finally:
        with state.lock:
            state.thread, state.busy = None, False


def _call(state: State, tick: int, due_at: datetime, clock: Clock) -> Fire | None:
    result = state.trigger.function()
    if not isinstance(result, TriggerResult):
        if type(result).__name__ == "coroutine":
            result.close()  # else Python warns that nobody awaited it
        raise TypeError(f"the poll returned {type(result).__name__}; expected a TriggerResult")
    if result.is_skip_result():
        return None
    context = result.context
    fire = Fire(state.trigger.target, {} if context is None else context.to_dict(), state.epoch, tick, due_at)
    problem = claims.problem(fire, clock.now())
    if problem is not None:
        raise ValueError(problem)
    return fire


def _claim(state: State, fire: Fire, claimer: Claimer) -> None:
    try:
        what = claimer.claim(fire)
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error:
        state.unclaimed = fire
        raise
    state.unclaimed = None
    if what == "lost":
        state.owned = state.owned and state.epoch != fire.epoch
        log.warning("poll %s is polled by another engine now; its fire was left to that one", state.trigger.name)
    elif what == "suppressed":
        state.succeeded("suppressed")
    else:
        state.succeeded("fire")
        claimer.woken()


def _report(state: State, error: BaseException) -> None:
    text = "".join(traceback.format_exception_only(type(error), error)).strip() or type(error).__name__
    if not state.failed(text):
        # Without our own frames, the first of which is `poll` above.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        log.error("poll %s raised %s", state.trigger.name, text, exc_info=(type(error), error, trace))
    elif state.consecutive_errors & (state.consecutive_errors - 1) == 0:  # 2, 4, 8, ...: a log is not endless
        log.error("poll %s raised it %d times in a row: %s", state.trigger.name, state.consecutive_errors, text)
