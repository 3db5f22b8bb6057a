"""Poll campaign: a poller that is killed again and again, before and after each request that it makes.

In:   the emulator, how many kills in each state, a seed, how many flows at once.
Out:  what the executions say: fires that started nothing, started twice, or beside a run of an equal context.

Not here: what the poller has written down of itself: it is judged by what was started.
The polled source is a folder of numbered items; each stays the answer of every poll until a run of it was started, as
in a poll that peeks. So an item without an execution is lost, one with two is doubled. Another trigger takes, and gives
nothing twice: two executions of it are doubled, too. The killed processes are forks of one that has imported boto3;
whenever one has ended another is started, as the watchdog and Batch do.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from .poll_world import Fault, PollWorld, Process, Server, declared, world

OPERATIONS = {
    "lease is written": "UpdateItem",
    "record is taken": "UpdateItem",
    "claim is stored": "UpdateItem",
    "document is stored": "PUT S3",
    "execution is started": "StartExecution",
}
LOST = ("answer to the claim lost", "answer to the document lost", "answer to the execution lost")
STATES = (
    *(f"{when} the {what}" for what in OPERATIONS for when in ("before", "after")),
    *LOST,
    "start noted",
    "polling",
    "stopped, and woken late",
)
"""Where the process is killed; in three of them it is the answer that does not arrive, in the last it sleeps."""
ROUNDS = tuple(state for state in STATES if state != "stopped, and woken late")
"""The same of a job that polls once: another one begins when it has ended."""
LEASE_SECONDS = 1.2

TEXT = """
import os, time
from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger("Polled", name="items")
def items():
    with open("polling", "a") as file:
        file.write("x")
    waiting = [name for name in sorted(os.listdir("items")) if not name.startswith(".")]
    return TriggerResult.fire(Context({"item": waiting[0]})) if waiting else TriggerResult.skip()


@trigger("Polled", name="again")
def again():
    return TriggerResult.fire(Context({"same": "always"}))


@trigger("Polled", name="queue", allow_concurrent=True)
def queue():
    number = time.time_ns()
    return TriggerResult.fire(Context({"taken": number})) if number // 1000 % 2 else TriggerResult.skip()
