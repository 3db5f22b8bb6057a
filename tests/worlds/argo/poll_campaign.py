"""Poll campaign: a poller that is killed again and again, before and after each request that it makes.

In:   the stand-in, how many kills in each state, a seed.
Out:  what the Workflow objects say: fires that started nothing, started twice, or beside a run of an equal context.

Not here: what the poller has written down of itself: it is judged by what was started.
The polled source is a list of numbered items; each stays the answer of every poll until a run of it was started, as in
a poll that peeks. So an item without a Workflow is lost, one with two is doubled.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.plugins.argo_source import document_of

from .kubernetes_stand_in import Fault, KubernetesStandIn
from .poll_world import Ending, PollWorld, poll, world

STATES = (
    "before the lease is written",
    "after the lease is written",
    "before the claim is stored",
    "after the claim is stored",
    "before the workflow is made",
    "after the workflow is made",
    "answer to the claim lost",
    "answer to the workflow lost",
    "start noted",
    "polling",
    "stopped, and woken late",
)
"""Where the process is killed; in two of them it is the answer that does not arrive, in the last it sleeps."""

TEXT = """
import json, os, time
from metaflow_triggers.poll import Context, TriggerResult, trigger


def first(folder):
    with open("polling", "a") as file:
        file.write("x")
    waiting = [name for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    return TriggerResult.fire(Context({"item": waiting[0]})) if waiting else TriggerResult.skip()


@trigger("Polled", name="items", poll_interval="1s")
def items():
    return first("items")


@trigger("Polled", name="again", poll_interval="1s")
def again():
    return TriggerResult.fire(Context({"same": "always"}))
"""


@dataclass
class Told:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    items: int = 0
    workflows: int = 0
    lost: int = 0
    doubled: int = 0
    overlapping: int = 0
    seconds: float = 0.0


def report(told: Told) -> str:
    """Words for people."""
    lines = [f"{told.kills[state]:4} {state}" for state in STATES]
    judged = f"{told.lost} lost, {told.doubled} doubled, {told.overlapping} overlapping"
    return "\n".join(
        [*lines, f"{sum(told.kills.values())} kills, {told.items} items, {told.workflows} workflows: {judged}"]
    )


class _Harm:
    """Kills when a request of the right kind comes by."""

    def __init__(self, here: PollWorld, told: Told) -> None:
        self.here, self.told = here, told
        self.state: str | None = None
        self.done = threading.Event()
        self.lock = threading.Lock()
        here.server.store.watch = self.seen

    def wait_for(self, state: str, seconds: float) -> bool:
        self.done.clear()
        with self.lock:
            self.state = state
            if state.startswith("answer to the claim"):
                self.here.server.store.faults = [Fault("PUT", "configmaps", 0, after=True)]
            if state.startswith("answer to the workflow"):
                self.here.server.store.faults = [Fault("POST", "workflows", 0, after=True)]
        return self.done.wait(seconds)

    def seen(self, when: str, method: str, path: str) -> None:
        what = {"leases": "lease is written", "configmaps": "claim is stored", "workflows": "workflow is made"}
        kind = next((words for plural, words in what.items() if f"/{plural}" in path), "")
        if method not in ("PUT", "POST") or not kind:
            return
        with self.lock:
            if self.state == f"{when} the {kind}" or (
                self.state == "start noted" and (when, kind) == ("after", "claim is stored")
            ):
                self.hit()
            elif (self.state or "").startswith("answer to") and when == "after" and not self.left():
                self.hit(kill=False)

    def left(self) -> bool:
        return any(fault.times for fault in self.here.server.store.faults)

    def hit(self, kill: bool = True) -> None:
        assert self.state is not None
        if kill:
            self.here.processes[-1].kill()
        self.told.kills[self.state] += 1
        self.state = None
        self.done.set()


def run(server: KubernetesStandIn, folder: Path, kills_in_each_state: int, seed: int) -> Told:
    """Do it."""
    told, chance, begun = Told(), random.Random(seed), time.monotonic()
    (folder / "items").mkdir()
    with world(server, folder, TEXT, [poll("items"), poll("again")]) as here:

        def take(workflow: dict[str, Any]) -> None:
            name = _given(workflow).get("item")
            if name is not None:
                (folder / "items" / name).unlink(missing_ok=True)

        ending = Ending(here, lambda: chance.uniform(1.0, 2.5), take)
        ending.start()
        harm = _Harm(here, told)
        _start(here)
        todo = [state for state in STATES for _ in range(kills_in_each_state)]
        chance.shuffle(todo)
        for state in todo:
            if not any((folder / "items").iterdir()):
                _new_item(folder, told)
            _harm_once(here, harm, state, chance)
        _new_item(folder, told)
        here.until(lambda: not any((folder / "items").iterdir()), 120)
        time.sleep(2)
        ending.stop()
        _judge(here, ending, told)
    told.seconds = time.monotonic() - begun
    return told


def _start(here: PollWorld, holder: str = "one") -> subprocess.Popen[bytes]:
    return here.start(holder)


def _new_item(folder: Path, told: Told) -> None:
    (folder / "items" / f"item-{told.items:04}").write_text("")
    told.items += 1


def _harm_once(here: PollWorld, harm: _Harm, state: str, chance: random.Random) -> None:
    process = here.processes[-1]
    if state == "polling":
        mark = here.folder / "polling"
        size = mark.stat().st_size if mark.exists() else 0
        here.until(lambda: mark.exists() and mark.stat().st_size > size)
        process.kill()
        harm.told.kills[state] += 1
    elif state == "stopped, and woken late":
        epoch = int(here.state("items").get("epoch", 0))
        time.sleep(chance.uniform(0, 1))
        process.send_signal(signal.SIGSTOP)
        _start(here, f"holder-{chance.random()}")
        here.until(lambda: int(here.state("items").get("epoch", 0)) > epoch)
        process.send_signal(signal.SIGCONT)
        time.sleep(1)
        harm.told.kills[state] += 1
        process.kill()
        process.wait()
        return
    else:
        assert harm.wait_for(state, 60), f"{state}: {here.logs()}"
        if state.startswith("answer to"):
            return
    process.wait()
    _start(here, next(_holders))


_holders: Any = iter(["one"] * 100000)


def _given(workflow: dict[str, Any]) -> dict[str, Any]:
    told = document_of(workflow)
    assert told is not None
    payload = told["events"][0]["event"]["payload"]
    return {key: value for key, value in payload.items() if key not in ("trigger_name", "triggered_at")}


def _judge(here: PollWorld, ending: Ending, told: Told) -> None:
    made = here.workflows()
    told.workflows = len(made)
    by_context: dict[str, list[dict[str, Any]]] = {}
    for item in made:
        by_context.setdefault(json.dumps(_given(item)), []).append(item)
    counts = [len(by_context.get(json.dumps({"item": f"item-{number:04}"}), ())) for number in range(told.items)]
    told.lost, told.doubled = counts.count(0), sum(count - 1 for count in counts if count > 1)
    for items in by_context.values():
        for before, after in pairwise(items):
            number = ending.ended.get(before["metadata"]["name"])
            made_at = int(after["metadata"]["uid"].rpartition("-")[2])
            told.overlapping += number is None or made_at <= number
