"""Engine: what the local engine costs, beside huey (tasks in an SQLite file).

In:   nothing; `--only latency|accepted|polls|memory`, `--seconds`.
Out:  a table for each question: from an event's acceptance to the start being issued; events accepted in a second,
      durably; processor time of 1,000 poll triggers; memory over 100,000 events.

Not here: how long Metaflow takes to begin a run: a no-op command stands in for the flow (`engine_child`).
"""

from __future__ import annotations

import argparse
import os
import sqlite3
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

from .family import family, processor_seconds, proportional_mib
from .latency import RATE, TICK, Child, at_rate, now_text, ours, quantile, wait_until
from .measure import table
from .peer import queue

THREADS = 32


def resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def quantiles(values: list[float]) -> list[str]:
    return [f"{quantile(values, part) * 1000:.1f}" for part in (0.5, 0.99, 1.0)]


def latency(folder: Path, seconds: float) -> None:
    """Ours and the peer's, one after the other, twice."""
    rows = []
    for turn in (1, 2):
        found, used = ours(str(folder / f"latency-{turn}.db"), seconds)
        rows.append(["ours", *quantiles(found), f"{used * 100:.0f} %", str(int(RATE * seconds) - len(found))])
        file = str(folder / f"latency-{turn}.huey")
        _, task = queue(file)
        with Child("huey", file) as peer:
            before = processor_seconds(peer.pid)
            accepted = at_rate(seconds, task)
            wait_until(lambda peer=peer, accepted=accepted: len(peer.seen) >= len(accepted))
            used = (processor_seconds(peer.pid) - before) / seconds
            found = [moment - accepted[identity] for identity, moment in list(peer.seen.items())]
            rows.append(["huey", *quantiles(found), f"{used * 100:.0f} %", str(len(accepted) - len(peer.seen))])
    print(f"accepted to issued, {RATE} events/s for {seconds:g} s\n")
    table(["milliseconds", "median", "p99", "greatest", "of a core", "not issued"], rows)


def _of_threads(seconds: float, accept: Callable[[], None]) -> float:
    """Calls in a second of THREADS threads."""
    counts = [0] * THREADS
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        while time.monotonic() < end:
            accept()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - begin)


def accepted(folder: Path, seconds: float) -> None:
    """Each returns when the event is on disk."""
    rows = []
    for turn in (1, 2):
        path = str(folder / f"accepted-{turn}.db")
        store.connect(path).close()
        appender = store.Appender(path)
        many = _of_threads(seconds, lambda it=appender: it.append("tick", TICK, str(uuid.uuid4()), now_text()))
        appender.close()
        connection = local_events.connect(path)
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            local_events.append_many(connection, [(str(uuid.uuid4()), "tick", "event", TICK, now_text())])
            count += 1
        connection.close()
        rows.append(["ours", f"{many:.0f}", f"{count / seconds:.0f}"])
        _, task = queue(str(folder / f"accepted-{turn}.huey"))
        peer = _of_threads(seconds, lambda task=task: task(str(uuid.uuid4())))
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            task(str(uuid.uuid4()))
            count += 1
        rows.append(["huey", f"{peer:.0f}", f"{count / seconds:.0f}"])
    rows.append(["write and fsync of 512 bytes", "", f"{_flushes(folder, seconds):.0f}"])
    print(f"durable events in a second, {seconds:g} s each\n")
    table(["", f"{THREADS} threads", "1 thread"], rows)


def _flushes(folder: Path, seconds: float) -> float:
    with (folder / "flushes").open("wb", buffering=0) as file:
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            file.write(b"x" * 512)
            os.fsync(file.fileno())
            count += 1
    return count / seconds


FLOW = """from metaflow import FlowSpec, step


class Polled(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Polled()
"""
POLL = """
@trigger(workflow="Polled", poll_interval="10s")
def poll_{number}():
    return TriggerResult.skip()
"""


def polls(folder: Path, seconds: float, many: int = 1000) -> None:
    """`metaflow-triggers run` itself, after its first round of polls."""
    (folder / "polled").mkdir()
    (folder / "polled" / "flow.py").write_text(FLOW)
    for file in range(20):
        functions = "".join(POLL.format(number=number) for number in range(file, many, 20))
        text = f"from metaflow_triggers.poll import TriggerResult, trigger\n{functions}"
        (folder / "polled" / f"polls_{file}.py").write_text(text)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "METAFLOW_USER": "benchmark"}
    command = [
        sys.executable,
        "-m",
        "metaflow_triggers.commands.cli",
        "run",
        str(folder / "polled"),
        "--database",
        "polls.db",
    ]
    log = folder / "polls.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        wait_until(lambda: "ready" in log.read_text() or process.poll() is not None, 120)
        time.sleep(15)
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-3000:])
        pids = family(process.pid)
        before, begin = [processor_seconds(pid) for pid in pids], time.monotonic()
        time.sleep(seconds)
        used = (sum(processor_seconds(pid) for pid in pids) - sum(before)) / (time.monotonic() - begin)
        memory = sum(proportional_mib(pid) for pid in pids)
        with sqlite3.connect(folder / "polls.db") as connection:
            (fresh,) = connection.execute(
                "SELECT count(*) FROM poll_triggers WHERE last_poll_at > ?",
                (local_events.timestamp_text(datetime.fromtimestamp(time.time() - 21, timezone.utc)),),
            ).fetchone()
        print(f"{many} poll triggers at 10 s, {seconds:g} s\n")
        table(
            ["", "processes", "of a core", "PSS, MiB", "of it the engine", "polled in the last 21 s"],
            [
                [
                    "ours",
                    str(len(pids)),
                    f"{used * 100:.1f} %",
                    f"{memory:.0f}",
                    f"{proportional_mib(process.pid):.0f}",
                    str(fresh),
                ]
            ],
        )
    finally:
        process.terminate()
        process.wait()


def memory(folder: Path, many: int = 100_000) -> None:
    """An engine that reads all events; one of a hundred starts something."""
    path = str(folder / "memory.db")
    store.connect(path).close()
    rows = []
    with Child("engine", path) as ours:
        connection = local_events.connect(path)
        size = 500
        for number in range(0, many, size):
            local_events.append_many(
                connection,
                [
                    (str(uuid.uuid4()), "tick", "event", TICK if place % 100 == 0 else '{"start":false}', now_text())
                    for place in range(size)
                ],
            )
            if (number + size) % (many // 5) == 0:
                done = (number + size) // 100
                wait_until(lambda done=done: len(ours.seen) >= done, 300)
                rows.append([f"{number + size}", f"{resident_mib(ours.pid):.1f}", str(len(ours.seen))])
        connection.close()
    print("memory of the engine\n")
    table(["events", "MiB", "starts"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=("latency", "accepted", "polls", "memory"))
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement (default: 20)")
    options = parser.parse_args()
    wanted = options.only or ["latency", "accepted", "polls", "memory"]
    print(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}\n")
    with tempfile.TemporaryDirectory() as folder:
        for what in wanted:
            measure = {"latency": latency, "accepted": accepted, "polls": polls}.get(what)
            if measure is None:
                memory(Path(folder))
            else:
                measure(Path(folder), options.seconds)


if __name__ == "__main__":
    main()