"""


@dataclass
class Told:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    items: int = 0
    executions: int = 0
    lost: int = 0
    doubled: int = 0
    overlapping: int = 0

    def add(self, other: Told) -> None:
        self.kills += other.kills
        for name in ("items", "executions", "lost", "doubled", "overlapping"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def report(told: Told) -> str:
    """Words for people."""
    lines = [f"{count:4} {state}" for state, count in told.kills.items()]
    judged = f"{told.lost} lost, {told.doubled} doubled, {told.overlapping} overlapping"
    return "\n".join(
        [*lines, f"{told.kills.total()} kills, {told.items} items, {told.executions} executions: {judged}"]
    )


class _Keeper(threading.Thread):
    """Whenever the process has ended another one is started; ends runs a while after they began."""

    def __init__(self, here: PollWorld, more: tuple[str, ...], chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._here, self._more, self._chance = here, more, chance
        self._stop_it = threading.Event()
        self._lock = threading.Lock()
        self.process = self._begun()
        self.ends: dict[str, float] = {}
        self.order: list[tuple[str, str]] = []
        """("began" or "ended", name of the execution), as the emulator has it."""
        here.server.front.watches.append(self._seen)

    def _begun(self) -> Process:
        return self._here.start(*self._more, lease_seconds=LEASE_SECONDS)

    def _seen(self, when: str, operation: str, request: str) -> None:
        if (when, operation) != ("after", "StartExecution") or f':{self._here.deployed}"' not in request:
            return
        known = {name for _, name in self.order}
        self.order += [("began", name) for name in self._here.runs() if name not in known]

    def run(self) -> None:
        while not self._stop_it.wait(0.02):
            with self._lock:
                if not self.process.is_there():
                    self.process = self._begun()
            self.end_runs()

    def end_runs(self) -> None:
        """As Step Functions and the flow do."""
        now = time.monotonic()
        for name in self._here.runs():
            if name not in self.ends:
                self.ends[name] = now + self._chance.uniform(0.2, 1.0)
                item = self._here.document(name)["events"][0]["event"]["payload"].get("item")
                if item is not None:
                    (self._here.folder / "items" / item).unlink(missing_ok=True)
            elif now >= self.ends[name] and ("ended", name) not in self.order:
                with self._here.server.front.lock:
                    self._here.end_run(name)
                    self.order.append(("ended", name))

    def replaced(self) -> Process:
        """Start one beside the one that is there, which it gives."""
        with self._lock:
            former, self.process = self.process, self._begun()
        return former

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self._stop_it.set()
        self.join()
        self._here.server.front.watches.remove(self._seen)
        self.kill()


class _Harm:
    """Kills when a request of the right kind comes by."""

    def __init__(self, here: PollWorld, keeper: _Keeper) -> None:
        self._here, self._keeper = here, keeper
        self._state: str | None = None
        self._done = threading.Event()
        self._was: dict[str, Any] = {}
        here.server.front.watches.append(self._seen)

    def stop(self) -> None:
        self._here.server.front.watches.remove(self._seen)

    def wait_for(self, state: str, seconds: float) -> bool:
        """Kill in this state; whether it came to that."""
        self._done.clear()
        with self._here.server.front.lock:
            self._state = state
        if state.endswith("record is taken"):  # which is done once by each process
            self._keeper.kill()
        done = self._done.wait(seconds)
        with self._here.server.front.lock:
            self._state = None
        return done

    def lose(self, state: str, until: Callable[[Callable[[], bool]], Any]) -> None:
        """Have the answer not arrive, also at the client's second try."""
        word = state.split()[3]
        kind = next(one for one in OPERATIONS if one.startswith(word))
        deployed = self._here.deployed
        text = {"claim": "claimed", "document": f"/{deployed}/", "execution": f':{deployed}"'}
        fault = Fault(OPERATIONS[kind], text=text[word], also=deployed, after=True, times=2)
        self._here.server.front.faults.append(fault)
        until(lambda: not fault.times)
        with self._here.server.front.lock:
            self._here.server.front.faults.remove(fault)

    def _kind(self, when: str, operation: str, request: str) -> str:
        here = self._here
        if operation == "StartExecution" and f':{here.deployed}"' in request:
            return "execution is started"
        if operation == "PUT S3" and f"/{here.deployed}/" in request:
            return "document is stored"
        if operation != "UpdateItem" or f'"{here.table}"' not in request:
            return ""
        body = json.loads(request.partition(" ")[2])
        key = body["Key"]["pk"]["S"]
        if key == "lease":
            return "lease is written"
        texts = (value.get("S", "") for value in body["ExpressionAttributeValues"].values())
        state = next(json.loads(text) for text in texts if text.startswith('{"claims"'))
        if when == "before":
            self._was = here.stored(key)
        was = self._was
        if state["epoch"] != was.get("epoch"):
            return "record is taken"
        if state["generation"] != was["generation"]:
            return "claim is stored"
        started = [sum("run_started_at" in claim for claim in one["claims"]) for one in (was, state)]
        return "start noted" if started[0] != started[1] else ""

    def _seen(self, when: str, operation: str, request: str) -> None:
        if self._state is None:
            return
        kind = self._kind(when, operation, request)
        noted = kind == "start noted" and when == "after"
        if self._state == f"{when} the {kind}" or (self._state == "start noted" and noted):
            self._keeper.kill()
            self._state = None
            self._done.set()


