"""Polls: what 1,000 poll triggers at 10 s cost a processor, and how late they are.

    python -m benchmarks.polls [--triggers 1000] [--interval 10s] [--seconds 60] [--fire-every N]

A process of its own serves the triggers on a new database, through the engine's own poller and pool. Each poll asks
whether a file exists and skips, or, with --fire-every, fires at every Nth poll. Printed: processor time of the whole
process over wall time (100 % is one core), polls, and how much later than due a poll began.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from metaflow_triggers.engine.clock import SystemClock
from metaflow_triggers.engine.polls.claims import Target
from metaflow_triggers.engine.polls.poller import Poller
from metaflow_triggers.engine.polls.pool import PollPool
from metaflow_triggers.engine.polls.work import PolledTrigger
from metaflow_triggers.poll import Context, TriggerResult
from metaflow_triggers.poll.intervals import milliseconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--triggers", type=int, default=1000)
    parser.add_argument("--interval", default="10s")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fire-every", type=int, default=0)
    options = parser.parse_args()
    interval = milliseconds(options.interval)
    begun: list[float] = []

    def poll_of(number: int):
        count = 0

        def poll() -> TriggerResult:
            nonlocal count
            count += 1
            begun.append(time.monotonic())
            if options.fire_every and count % options.fire_every == 0:
                return TriggerResult.fire(Context({"trigger": number, "poll": count}))
            os.path.exists("/nowhere/flag")
            return TriggerResult.skip()

        return poll

    with tempfile.TemporaryDirectory() as folder:
        triggers = [
            PolledTrigger(poll_of(number), Target(f"poll-{number}", "Flow", "Flow", ()), options.interval, interval)
            for number in range(options.triggers)
        ]
        poller = Poller(str(Path(folder) / "engine.db"), triggers, SystemClock(), PollPool())
        before, begin = used(), time.monotonic()
        poller.start()
        time.sleep(options.seconds)
        seconds, wall = used() - before, time.monotonic() - begin
        poller.stop()
        starts = poller_starts(str(Path(folder) / "engine.db"))
    # All are due at once, on a grid that begins with the start.
    late = sorted((moment - begin) % (interval / 1000) for moment in begun)
    print(f"{options.triggers} triggers every {options.interval}, {wall:.0f} s, Python {sys.version.split()[0]}")
    print(f"processor: {seconds:.2f} s = {100 * seconds / wall:.2f} % of a core")
    each = 1e6 * seconds / max(1, len(begun))
    print(f"polls: {len(begun)}, starts: {starts}, per poll {each:.0f} us of processor time")
    print(f"later than due, ms: p50 {1000 * late[len(late) // 2]:.1f}, p99 {1000 * late[len(late) * 99 // 100]:.1f}")


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def poller_starts(path: str) -> int:
    from metaflow_triggers.engine import store

    connection = store.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM starts").fetchone()
    connection.close()
    return int(count)


if __name__ == "__main__":
    main()
