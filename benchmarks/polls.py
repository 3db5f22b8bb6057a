"""Polls: what 1,000 poll triggers in 20 files at 10 s cost, and how late they are.

    python -m benchmarks.polls [--triggers 1000] [--files 20] [--interval 10s] [--seconds 60] [--fire-every N]

A process of its own serves the triggers on a new database, through the engine's own poller; each file is polled by a
process, as in the engine. Each poll asks whether a file exists and skips, or, with --fire-every, fires at every Nth
poll. Printed: processor time of all processes over wall time (100 % is one core), their proportional memory, polls, and
how much later than due a poll began. `python -m benchmarks.engine --only polls` asks the same of the whole command.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from metaflow_triggers.engine import store
from metaflow_triggers.engine.polls.poller import Poller
from metaflow_triggers.engine.polls.work import PolledTrigger
from metaflow_triggers.poll.intervals import milliseconds
from metaflow_triggers.polling.children import Children
from metaflow_triggers.polling.clock import SystemClock
from metaflow_triggers.polling.fires import Target
from metaflow_triggers.polling.starters import starter

from .family import family, processor_seconds, proportional_mib

FILE = """
import os, time
from metaflow_triggers.poll import Context, TriggerResult, trigger


def make(number):
    @trigger(workflow="Flow", name=f"poll-{{number}}", poll_interval="{interval}")
    def poll():
        counts[number] = counts.get(number, 0) + 1
        os.write(1, f"{{time.monotonic()}}\\n".encode())
        if {every} and counts[number] % {every} == 0:
            return TriggerResult.fire(Context({{"trigger": number, "poll": counts[number]}}))
        os.path.exists("/nowhere/flag")
        return TriggerResult.skip()


counts = {{}}
for number in {numbers}:
    make(number)
"""


class Listening(Poller):
    """Keeps the moments that polls print."""

    def printed(self, line: str) -> None:
        self.moments.append(float(line))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--triggers", type=int, default=1000)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--interval", default="10s")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fire-every", type=int, default=0)
    options = parser.parse_args()
    interval = milliseconds(options.interval)
    with tempfile.TemporaryDirectory() as folder:
        triggers = []
        for place in range(options.files):
            numbers = list(range(place, options.triggers, options.files))
            file = Path(folder) / f"polls_{place}.py"
            file.write_text(FILE.format(interval=options.interval, every=options.fire_every, numbers=numbers))
            triggers += [
                PolledTrigger(str(file), Target(f"poll-{number}", "Flow", "Flow", ()), options.interval, interval)
                for number in numbers
            ]
        database = str(Path(folder) / "engine.db")
        children = Children(starter(("metaflow",), dict(os.environ)), SystemClock())
        poller = Listening(database, triggers, SystemClock(), children)
        poller.moments = []
        poller.start()
        begin = time.monotonic()
        while len(poller.moments) < options.triggers:  # all files are imported, all triggers were polled
            time.sleep(0.1)
        pids = family(os.getpid())
        before, since = sum(map(processor_seconds, pids)), time.monotonic()
        poller.moments.clear()
        time.sleep(options.seconds)
        seconds, wall = sum(map(processor_seconds, pids)) - before, time.monotonic() - since
        memory = sum(map(proportional_mib, pids))
        poller.stop()
        starts = starts_of(database)
    # All are due at once, on a grid that begins with the start.
    late = sorted((moment - begin) % (interval / 1000) for moment in poller.moments)
    print(f"{options.triggers} triggers in {options.files} files every {options.interval}, {wall:.0f} s, ", end="")
    print(f"{len(pids)} processes, Python {sys.version.split()[0]}")
    print(f"processor: {seconds:.2f} s = {100 * seconds / wall:.2f} % of a core; PSS {memory:.0f} MiB")
    each = 1e6 * seconds / max(1, len(late))
    print(f"polls: {len(late)}, starts: {starts}, per poll {each:.0f} us of processor time")
    print(f"later than due, ms: p50 {1000 * late[len(late) // 2]:.1f}, p99 {1000 * late[len(late) * 99 // 100]:.1f}")


def starts_of(path: str) -> int:
    connection = store.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM starts").fetchone()
    connection.close()
    return int(count)


if __name__ == "__main__":
    main()