def run(
    server: Server, folder: Path, kills_in_each_state: int, seed: int, *, flows: int = 1, once: bool = False
) -> Told:
    """Do it, with so many flows at once, which share the kills."""
    whole, wrong = Told(), []
    todo = [state for state in (ROUNDS if once else STATES) for _ in range(kills_in_each_state)]
    random.Random(seed).shuffle(todo)
    lock = threading.Lock()

    def one(number: int) -> None:
        place = folder / f"flow-{number}"
        (place / "items").mkdir(parents=True)
        try:
            told = _one(server, place, todo, random.Random(seed + number), once)
        except BaseException as error:  # told by the thread that waits
            wrong.append(error)
            return
        with lock:
            whole.add(told)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(flows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return whole


def _one(server: Server, folder: Path, todo: list[str], chance: random.Random, once: bool) -> Told:
    told = Told()
    milliseconds = 900_000 if once else 200
    polls = [declared(name, milliseconds, allow_concurrent=name == "queue") for name in ("items", "again", "queue")]
    more = ("--once", "--early-seconds", "1e9") if once else ()
    with world(server, folder, polls, TEXT) as here:
        keeper = _Keeper(here, more, chance)
        keeper.start()
        harm = _Harm(here, keeper)
        try:
            while todo:
                state = todo.pop()
                if not any((folder / "items").iterdir()):
                    _new_item(folder, told)
                _harm_once(here, keeper, harm, state, chance)
                told.kills[state] += 1
            _new_item(folder, told)
            here.until(lambda: not any((folder / "items").iterdir()), 120)
            time.sleep(3 * LEASE_SECONDS)
        finally:
            harm.stop()
            keeper.stop()
        _judge(here, keeper, told)
    return told


def _new_item(folder: Path, told: Told) -> None:
    (folder / "items" / f"item-{told.items:04}").write_text("")
    told.items += 1


def _harm_once(here: PollWorld, keeper: _Keeper, harm: _Harm, state: str, chance: random.Random) -> None:
    if state == "polling":
        mark = here.folder / "polling"
        size = mark.stat().st_size if mark.exists() else 0
        here.until(lambda: mark.exists() and mark.stat().st_size > size, 60)
        keeper.kill()
    elif state == "stopped, and woken late":
        here.until(lambda: _holder(here, keeper.process.pid), 60)
        time.sleep(chance.uniform(0, 0.5))
        keeper.process.send_signal(signal.SIGSTOP)
        former = keeper.replaced()
        here.until(lambda: _holder(here, keeper.process.pid), 60)
        former.send_signal(signal.SIGCONT)
        former.wait(60)  # it finds that another one polls
    elif state in LOST:
        harm.lose(state, lambda what: here.until(what, 60))
    else:
        assert harm.wait_for(state, 60), f"{state}: {here.logs()}"


def _holder(here: PollWorld, pid: int) -> bool:
    """Whether this process polls, and has taken the records."""
    lease = here.item("lease")
    taken = {str(here.state(one.name).get("epoch")) for one in here.polls} == {lease.get("epoch")}
    return taken and lease["holder"].endswith(f"-{pid}")


def _judge(here: PollWorld, keeper: _Keeper, told: Told) -> None:
    names = here.runs()
    assert [name for what, name in keeper.order if what == "began"] == names
    told.executions = len(names)
    by_context: dict[str, list[str]] = {}
    for name in names:
        payload = here.document(name)["events"][0]["event"]["payload"]
        given = {key: value for key, value in payload.items() if key not in ("trigger_name", "triggered_at")}
        by_context.setdefault(json.dumps(given), []).append(name)
    counts = [len(by_context.get(json.dumps({"item": f"item-{number:04}"}), ())) for number in range(told.items)]
    told.lost = counts.count(0)
    told.doubled = sum(
        len(equal) - 1 for given, equal in by_context.items() if "same" not in json.loads(given) and len(equal) > 1
    )
    at = {what: number for number, what in enumerate(keeper.order)}
    for equal in by_context.values():
        for before, after in pairwise(equal):
            end = at.get(("ended", before))
            told.overlapping += end is None or at["began", after] < end
