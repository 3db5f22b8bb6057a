"""Pollers: what the poller of a cluster costs with 500 poll triggers at 10 s, and how soon it starts what they find.

    python -m benchmarks.pollers [--triggers 500] [--files 1] [--interval 10s] [--seconds 60] [--fires 400]

The process of the poller's container serves the triggers of one flow, with its lease and records in the Kubernetes
stand-in of the tests, over HTTP (a cluster has TLS); the stand-in is this process, which is not measured. Each poll
asks whether a file exists. Such files come at random moments (of a fixed seed), one for a trigger at most; what is
started goes on running, so that the poller asks after it at each tick. Printed: processor time of the poller and all
its children over wall time (1 is a core), their proportional memory (the greatest of samples), requests, and how long
it took until the API server had a Workflow: from the moment the file was there, and from the poll that saw it. Ends
with an error where a start is missing, or there is one too many.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from metaflow_triggers.poll.intervals import milliseconds
from metaflow_triggers.polling.lease import SECONDS

from tests.worlds.argo.kubernetes_stand_in import Key, KubernetesStandIn, Store
from tests.worlds.argo.poll_world import PollWorld, poll, world

from .family import family, processor_seconds, proportional_mib

FILE = """
import os, time
from metaflow_triggers.poll import Context, TriggerResult, trigger


def make(number):
    @trigger(workflow="Polled", name=f"poll-{{number}}", poll_interval="{interval}")
    def polled():
        path = f"flags/{{number}}"
        if not os.path.exists(path):
            return TriggerResult.skip()
        with open(path) as file:
            since = float(file.read())
        os.unlink(path)
        return TriggerResult.fire(Context({{"trigger": number, "since": since, "seen": time.monotonic()}}))


for number in {numbers}:
    make(number)
"""
_PATIENCE_SECONDS = 30
"""How long beyond the interval a start is waited for."""


@dataclass
class Timed(Store):
    """Knows when each Workflow was there."""

    moments: dict[str, float] = field(default_factory=dict)

    def create(self, key: Key, *rest: Any, **more: Any) -> Any:
        made = super().create(key, *rest, **more)
        if key[2] == "workflows":
            self.moments[key[3]] = time.monotonic()
        return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--triggers", type=int, default=500)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--interval", default="10s")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fires", type=int, default=400)
    options = parser.parse_args()
    if options.fires > options.triggers:
        parser.error("--fires: a trigger has one file at most")
    interval = milliseconds(options.interval)
    declared = [
        replace(poll(f"poll-{number}", interval=interval), file=f"polls_{number % options.files}.py")
        for number in range(options.triggers)
    ]
    store = Timed()
    with tempfile.TemporaryDirectory() as name, KubernetesStandIn(store) as server:
        folder = Path(name)
        (folder / "flags").mkdir()
        for place in range(options.files):
            numbers = list(range(place, options.triggers, options.files))
            (folder / f"polls_{place}.py").write_text(FILE.format(interval=options.interval, numbers=numbers))
        with world(server, folder, "", declared) as made:
            measure(made, store, options, interval / 1000)


def measure(made: PollWorld, store: Timed, options: argparse.Namespace, interval: float) -> None:
    """From the moment when all triggers were polled."""
    pid = made.start(lease_seconds=SECONDS).pid
    wait(made, lambda: polled(store) == options.triggers, interval + _PATIENCE_SECONDS)
    pids = family(pid)
    before, since, requests = sum(map(processor_seconds, pids)), time.monotonic(), len(store.requests)
    memory, sampled = 0.0, since
    chance = random.Random(19)
    moments = sorted(since + chance.random() * options.seconds for _ in range(options.fires))
    for moment, number in zip(moments, chance.sample(range(options.triggers), options.fires), strict=True):
        while (now := time.monotonic()) < moment:
            if now >= sampled:
                memory, sampled = max(memory, sum(map(proportional_mib, pids))), now + 5
            time.sleep(min(0.5, moment - now))
        new = made.folder / "new"
        new.write_text(str(time.monotonic()))
        new.replace(made.folder / "flags" / str(number))
    time.sleep(max(0.0, since + options.seconds - time.monotonic()))
    memory = max(memory, sum(map(proportional_mib, pids)))
    seconds, wall = sum(map(processor_seconds, pids)) - before, time.monotonic() - since
    requests = len(store.requests) - requests
    if family(pid) != pids:
        sys.exit(f"processes have ended, or begun, meanwhile:\n{made.logs()}")
    wait(made, lambda: len(store.moments) >= options.fires, interval + _PATIENCE_SECONDS)
    names = [item["metadata"]["name"] for item in made.workflows()]
    told = [(store.moments[name], context) for name, context in zip(names, made.contexts(), strict=True)]
    numbers = {context["trigger"] for _, context in told}
    if len(told) != options.fires or len(numbers) != options.fires:
        sys.exit(f"{options.fires} files, {len(told)} starts of {len(numbers)} triggers:\n{made.logs()}")
    print(f"{options.triggers} triggers in {options.files} files every {options.interval}, {wall:.0f} s, ", end="")
    print(f"{len(pids)} processes, Python {sys.version.split()[0]}")
    print(f"processor: {seconds:.2f} s = {seconds / wall:.3f} of a core; PSS {memory:.0f} MiB", end="")
    print(f"; {requests / wall:.0f} requests a second, {len(told)} starts")
    print_times("file to start", [at - context["since"] for at, context in told])
    print_times("of it beyond the interval", [max(0.0, at - context["since"] - interval) for at, context in told])
    print_times("poll to start", [at - context["seen"] for at, context in told])


def polled(store: Timed) -> int:
    """How many triggers a poll is recorded of."""
    with store.lock:
        return sum("last_result" in item.get("data", {}).get("state", "") for item in store.objects.values())


def wait(made: PollWorld, until: Callable[[], bool], seconds: float) -> None:
    """Until it is so. Ends this program where it takes longer."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds:.0f} s:\n{made.logs()}")
        time.sleep(0.2)


def print_times(what: str, values: list[float]) -> None:
    values = sorted(values)
    print(f"{what}, s: p50 {values[len(values) // 2]:.3f}, p99 {values[len(values) * 99 // 100]:.3f}, ", end="")
    print(f"greatest {values[-1]:.3f}")


if __name__ == "__main__":
    main()
