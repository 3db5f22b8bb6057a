"""Poller: polls the triggers of one flow on a cloud.

In:   the keys of the triggers' records, where they are kept, what starts runs (`places`), a lease, whoever makes polls
      (`polling.children`), a clock.
Out:  runs; in the records what each poll gave. It hears what becomes of polls (`answers.Heard`).

Not here: what is written (`record`), how a run is started (`places.Runs`), calling a function (`polling.child`).
One thread keeps the lease, one looks at due times, a few ask the cloud: none waits for a poll. A tick is: read the
record; start what was claimed and is not started yet; see which runs have ended; then, if the trigger is on, poll. A
fire is stored before anything is started; what could not be stored is kept, and comes before the next poll.

With `early_seconds` it polls once what is due, by the due times in the records, and is then `finished`. What is left of
that (a fire that is not stored, a claim that is not started) is tried a few times more, without another poll.
"""

from __future__ import annotations

import heapq
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from metaflow_extensions.triggers.contract.local_start import timestamp_text

from . import record
from .answers import Answer, Hosts
from .clock import Clock
from .fires import hash_of, problem
from .lease import Lease
from .places import REFUSED, STARTED, TAKEN, UNKNOWN, Fenced, NoLease, Read, Runs, Store
from .record import Declaration

log = logging.getLogger("metaflow_triggers.poll")

_THREADS = 4
_ROUNDS = 5
"""How often a write is tried anew whose record another one has changed meanwhile."""
_ASKED_AT_ONCE = 20
"""Runs of one trigger that are asked for at one tick, where equal contexts may run beside each other."""
SAVE_SECONDS = 30.0
"""What a poll gave is written down when it is news, else so often."""
_LOOK_SECONDS = 1.0
_TRIES = 5
"""How often one round tries what is left of a tick, after 1, 2, 4 ... seconds."""
_DOWN = 3
"""Ends of a file's process after which one round waits for its polls no more."""


@dataclass
class _Fire:
    context: dict[str, Any]
    tick: str
    due_at: datetime


@dataclass
class _Trigger:
    """What the poller knows of one trigger. `busy` from a tick's beginning until all that follows is done.

    Of one round: `is_polled`, `is_left` where a tick has left something to do, `tries` of that, `downs` of its process,
    `next_due_at` by the record's times.
    """

    key: str
    declared: Declaration | None = None
    due: float = 0.0
    ticks: int = 0
    tick: str = ""
    due_at: datetime | None = None
    busy: bool = False
    served: bool = False
    poll_at: datetime | None = None
    result: str = ""
    error: str | None = None
    consecutive_errors: int = 0
    suppressed: int = 0
    down: str | None = None
    unclaimed: _Fire | None = None
    saved_at: float = float("-inf")
    saved: tuple[Any, ...] = ()
    claims: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_polled: bool = False
    is_left: bool = False
    tries: int = 0
    downs: int = 0
    next_due_at: datetime | None = None

    def news(self) -> tuple[Any, ...]:
        """What is written at once when it changes."""
        return self.result, self.error, self.consecutive_errors if self.error else 0, self.down


