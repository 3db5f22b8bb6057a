"""Page: what the engine's page costs the engine, and a browser.

    python -m benchmarks.page [--rounds 4] [--seconds 15] [--only rate|drain|memory] [--reader]

In turns (A/B/B/A) without a page and with one that is open in headless Chromium (a plain reader of its stream where
there is none, or with `--reader`): 1,000 events a second, of which one in a hundred starts something; and 100,000
events that lie there when the engine begins. Then the browser's memory over 100,000 events that come. Processor time
stands beside the clock's: on a machine that does other work the clock tells of that.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.engine import store
from metaflow_triggers.engine.observe import Observer
from metaflow_triggers.engine.page import address
from metaflow_triggers.engine.page.beside import served
from metaflow_triggers.graph.link import link

from tests.worlds.browser import CHROMIUM, browser

from .engine_child import tick
from .family import family, processor_seconds
from .latency import TICK, Child, now_text, quantile, wait_until
from .measure import table

BROWSER = None if "--reader" in sys.argv else CHROMIUM
RATE, EVERY = 1000, 100
OTHER = '{"start":false}'


def graph() -> Any:
    """As `engine_child` serves it."""
    return link([tick()], frozenset())


@contextlib.contextmanager
def opened(path: str) -> Iterator[tuple[str, Any]]:
    """A page that somebody looks at: its address, and the browser's tab, or None for a plain reader."""
    first = {"logs": f"{path}-logs", "catalogue": [], "diagnostics": []}
    with served(address.listening(0), path, first, graph, Observer()) as (url, _):
        if BROWSER is None:
            threading.Thread(target=_read, args=(url,), daemon=True).start()
            yield url, None
            return
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, browser(Path(profile)) as tab:
            tab.open(url)
            tab.until("window.Live !== undefined")
            yield url, tab


def _read(url: str) -> None:
    base, _, token = url.partition("#")
    host = base.removeprefix("http://").strip("/")
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/api/live", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    with contextlib.suppress(Exception):
        while answer.read1():
            pass


def rows(begin: int, many: int) -> list[tuple[str, str, str, str, str]]:
    now = now_text()
    return [
        (f"e{number}", "tick", "event", TICK if number % EVERY == 0 else OTHER, now)
        for number in range(begin, begin + many)
    ]


def at_rate(path: str, seconds: float, with_page: bool) -> tuple[float, float, float, float]:
    """(events read a second, median and p99 of accepted to issued in ms, the engine's part of a core)."""
    store.connect(path).close()
    connection = local_events.connect(path)
    accepted: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        if with_page:
            stack.enter_context(opened(path))
        engine = stack.enter_context(Child("engine", path))
        before, begin = processor_seconds(engine.pid), time.monotonic()
        many, size = int(RATE * seconds), 10
        for number in range(0, many, size):
            time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
            local_events.append_many(connection, rows(number, size))
            if number % EVERY == 0:
                accepted[f"e{number}"] = time.time()
        wait_until(lambda: len(engine.seen) >= len(accepted))
        took = time.monotonic() - begin
        used = (processor_seconds(engine.pid) - before) / took
        found = {
            str(start): key.removeprefix("tick/")
            for start, key in connection.execute(
                "SELECT starts.id, events.id FROM starts JOIN events ON starts.start_key = 'event/' || events.id"
            )
        }
        late = [(moment - accepted[found[start]]) * 1000 for start, moment in list(engine.seen.items())]
    connection.close()
    return many / took, quantile(late, 0.5), quantile(late, 0.99), used * 100


def drained(path: str, with_page: bool, many: int = 100_000) -> tuple[float, float]:
    """(events read a second by the clock, and in a second of the engine's processor)."""
    store.connect(path).close()
    connection = local_events.connect(path)
    for number in range(0, many, 5000):
        local_events.append_many(connection, rows(number, 5000))
    connection.close()
    with contextlib.ExitStack() as stack:
        if with_page:
            stack.enter_context(opened(path))
        begin = time.monotonic()
        engine = stack.enter_context(Child("engine", path))
        wait_until(lambda: len(engine.seen) >= many // EVERY, 300)
        took = max(engine.seen.values()) - min(engine.seen.values())
        used = processor_seconds(engine.pid)
        assert time.monotonic() > begin
    return many / took, many / used


def in_turns(rounds: int, folder: Path, one: Any) -> dict[bool, list[tuple[float, ...]]]:
    found: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
    for turn in range(rounds):
        for with_page in (False, True) if turn % 2 == 0 else (True, False):
            found[with_page].append(one(str(folder / f"{time.monotonic_ns()}.db"), with_page))
    return found


def told(heads: list[str], found: dict[bool, list[tuple[float, ...]]]) -> None:
    shown = [
        [name, *(f"{median(column):.1f}" for column in zip(*found[with_page], strict=True))]
        for name, with_page in (("without a page", False), ("with one", True))
    ]
    table(["", *heads], shown)
    pairs = [one[0] / other[0] for one, other in zip(found[True], found[False], strict=True)]
    print(f"{heads[0]}, with / without: median of {len(pairs)} rounds {median(pairs):.3f}", end="")
    print(f" ({min(pairs):.3f} to {max(pairs):.3f}), load {os.getloadavg()[0]:.1f}\n")


def memory(folder: Path, many: int = 100_000) -> None:
    """Of the browser's page and of the process that serves it, while events come."""
    path = str(folder / "memory.db")
    store.connect(path).close()
    shown = []
    with opened(path) as (_, tab):
        if tab is None:
            print("no Chromium: a browser's memory is not measured\n")
            return
        (server,) = [
            pid for pid in family(os.getpid()) if b"engine.page.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        connection = local_events.connect(path)
        for number in range(0, many, 500):
            local_events.append_many(connection, rows(number, 500))
            time.sleep(0.05)
            if (number + 500) % (many // 10) == 0:
                tab.until(f"Live.state.accepted === {number + 500}")
                tab.call("HeapProfiler.collectGarbage")
                tab.events.clear()
                heap = tab.call("Runtime.getHeapUsage")["usedSize"] / 2**20
                nodes = tab.call("Memory.getDOMCounters")["nodes"]
                resident = int(Path(f"/proc/{server}/statm").read_text().split()[1]) * 4096 / 2**20
                shown.append([str(number + 500), f"{heap:.2f}", str(nodes), f"{resident:.1f}"])
        connection.close()
    table(["events", "heap of the page, MiB", "nodes", "server, MiB"], shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--only", action="append", choices=("rate", "drain", "memory"))
    parser.add_argument("--reader", action="store_true", help="no browser: what the page alone costs")
    options = parser.parse_args()
    wanted = options.only or ["rate", "drain", "memory"]
    print(f"{os.cpu_count()} processors, page in {BROWSER or 'a plain reader'}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "rate" in wanted:
            print(f"{RATE} events/s for {options.seconds:g} s")
            found = in_turns(options.rounds, folder, lambda path, page: at_rate(path, options.seconds, page))
            told(["events/s", "median, ms", "p99, ms", "% of a core"], found)
        if "drain" in wanted:
            print("100,000 events that lie there")
            told(["events/s", "events a second of processor"], in_turns(options.rounds, folder, drained))
        if "memory" in wanted:
            memory(folder)


if __name__ == "__main__":
    main()
