"""Picture: how long a person waits for the picture of 500 flows: first paint, search, choosing, following a chain.

    python -m benchmarks.picture [--flows 500] [--times 20] [--live]

The file that `graph --format html` writes; `--live`: the page of an engine that serves these flows.

In headless Chromium. Each is the clock's time from what a person does (typing a word, a click) until the frame after it
has been drawn, the median of `--times` and the greatest, in milliseconds; first paint as the browser itself tells it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from metaflow_triggers.engine import store
from metaflow_triggers.engine.observe import Observer
from metaflow_triggers.engine.page import address
from metaflow_triggers.engine.page.beside import served
from metaflow_triggers.pictures import page

from tests.unit.pictures.projects import linked, project
from tests.worlds.browser import CHROMIUM, MISSING, Page, browser

from .measure import table

WORDS = ["fraud", "clean", "orders", "train", "5", "mail", "score", "stock", "billing", "x"]
PAINT = (
    "new Promise((done) => { const look = () => {"
    " const [paint] = performance.getEntriesByName('first-contentful-paint');"
    " paint ? done(paint.startTime) : setTimeout(look, 5); }; look(); })"
)
SEEN = (
    "new Promise((done) => { const look = () => document.querySelector('#svg .node')"
    " ? requestAnimationFrame(() => setTimeout(() => done(performance.now()))) : setTimeout(look, 5); look(); })"
)
"""When the first frame with a node has been drawn, since the page was asked for."""
DRAWN = (
    "new Promise((done) => {{ const began = performance.now(); {done}; "
    "requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))); }})"
)


def waited(tab: Page, actions: list[str]) -> list[float]:
    return [tab.value(DRAWN.format(done=action)) for action in actions]


@contextlib.contextmanager
def written(flows: int, folder: Path) -> Iterator[tuple[str, str]]:
    """The file that `graph` writes: its address, its size."""
    text = page.as_text(project(flows), words="in words")
    file = folder / "page.html"
    file.write_text(text)
    yield file.as_uri(), f"a file of {len(text.encode()) // 1000} KB"


@contextlib.contextmanager
def live(flows: int, folder: Path) -> Iterator[tuple[str, str]]:
    """The page of an engine's database."""
    path = str(folder / "engine.db")
    store.connect(path).close()
    first = {"logs": f"{path}-logs", "catalogue": [], "diagnostics": []}
    with served(address.listening(0), path, first, lambda: linked(flows)[0], Observer()) as (url, _):
        yield url, "the page of an engine"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--live", action="store_true", help="the page of an engine")
    given = parser.parse_args()
    if CHROMIUM is None:
        sys.exit(MISSING)
    numbers = range(given.times)
    found: dict[str, list[float]] = {"first paint": [], "picture drawn": []}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        (live if given.live else written)(given.flows, Path(folder)) as (url, told),
        browser(Path(folder, "profile")) as tab,
    ):
        for _ in range(5):
            tab.open("about:blank")
            tab.open(url)
            found["picture drawn"].append(tab.value(SEEN))
            found["first paint"].append(tab.value(PAINT))
        typed = [
            f"search.value = '{WORDS[number % len(WORDS)]}'; search.dispatchEvent(new Event('input'))"
            for number in numbers
        ]
        found["search"] = waited(tab, typed)
        tab.press("Escape")
        found["choose a flow"] = waited(tab, [f"Page.choose({20 * number}, true)" for number in numbers])
        found["follow a chain"] = waited(tab, [f"Page.follow({20 * number}, true, true)" for number in numbers])
    print(f"{given.flows} flows, {told}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    rows = [[name, f"{median(times):.0f}", f"{max(times):.0f}"] for name, times in found.items()]
    table(["", "median, ms", "greatest, ms"], rows)


if __name__ == "__main__":
    main()