class Poller:
    """Serves triggers between `start` and `stop`; or a program calls `upkeep`, `step` and `work` itself."""

    def __init__(
        self,
        store: Store,
        runs: Runs,
        keys: Sequence[str],
        lease: Lease,
        *,
        hosts: Hosts,
        clock: Clock,
        root: str,
        lease_seconds: float,
        early_seconds: float | None = None,
        save_seconds: Callable[[int], float] = lambda claims: SAVE_SECONDS,
    ) -> None:
        """`root`: where the flow's code lies. `early_seconds`: one round, for what is due so much later.

        `save_seconds`: how often what is no news is written down, where a record has so many claims.
        """
        self._store, self._runs = store, runs
        self._lease, self._hosts, self._clock = lease, hosts, clock
        self._early, self._save_seconds = early_seconds, save_seconds
        self._triggers = {key: _Trigger(key) for key in keys}
        self._by_name: dict[str, _Trigger] = {}
        self._root = root
        self._beat = lease_seconds / 9
        self._heap: list[tuple[float, str]] = []
        self._heap_lock = threading.Lock()
        self._epoch: int | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._workers: list[threading.Thread] = []
        self._told: dict[str, str] = {}
        self._done: set[str] = set()
        self.finished = threading.Event()
        """Of one round: all is done."""

    # life ------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Poll until `stop`."""
        self._hosts.start(self)
        for number in range(_THREADS):
            self._workers.append(threading.Thread(target=self._do_jobs, name=f"poll-api-{number}", daemon=True))
        self._threads.append(threading.Thread(target=self._keep_lease, name="poll-lease", daemon=True))
        self._threads.append(threading.Thread(target=self._look, name="poller", daemon=True))
        for thread in (*self._workers, *self._threads):
            thread.start()

    def stop(self, seconds: float) -> None:
        """Poll no more; polls that have begun may end, at most for so many seconds. Then another process may poll."""
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self._hosts.stop(seconds)
        for _ in self._workers:
            self._jobs.put(None)
        for thread in self._workers:
            thread.join()
        self.work()
        for trigger in self._triggers.values():
            if trigger.suppressed or (trigger.result and trigger.news() != trigger.saved):
                self._save(trigger, now=True)
        try:
            self._lease.give_up()
        except (OSError, NoLease) as error:
            log.warning("the lease was not given back: %s", error)

    def _do_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)

    @staticmethod
    def _do(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # nothing of one trigger may stop the others
            log.exception("polls go on, but there is a problem: %s", error)

    def work(self) -> None:
        """Do what there is to do now; for a program that calls `upkeep` and `step`, too, instead of `start`."""
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is not None:
                self._do(job)

    # the lease -------------------------------------------------------------------------------------------------------

    def _keep_lease(self) -> None:
        while not self._stopping.is_set():
            self._clock.wait(self._stopping, self.upkeep())

    def upkeep(self) -> float:
        """Take or renew the lease; seconds until the next time. Called by one thread only."""
        try:
            ours = self._lease.keep()
            self._say("lease", "" if ours else "another process polls; this one waits")
        except (OSError, NoLease, ValueError) as error:
            self._say("lease", str(error))
        epoch = self._lease.epoch
        if epoch is not None and epoch != self._epoch:
            self._jobs.put(partial(self._take, epoch))
        return self._beat

    def _take(self, epoch: int) -> None:
        """This process polls from now on. Each record is written once, so that whoever had it can write it no more."""
        if self._epoch == epoch:
            return
        for trigger in self._triggers.values():
            try:
                self._write(trigger, epoch, partial(self._go_on, trigger))
                self._say(trigger.key, "")
            except Fenced:
                return
            except (OSError, ValueError, record.Full) as error:
                self._say(trigger.key, f"the record {trigger.key} cannot be taken: {error}")
        now = self._clock.monotonic()
        self._epoch = epoch
        with self._heap_lock:
            for trigger in self._triggers.values():
                trigger.due = now
                heapq.heappush(self._heap, (now, trigger.key))
        self._wake.set()

    def _go_on(self, trigger: _Trigger, read: Read) -> None:
        """One round has the numbers of the one before it; who polls on and on begins anew."""
        if self._early is None:
            return
        trigger.result = str(read.state.get("last_result") or "")
        trigger.consecutive_errors = int(read.state.get("consecutive_errors") or 0)
        trigger.error = read.state.get("last_error") if trigger.consecutive_errors else None

    def _say(self, of: str, problem_: str) -> None:
        if self._told.get(of, "") != problem_:
            self._told[of] = problem_
            if problem_:
                log.warning("%s", problem_)

    # due times -------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        while not self._stopping.is_set():
            seconds = self.step()
            if self._clock.wait(self._wake, seconds):
                self._wake.clear()

    def step(self) -> float:
        """Have polled what is due now; seconds until the next look. Called by one thread only."""
        now = self._clock.monotonic()
        if not self._lease.is_sure():
            return min(self._beat, _LOOK_SECONDS)
        for trigger, was_due in self._due(now):
            with trigger.lock:
                if trigger.busy:
                    continue
                trigger.busy = True
            trigger.tick = f"{self._epoch}.{trigger.ticks}"
            trigger.due_at = self._clock.now() - timedelta(seconds=now - was_due)
            self._jobs.put(partial(self._tick, trigger))
        with self._heap_lock:
            nearest = self._heap[0][0] if self._heap else now + _LOOK_SECONDS
        return max(0.0, min(nearest, now + _LOOK_SECONDS) - self._clock.monotonic())

    def _due(self, now: float) -> list[tuple[_Trigger, float]]:
        """The triggers that are due, with the tick that counts; each goes back with its next one."""
        found = []
        with self._heap_lock:
            while self._heap and self._heap[0][0] <= now:
                due, name = heapq.heappop(self._heap)
                trigger = self._triggers[name]
                if due != trigger.due:
                    continue  # taken anew with other times
                interval = trigger.declared.interval_milliseconds / 1000 if trigger.declared else _LOOK_SECONDS
                missed = int((now - due) // interval)
                trigger.ticks += 1 + missed
                if self._early is None:
                    trigger.due = due + (1 + missed) * interval
                    heapq.heappush(self._heap, (trigger.due, name))
                found.append((trigger, due + missed * interval))
        return found

    def _tick(self, trigger: _Trigger) -> None:
        is_asked = False
        trigger.is_left = False
        try:
            read = self._tended(trigger)
            self._say(trigger.key, "")
            if trigger.unclaimed is not None:  # the poll may have changed what it looks at
                fire, trigger.unclaimed = trigger.unclaimed, None
                self._claim(trigger, fire)
            elif read.enabled and self._is_due(trigger, read):
                if self._lease.is_sure() and self._is_ours():
                    self._serve(trigger, read.declared)
                    is_asked = trigger.is_polled = True
                    self._hosts.poll(self._file(read.declared), [read.declared.name])
                else:
                    trigger.is_left = True
        except Fenced as error:
            log.warning("%s", error)
        except (OSError, ValueError) as error:
            trigger.is_left = True
            self._say(trigger.key, f"poll {trigger.key}: {error}")
        finally:
            if not is_asked:
                self._rest(trigger)

    def _rest(self, trigger: _Trigger) -> None:
        """All that a tick brought about is done; of one round, there may be something left."""
        trigger.busy = False
        if self._early is None:
            return
        if trigger.is_left and trigger.tries < _TRIES:
            trigger.due = self._clock.monotonic() + 2.0**trigger.tries
            trigger.tries += 1
            with self._heap_lock:
                heapq.heappush(self._heap, (trigger.due, trigger.key))
            return
        self._done.add(trigger.key)
        if len(self._done) == len(self._triggers):
            self.finished.set()

    def _is_due(self, trigger: _Trigger, read: Read) -> bool:
        """Of one round, whether a trigger is due by its record; when it is due next is then known, too."""
        if self._early is None:
            return True
        if trigger.is_polled:
            return False
        now, interval = self._clock.now(), timedelta(milliseconds=read.declared.interval_milliseconds)
        early = timedelta(seconds=self._early)
        due = record.next_due(read.state, read.declared, early) or now
        if due > now + early:
            return False
        trigger.due_at = due
        trigger.next_due_at = due + max(1, (now - due) // interval + 1) * interval
        return True

    def _is_ours(self) -> bool:
        return self._epoch is not None and self._lease.epoch == self._epoch

    def _file(self, declared: Declaration) -> str:
        return os.path.join(self._root, declared.file)

    def _serve(self, trigger: _Trigger, declared: Declaration) -> None:
        """Have the file's process know its triggers, which are known when they have been read."""
        if trigger.served:
            return
        trigger.served = True
        self._by_name[declared.name] = trigger
        names = [
            item.declared.name
            for item in self._triggers.values()
            if item.served and item.declared is not None and item.declared.file == declared.file
        ]
        self._hosts.serve(self._file(declared), names)

    # what becomes of polls -------------------------------------------------------------------------------------------

    def wanted(self, name: str) -> bool:
        """Whether a poll that was asked for is still to be made."""
        return name in self._by_name and self._lease.is_sure() and self._is_ours() and not self._stopping.is_set()

    def begun(self, name: str) -> None:
        """A poll has begun."""
        self._by_name[name].poll_at = self._clock.now()

    def answered(self, name: str, answer: Answer | None) -> None:
        """A poll has ended; None: it was not made."""
        trigger = self._by_name[name]
        if answer is None:
            trigger.is_polled, trigger.is_left = False, True
            self._jobs.put(partial(self._rest, trigger))
        else:
            self._jobs.put(lambda: self._hear(trigger, answer))

    def down(self, names: Iterable[str], why: str, trace: str, seconds: float) -> None:
        """The process of these triggers has ended; the next one starts after so many seconds."""
        log.error("%s; the next one starts in %g s%s", why, seconds, f"\n{trace.rstrip()}" if trace else "")
        for name in names:
            self._is_down(self._by_name[name], why)

    def up(self, names: Iterable[str]) -> None:
        """The process of these triggers is ready."""
        for name in names:
            if self._by_name[name].down is not None:
                self._is_down(self._by_name[name], None)

    def printed(self, line: str) -> None:
        """A line that a file printed."""
        try:
            sys.stderr.write(line + "\n")
        except (OSError, ValueError):
            return  # nobody reads it

    def _is_down(self, trigger: _Trigger, why: str | None) -> None:
        trigger.down = why
        self._jobs.put(lambda: self._save(trigger))
        trigger.downs += why is not None
        if self._early is not None and trigger.downs >= _DOWN and trigger.busy:
            trigger.is_left = False
            self._jobs.put(partial(self._rest, trigger))

    def _hear(self, trigger: _Trigger, answer: Answer) -> None:
        try:
            if answer.result == "fire" and trigger.due_at is not None:
                self._claim(trigger, _Fire(answer.context or {}, trigger.tick, trigger.due_at))
            elif answer.result == "skip":
                self._note(trigger, "skip")
            else:
                self._report(trigger, answer.text, answer.trace)
        except Fenced as error:
            log.warning("%s", error)
        finally:
            self._rest(trigger)

    # fires -----------------------------------------------------------------------------------------------------------

    def _claim(self, trigger: _Trigger, fire: _Fire) -> None:
        """Store a fire, then start it. Raises Fenced; what cannot be stored now is kept."""
        declared = trigger.declared
        assert declared is not None
        against = problem(declared.target, fire.context, self._clock.now())
        if against is not None:
            self._report(trigger, f"ValueError: {against}")
            return
        digest = hash_of(declared.target, fire.context)
        made: list[dict[str, Any]] = []

        def change(read: Read) -> None:
            made.clear()
            known = record.by_tick(read.state, fire.tick)
            if known is not None:  # an answer to us was lost
                made.append(known)
            elif not record.blocked(read.state, declared.target, digest):
                arguments = (read.state, declared.target, fire.context, fire.tick, fire.due_at, self._clock.now())
                made.append(record.add(*arguments, partial(self._runs.name, read)))

        trigger.unclaimed = fire
        try:
            read = self._write(trigger, self._epoch, change)
        except record.Full as error:
            trigger.unclaimed = None
            self._report(trigger, f"{error}; the fire starts nothing")
            return
        except Fenced:
            trigger.unclaimed = None
            raise
        except (OSError, ValueError) as error:
            trigger.is_left = True
            self._report(trigger, f"the fire is not stored yet: {error}")
            return
        trigger.unclaimed = None
        if not made:
            self._note(trigger, "suppressed")
            return
        self._note(trigger, "fire", save=False)
        if made[0]["state"] == "claimed" and not self._is_paused(trigger, read):
            self._start(trigger, made[0]["name"])
        self._save(trigger)

    def _is_paused(self, trigger: _Trigger, read: Read) -> bool:
        """Also where nobody knows: what is claimed is started at a later tick."""
        try:
            return self._store.is_paused(read)
        except OSError as error:
            trigger.is_left = True
            self._say(f"{trigger.key}/paused", f"poll {trigger.key}: {error}")
            return True

    def _tended(self, trigger: _Trigger) -> Read:
        """The record, after what was claimed has been started, and what has ended is noted. Raises OSError, Fenced."""
        read = self._read(trigger)
        active = record.active(read.state)
        waiting = [claim for claim in active if claim["state"] == "claimed"]
        if waiting and not self._is_paused(trigger, read):
            for claim in waiting:
                self._start(trigger, claim["name"])
        asked = 0
        for claim in active:
            if claim["state"] == "claimed":
                continue
            asked += 1
            if asked > _ASKED_AT_ONCE and read.declared.target.allow_concurrent:
                continue
            end = self._runs.ended(claim)
            if end is not None and end[0] == UNKNOWN:
                if claim.get("error") != end[1]:
                    self._mark(trigger, claim["name"], self._unknown(end[1]))
            elif end is not None:
                self._mark(trigger, claim["name"], self._end(*end))
        return read

    def _start(self, trigger: _Trigger, name: str) -> None:
        """Start a claim that is stored, and note that. What nobody knows is looked at again at the next tick."""
        for _ in range(_ROUNDS):
            read = self._read(trigger)
            claim = next((item for item in read.state["claims"] if item["name"] == name), None)
            if claim is None or claim["state"] != "claimed":
                return
            try:
                what, why = self._runs.start(trigger.key, read, claim)
            except OSError as error:
                what, why = UNKNOWN, str(error)
            if what == STARTED:
                self._mark(trigger, name, lambda state, item: record.started(item, self._clock.now()))
                return
            if what == TAKEN:
                name = self._renamed(trigger, name)
                continue
            log.error("poll %s: %s", read.declared.name, why)
            trigger.is_left = what == UNKNOWN
            if what == REFUSED or claim.get("error") != why:
                self._mark(trigger, name, self._not_started(what, why))
            return

    def _not_started(self, what: str, why: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
        """What is noted of a claim that was not started."""

        def change(state: dict[str, Any], item: dict[str, Any]) -> None:
            item["attempts"] += 1
            if what == REFUSED:
                record.ended(state, item, "failed", self._clock.now(), why)
            else:
                item["error"] = why

        return change

    @staticmethod
    def _unknown(why: str | None) -> Callable[[dict[str, Any], dict[str, Any]], None]:
        return lambda state, item: item.update(error=why)

    def _end(self, how: str, why: str | None) -> Callable[[dict[str, Any], dict[str, Any]], None]:
        return lambda state, item: record.ended(state, item, how, self._clock.now(), why)

    def _renamed(self, trigger: _Trigger, name: str) -> str:
        """Another name for a claim whose own one belongs to a run of a deployment that has gone."""
        at_least = int(self._clock.now().timestamp())
        names: list[str] = []
        read = self._read(trigger)

        def change(state: dict[str, Any], item: dict[str, Any]) -> None:
            record.renamed(state, item, partial(self._runs.name, read), at_least)
            names.append(item["name"])

        self._mark(trigger, name, change)
        return names[-1] if names else name

    def _mark(self, trigger: _Trigger, name: str, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> None:
        """Write something about one claim. Raises Fenced, OSError."""

        def write(read: Read) -> None:
            for item in read.state["claims"]:
                if item["name"] == name:
                    change(read.state, item)
                    return

        self._write(trigger, self._epoch, write)

    # records ---------------------------------------------------------------------------------------------------------

    def _read(self, trigger: _Trigger) -> Read:
        read = self._store.read(trigger.key)
        trigger.declared = read.declared
        return read

    def _write(self, trigger: _Trigger, epoch: int | None, change: Callable[[Read], Any]) -> Read:
        """Change a record that is still ours. Raises Fenced where another process polls, OSError, Full."""
        for _ in range(_ROUNDS):
            read = self._read(trigger)
            if epoch is None or int(read.state["epoch"]) > epoch:
                raise Fenced(f"another process polls {read.declared.name} by now; this one writes nothing")
            change(read)
            read.state["epoch"] = epoch
            self._sum_up(trigger, read.state)
            if self._store.write(trigger.key, read):
                trigger.suppressed = 0
                trigger.saved, trigger.saved_at = trigger.news(), self._clock.monotonic()
                trigger.claims = len(read.state["claims"])
                return read
        raise OSError(f"the record {trigger.key} was changed by others {_ROUNDS} times")

    def _sum_up(self, trigger: _Trigger, state: dict[str, Any]) -> None:
        """What the last polls gave."""
        now = self._clock.now()
        state.setdefault("created_at", timestamp_text(now))
        if trigger.poll_at is not None and trigger.declared is not None:
            due_at = trigger.next_due_at or now + timedelta(seconds=trigger.due - self._clock.monotonic())
            record.polled(state, trigger.poll_at, due_at, trigger.declared)
        if trigger.result:
            state.update(last_result=trigger.result, consecutive_errors=trigger.consecutive_errors)
        if trigger.error is not None:
            state["last_error"] = trigger.error
        state["suppressed_count"] = int(state["suppressed_count"]) + trigger.suppressed
        state["down"] = trigger.down

    def _save(self, trigger: _Trigger, *, now: bool = False) -> None:
        """Write down what is news, or has waited long enough, or else would be lost (`now`)."""
        waited = self._clock.monotonic() - trigger.saved_at
        if not now and trigger.news() == trigger.saved and waited < self._save_seconds(trigger.claims):
            return
        try:
            self._write(trigger, self._epoch, lambda read: None)
        except (OSError, ValueError, record.Full, Fenced) as error:
            self._say(f"{trigger.key}/save", f"poll {trigger.key}: {error}")

    def _note(self, trigger: _Trigger, result: str, *, save: bool = True) -> None:
        trigger.result, trigger.error, trigger.consecutive_errors = result, None, 0
        trigger.suppressed += result == "suppressed"
        if save:
            self._save(trigger)

    def _report(self, trigger: _Trigger, text: str, trace: str = "") -> None:
        name = trigger.declared.name if trigger.declared else trigger.key
        repeated = trigger.error == text
        trigger.result, trigger.error = "error", text
        trigger.consecutive_errors += 1
        count = trigger.consecutive_errors
        if not repeated:
            log.error("poll %s failed: %s%s", name, text, f"\n{trace.rstrip()}" if trace else "")
        elif count & (count - 1) == 0:  # 2, 4, 8, ...: a log is not endless
            log.error("poll %s failed %d times in a row: %s", name, count, text)
        self._save(trigger)
