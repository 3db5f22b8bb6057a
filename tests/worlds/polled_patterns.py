"""Polled patterns: the five patterns of the user's document on poll triggers, what they look at, the runs they start.

In:   the document's snippets, unchanged (`tests/unit/poll/document`); a place where they are deployed and polled.
Out:  the files of a project, its sources, and what is wrong with the runs.

Not here: deploying and running (`Place`, of each world). What the document leaves undefined (`check_for_new_files` and
so on) asks the sources, an HTTP service of this process. Files and items of the queue are handed out once; an order is
the pending one until its run has shipped it, which fails once; health and depth are told poll by poll.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tests.unit.poll.test_document import of

SNIPPETS = ("def file_watcher", "def order_trigger", "def queue_trigger", "def health_check", "def queue_depth_trigger")
FOLDER = "/data/inbox/"
FILES = ("a b.csv", "it's $(touch pwned) {{workflow.name}}.csv")
ORDERS = (17, 19)
SHIPPED_AT_SECOND_TRY = 19
ITEMS = ("m-1", "m-1", "m-2")
"""The same twice: runs of a queue worker may be equal."""
HEALTH = (False, False, True, False, False, False)
"""Then it is healthy. Two failures and a success are no reason."""
DEPTHS = (50, 100, 101, 250)
"""Then there is little to do."""

EXPECTED: dict[str, list[tuple[bool, dict[str, Any]]]] = {
    "FileProcessor": [(True, {"filename": name}) for name in FILES],
    "OrderProcessor": [(True, {"order_id": 17}), (False, {"order_id": 19}), (True, {"order_id": 19})],
    "QueueWorker": [(True, {"item_id": name}) for name in ITEMS],
    "ServiceRecovery": [(True, {"service": "api", "consecutive_failures": 3})],
    "ScaleUp": [(True, {"queue_depth": depth, "action": "scale_up"}) for depth in (101, 250)],
}
"""Flow -> (whether its run succeeded, the context) of each run."""
TRIGGERS = {
    "FileProcessor": "file_watcher",
    "OrderProcessor": "order_trigger",
    "QueueWorker": "queue_trigger",
    "ServiceRecovery": "health_check",
    "ScaleUp": "queue_depth_trigger",
}
_ADDED = {"trigger_name", "triggered_at", "detected_at"}
_PATIENCE = 900.0
"""Seconds. The health check alone takes six polls, one each 30 seconds."""

HEAD = """
from metaflow import FlowSpec, Parameter, current, step

from sources import ship

class {name}(FlowSpec):
{parameters}

    @step
    def start(self):
        self.saw = [current.trigger.event_name, current.trigger.payload, {values}]
        {acknowledge}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""

SOURCES = """
import json
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

URL = {url!r}

def ask(path, method="GET"):
    with urlopen(Request(URL + path, method=method), timeout=20) as answer:
        return json.load(answer)

def named(item):
    return SimpleNamespace(**item) if item else None

def check_for_new_files(folder):
    return ask("/files?folder=" + quote(folder))

def get_pending_order():
    return named(ask("/orders"))

def ship(order_id):
    ask(f"/orders/{{order_id}}", "POST")

def peek_queue_item():
    return named(ask("/queue"))

def check_service_healthy():
    try:
        return ask("/health")
    except HTTPError:
        return False

def get_queue_depth():
    return ask("/depth")
"""

TRIGGERS_HEAD = """
from datetime import datetime

import cloaca

from sources import check_for_new_files, check_service_healthy, get_pending_order, get_queue_depth, peek_queue_item

"""

CLIENT = f"""
found = [[flow, run.successful, run["start"].task.data.saw if run.successful else None]
         for flow in {list(EXPECTED)!r} for run in Flow(flow)]
"""
"""What Metaflow's client says of the runs."""


class Place(Protocol):
    """Where the project is deployed."""

    folder: Path

    def deploy(self) -> None:
        """`metaflow-triggers create`, and whatever has it polled."""

    def runs(self, flow: str) -> list[tuple[str, dict[str, Any]]]:
        """("running", "succeeded" or "failed", the trigger document) of each run, by the cloud's objects."""

    def client(self, code: str) -> Any:
        """What `code` binds to `found`, with Metaflow's client imported."""

    def polled(self) -> list[dict[str, Any]]:
        """The records of `metaflow-triggers list`."""

    def told(self) -> str:
        """Logs, for the message of a failed assertion."""


