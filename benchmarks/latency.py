"""Latency: from an event's acceptance to the start being issued, of this build or of another one.

In:   as a module: a folder, seconds. As a script, with the Python and in the folder of a build: seconds.
Out:  the seconds of each event, how much of a core the engine took; the script prints them as JSON.

Not here: judging. Only names that earlier builds have, too, are used, so that `beside` can ask those.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.engine import store

TICK = '{"start":true}'
RATE = 100


class Child:
    """One process of `engine_child`; `seen` holds what it printed: name -> time."""

    def __init__(self, what: str, file: str) -> None:
        self.seen: dict[str, float] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine_child", what, file], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "ready\n"
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        for line in self._process.stdout:
            name, moment = line.split()
            self.seen[name] = float(moment)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.kill()
        self._process.wait()


def now_text() -> str:
    return local_events.timestamp_text(datetime.now(timezone.utc))


def processor_seconds(pid: int) -> float:
    """Of one process so far, from Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def at_rate(seconds: float, accept: Callable[[str], object]) -> dict[str, float]:
    """Call `accept` with new ids at a steady rate; id -> when it returned."""
    accepted = {}
    begin = time.monotonic()
    for number in range(int(RATE * seconds)):
        time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
        identity = str(uuid.uuid4())
        accept(identity)
        accepted[identity] = time.time()
    return accepted


def wait_until(there: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there() and time.monotonic() < end:
        time.sleep(0.1)


def ours(path: str, seconds: float) -> tuple[list[float], float]:
    """(seconds of each event that was issued, part of a core that the engine took), on a new database."""
    store.connect(path).close()
    connection = local_events.connect(path)

    def accept(identity: str) -> None:
        local_events.append_many(connection, [(identity, "tick", "event", TICK, now_text())])

    with Child("engine", path) as engine:
        before = processor_seconds(engine.pid)
        accepted = at_rate(seconds, accept)
        wait_until(lambda: len(engine.seen) >= len(accepted))
        used = (processor_seconds(engine.pid) - before) / seconds
        event_of = {
            str(start): identity.removeprefix("tick/")
            for start, identity in connection.execute(
                "SELECT starts.id, events.id FROM starts JOIN events"
                " ON starts.start_key = 'event/' || events.id WHERE events.kind = 'event'"
            )
        }
        found = [moment - accepted[event_of[start]] for start, moment in list(engine.seen.items())]
    connection.close()
    return found, used


def quantile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(ours(str(Path(folder) / "latency.db"), float(sys.argv[1]))), flush=True)


if __name__ == "__main__":
    main()
