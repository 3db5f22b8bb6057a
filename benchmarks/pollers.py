"""Pollers: what a cloud's poller costs with 500 poll triggers at 10 s, and how soon it starts what they find.

    python -m benchmarks.pollers [--on argo|aws] [--triggers 500] [--files 1] [--interval 10s] [--seconds 60]
        [--fires 400]

The process of the poller's container, or job, serves the triggers of one flow, with its lease and records in the tests'
Kubernetes stand-in or in moto, over HTTP (the clouds have TLS). These are this process, which is not measured. Each
poll asks whether a file exists. Such files come at random moments (of a fixed seed), one for a trigger at most; what is
started goes on running, so that the poller asks after it. Printed: processor time of the poller and all its children
over wall time (1 is a core), their proportional memory (the greatest of samples), and how long it took until the cloud
had a run: from the moment the file was there, and from the poll that saw it. moto answers one request at a time: where
it is at work all the time, latencies are its own. Ends with an error where a start is missing, or is one too many.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from metaflow_triggers.poll.intervals import milliseconds
from metaflow_triggers.polling.lease import SECONDS

from tests.worlds.argo import poll_world as on_argo
from tests.worlds.argo.kubernetes_stand_in import Key, KubernetesStandIn, Store
from tests.worlds.aws import poll_world as on_aws

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
_AWS_JOB = "import sys; from metaflow_triggers.polling.aws import serve; serve.main(sys.argv[1:])"
_PATIENCE_SECONDS = 60
"""How long beyond the interval a first poll, or a start, is waited for."""


@dataclass
class Poller:
    """One that is at work. `moments`: of each run, by its name, when it was there; `contexts`: what it was given."""

    pid: int
    polled: Callable[[], int]
    moments: dict[str, float]
    contexts: Callable[[], dict[str, dict[str, Any]]]
    logs: Callable[[], str]


@dataclass
class Timed(Store):
    """Knows when each Workflow was there."""

    moments: dict[str, float] = field(default_factory=dict)

    def create(self, key: Key, *rest: Any, **more: Any) -> Any:
        made = super().create(key, *rest, **more)
        if key[2] == "workflows":
            self.moments[key[3]] = time.monotonic()
        return made


@contextmanager
def argo(folder: Path, files: list[str], interval: int) -> Iterator[Poller]:
    """A trigger for each of `files`, in which it is declared."""
    declared = [
        replace(on_argo.poll(f"poll-{number}", interval=interval), file=file) for number, file in enumerate(files)
    ]
    store = Timed()

    def polled() -> int:
        with store.lock:
            return sum("last_result" in item.get("data", {}).get("state", "") for item in store.objects.values())

    with KubernetesStandIn(store) as server, on_argo.world(server, folder, "", declared) as made:

        def contexts() -> dict[str, dict[str, Any]]:
            names = [item["metadata"]["name"] for item in made.workflows()]
            return dict(zip(names, made.contexts(), strict=True))

        yield Poller(made.start(lease_seconds=SECONDS).pid, polled, store.moments, contexts, made.logs)


@contextmanager
def aws(folder: Path, files: list[str], interval: int) -> Iterator[Poller]:
    """A trigger for each of `files`, in which it is declared."""
    declared = [replace(on_aws.declared(f"poll-{number}", interval), file=file) for number, file in enumerate(files)]
    moments: dict[str, float] = {}
    seen: set[str] = set()

    def watch(when: str, operation: str, request: str) -> None:
        if when == "after" and operation == "StartExecution":
            moments.setdefault(json.loads(request.partition(" ")[2])["name"], time.monotonic())

    with on_aws.emulated() as server, on_aws.world(server, folder, declared, "\n") as made:
        server.front.watches.append(watch)

        def polled() -> int:
            for one in declared:
                if one.name not in seen and "last_result" in made.stored(f"trigger#{one.name}"):
                    seen.add(one.name)
            return len(seen)

        with (folder / "log-whole").open("wb") as log:
            made.whole = subprocess.Popen(
                [sys.executable, "-c", _AWS_JOB, *made.arguments(lease_seconds=SECONDS)],
                cwd=folder,
                env=server.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        yield Poller(
            made.whole.pid, polled, moments, lambda: dict(zip(made.runs(), made.contexts(), strict=True)), made.logs
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", choices=("argo", "aws"), default="argo")
    parser.add_argument("--triggers", type=int, default=500)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--interval", default="10s")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fires", type=int, default=400)
    options = parser.parse_args()
    if options.fires > options.triggers:
        parser.error("--fires: a trigger has one file at most")
    interval = milliseconds(options.interval)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flags").mkdir()
        for place in range(options.files):
            numbers = list(range(place, options.triggers, options.files))
            (folder / f"polls_{place}.py").write_text(FILE.format(interval=options.interval, numbers=numbers))
        files = [f"polls_{number % options.files}.py" for number in range(options.triggers)]
        with {"argo": argo, "aws": aws}[options.on](folder, files, interval) as poller:
            measure(poller, folder, options, interval / 1000)


def measure(poller: Poller, folder: Path, options: argparse.Namespace, interval: float) -> None:
    """From the moment when all triggers were polled."""
    wait(poller, lambda: poller.polled() == options.triggers, interval + _PATIENCE_SECONDS)
    pids = family(poller.pid)
    before, since, emulator = sum(map(processor_seconds, pids)), time.monotonic(), time.process_time()
    memory, sampled = 0.0, since
    chance = random.Random(19)
    moments = sorted(since + chance.random() * options.seconds for _ in range(options.fires))
    for moment, number in zip(moments, chance.sample(range(options.triggers), options.fires), strict=True):
        while (now := time.monotonic()) < moment:
            if now >= sampled:
                memory, sampled = max(memory, sum(map(proportional_mib, pids))), now + 5
            time.sleep(min(0.5, moment - now))
        new = folder / "new"
        new.write_text(str(time.monotonic()))
        new.replace(folder / "flags" / str(number))
    time.sleep(max(0.0, since + options.seconds - time.monotonic()))
    memory = max(memory, sum(map(proportional_mib, pids)))
    seconds, wall = sum(map(processor_seconds, pids)) - before, time.monotonic() - since
    emulator = time.process_time() - emulator
    if set(family(poller.pid)) != set(pids):
        sys.exit(f"processes have ended, or begun, meanwhile:\n{poller.logs()}")
    wait(poller, lambda: len(poller.moments) >= options.fires, interval + _PATIENCE_SECONDS)
    told = [(poller.moments[name], context) for name, context in poller.contexts().items()]
    numbers = {context["trigger"] for _, context in told}
    if len(told) != options.fires or len(numbers) != options.fires:
        sys.exit(f"{options.fires} files, {len(told)} starts of {len(numbers)} triggers:\n{poller.logs()}")
    print(f"{options.on}: {options.triggers} triggers in {options.files} files every {options.interval}, ", end="")
    print(f"{wall:.0f} s, {len(pids)} processes, Python {sys.version.split()[0]}")
    print(f"processor: {seconds:.2f} s = {seconds / wall:.3f} of a core; PSS {memory:.0f} MiB; ", end="")
    print(f"{len(told)} starts; the emulator beside it: {emulator / wall:.2f} of a core")
    print_times("file to start", [at - context["since"] for at, context in told])
    print_times("of it beyond the interval", [max(0.0, at - context["since"] - interval) for at, context in told])
    print_times("poll to start", [at - context["seen"] for at, context in told])


def wait(poller: Poller, until: Callable[[], bool], seconds: float) -> None:
    """Until it is so. Ends this program where it takes longer."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds:.0f} s:\n{poller.logs()}")
        time.sleep(0.2)


def print_times(what: str, values: list[float]) -> None:
    values = sorted(values)
    print(f"{what}, s: p50 {values[len(values) // 2]:.3f}, p99 {values[len(values) * 99 // 100]:.3f}, ", end="")
    print(f"greatest {values[-1]:.3f}")


if __name__ == "__main__":
    main()