@dataclass
class Sources:
    """What the polls look at. `asked`: how often each was, by whoever it was."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    pending: list[int] = field(default_factory=lambda: list(ORDERS))
    tries: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        """(status, value)."""
        place = urlsplit(path)
        _, what, *rest = place.path.split("/")
        with self.lock:
            if method == "POST":
                return self._shipped(int(unquote(rest[0])))
            number = self.asked[what]
            self.asked[what] += 1
            if what == "orders":
                return 200, {"id": self.pending[0]} if self.pending else None
            if what == "health":
                healthy = number >= len(HEALTH) or HEALTH[number]
                return (200, True) if healthy else (503, None)
            if what == "depth":
                return 200, DEPTHS[number] if number < len(DEPTHS) else 7
            if what == "queue":
                return 200, {"id": ITEMS[number]} if number < len(ITEMS) else None
            if what == "files" and parse_qs(place.query)["folder"] == [FOLDER]:
                return 200, FILES[number] if number < len(FILES) else None
            self.wrong.append(path)
            return 404, None

    def _shipped(self, order: int) -> tuple[int, Any]:
        self.tries[order] += 1
        if order == SHIPPED_AT_SECOND_TRY and self.tries[order] == 1:
            return 500, None
        if self.pending[:1] != [order]:
            self.wrong.append(f"order {order} is shipped, {self.pending} are pending")
        self.pending = [one for one in self.pending if one != order]
        return 200, None

    def is_over(self) -> bool:
        """Whether each has told all that there is, and has been asked once more."""
        told = {"files": len(FILES), "queue": len(ITEMS), "health": len(HEALTH), "depth": len(DEPTHS)}
        return not self.pending and all(self.asked[what] > count for what, count in told.items())


@contextmanager
def sources() -> Iterator[Sources]:
    """They answer on 127.0.0.1."""
    made = Sources()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, value = made.answer(self.command, self.path)
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write(folder: Path, url: str) -> None:
    """The project: a flow a file, the document's triggers in one, their sources in one."""
    (folder / "sources.py").write_text(SOURCES.format(url=url), "utf-8")
    (folder / "triggers.py").write_text(TRIGGERS_HEAD + "\n".join(map(of, SNIPPETS)), "utf-8")
    for name, runs in EXPECTED.items():
        context = runs[0][1]
        parameters = [
            f"    {key} = Parameter({key!r}, type={type(value).__name__}, required=True)"
            for key, value in context.items()
        ]
        text = HEAD.format(
            name=name,
            parameters="\n".join(parameters),
            values=f"{{{', '.join(f'{key!r}: self.{key}' for key in context)}}}",
            acknowledge="ship(self.order_id)" if "order_id" in context else "",
        )
        (folder / f"{name.lower()}.py").write_text(text, "utf-8")


def play(place: Place, looked_at: Sources) -> list[str]:
    """Deploy, wait until all has happened, and say what is wrong with it."""
    write(place.folder, looked_at.url)
    place.deploy()
    _until(lambda: looked_at.is_over() and _all_ended(place), place, looked_at)
    polls = looked_at.asked["files"] + looked_at.asked["orders"]
    _until(lambda: looked_at.asked["files"] + looked_at.asked["orders"] > polls + 2, place, looked_at)
    return [*looked_at.wrong, *_differences(place), *_by_the_client(place), *_by_the_records(place)]


def _all_ended(place: Place) -> bool:
    found = {flow: place.runs(flow) for flow in EXPECTED}
    enough = all(len(found[flow]) >= len(runs) for flow, runs in EXPECTED.items())
    return enough and not any(state == "running" for runs in found.values() for state, _ in runs)


def _until(what: Any, place: Place, looked_at: Sources) -> None:
    ends = time.monotonic() + _PATIENCE
    while not what():
        assert time.monotonic() < ends, (looked_at, _differences(place), place.told())
        time.sleep(0.5)


def _differences(place: Place) -> list[str]:
    """By what the cloud has: each expected run is there, and no other one."""
    wrong = []
    for flow, runs in EXPECTED.items():
        found = []
        for state, document in place.runs(flow):
            (event,) = document["events"]
            found.append((state == "succeeded", _context(event["event"]["payload"])))
        if sorted(map(str, found)) != sorted(map(str, runs)):
            wrong.append(f"{flow}: expected {runs}, found {found}")
    return wrong


def _by_the_client(place: Place) -> list[str]:
    """What the runs saw: the trigger's name, the context as the payload, and in their parameters."""
    wrong = []
    found: dict[str, list[tuple[bool, Any]]] = {flow: [] for flow in EXPECTED}
    for flow, succeeded, saw in place.client(CLIENT):
        if not succeeded:
            found[flow].append((False, None))
            continue
        name, payload, values = saw
        found[flow].append((True, values))
        if (name, payload["trigger_name"], _context(payload)) != (TRIGGERS[flow], TRIGGERS[flow], values):
            wrong.append(f"{flow} saw {saw}")
        if ("detected_at" in payload) != (flow == "FileProcessor"):
            wrong.append(f"{flow} was told {payload}")
    for flow, runs in EXPECTED.items():
        expected = [(succeeded, context if succeeded else None) for succeeded, context in runs]
        if sorted(map(str, found[flow])) != sorted(map(str, expected)):
            wrong.append(f"{flow}: Metaflow's client has {found[flow]}")
    return wrong


def _by_the_records(place: Place) -> list[str]:
    """What `list` says of the triggers: all are polled, and none has failed."""
    rows = {row["trigger_name"]: row for row in place.polled()}
    wrong = [f"`list` says of {name}: {row}" for name, row in rows.items() if row["last_error"] or row.get("down")]
    return wrong if sorted(rows) == sorted(TRIGGERS.values()) else [*wrong, f"`list` has {sorted(rows)}"]


def _context(payload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key not in _ADDED}
