"""Retention: file size and memory of an engine over many events, of which only so much is kept.

    python -m benchmarks.retention [--events 1000000] [--size-mib 64] [--seconds 2400] [--batch 500]

Events with a payload of 300 bytes are accepted in batches, no faster than they are read; one in a hundred starts
something (a no-op command), and the engine prunes as it does in `metaflow-triggers run`. It ends after so many events
or seconds. The ids of what went stay as hashes: the file grows by those, some 33 bytes for each event, and by nothing
else.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path

from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.engine import keep, store

from .family import processor_seconds
from .latency import Child, now_text
from .measure import table

PAYLOADS = ['{"start":%s,"text":"%s"}' % (word, "x" * 270) for word in ("false", "true")]  # noqa: UP031
MIB = 1 << 20
AHEAD = 20_000


def state(path: str, pid: int) -> list[str]:
    memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as connection:
        (ids,) = connection.execute("SELECT count(*) FROM forgotten").fetchone()
        (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
        (starts,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'starts'").fetchone() or (0,)
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    sizes = [Path(path + end).stat().st_size / MIB for end in ("", "-wal")]
    return [
        *(f"{size:.1f}" for size in sizes),
        f"{free * 4096 / MIB:.1f}",
        f"{memory:.1f}",
        *map(str, (events, ids, starts)),
    ]


def wait_for_reader(connection: sqlite3.Connection, done: int) -> None:
    """What has not been read is not pruned: the engine is let come near."""
    while done - connection.execute("SELECT coalesce(max(sequence), 0) FROM cursors").fetchone()[0] > AHEAD:
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--size-mib", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2400)
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "retention.db")
        with closing(store.connect(path)) as connection:
            keep.write(connection, keep.Keep(size=options.size_mib * MIB))
        columns = [
            "accepted",
            "seconds",
            "file, MiB",
            "log before it",
            "of it free",
            "memory",
            "events",
            "ids",
            "starts",
        ]
        rows = []
        begin, done, step = time.monotonic(), 0, max(options.batch, options.events // 20)
        with Child("keeping", path) as engine, closing(local_events.connect(path)) as connection:
            while done < options.events and time.monotonic() - begin < options.seconds:
                moment = now_text()
                batch = [
                    (str(uuid.uuid4()), "tick", "event", PAYLOADS[place % 100 == 0], moment)
                    for place in range(options.batch)
                ]
                done += local_events.append_many(connection, batch)
                if done % 5000 < options.batch:
                    wait_for_reader(connection, done)
                if done % step < options.batch:
                    rows.append([str(done), f"{time.monotonic() - begin:.0f}", *state(path, engine.pid)])
                    print(*rows[-1], flush=True)
            seconds = time.monotonic() - begin
            time.sleep(15)
            rows.append([str(done), f"{time.monotonic() - begin:.0f}", *state(path, engine.pid)])
            used = processor_seconds(engine.pid)
    print(
        f"\n{done} events in {seconds:.0f} s, kept up to {options.size_mib} MiB; the engine: {used:.0f} s of a core\n"
    )
    table(columns, rows)


if __name__ == "__main__":
    main()
