"""The page of a bench's database, and somebody who asks it without a browser."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_triggers.diagnostics.wire import to_wire
from metaflow_triggers.engine.observe import Observer
from metaflow_triggers.engine.page import address
from metaflow_triggers.engine.page.beside import Telling, served
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.serialize import to_json


@dataclass
class Open:
    """A page that is served. `ask` as its own script asks, unless told otherwise."""

    url: str
    telling: Telling

    @property
    def base(self) -> str:
        return self.url.partition("#")[0].rstrip("/")

    @property
    def token(self) -> str:
        return self.url.partition("#")[2]

    def process(self) -> int:
        """The number of the process that serves it."""
        threads = Path("/proc/self/task").iterdir()
        children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
        found = [pid for pid in children if "page.child" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(found) == 1, found
        return int(found[0])

    def ask(
        self, path: str, body: Any = None, method: str = "", headers: dict[str, str | None] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, content). A header that is None is left out."""
        host = self.base.removeprefix("http://")
        told: dict[str, str | None] = {"Host": host, "Authorization": f"Bearer {self.token}", **(headers or {})}
        if body is not None:
            told = {"Origin": self.base, "Content-Type": "application/json", **told}
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        for name, value in told.items():
            if value is not None:
                connection.putheader(name, value)
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found

    @contextmanager
    def stream(self) -> Iterator[Any]:
        """The lines of what a page reads, as long as they come."""
        connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=20)
        connection.request("GET", "/api/live", headers={"Authorization": f"Bearer {self.token}"})
        yield connection.getresponse()
        connection.close()

    def do(self, act: str, **asked: Any) -> tuple[int, dict[str, Any]]:
        """(status, what was told) of an act."""
        status, _, text = self.ask(f"/api/do/{act}", asked)
        return status, json.loads(text)

    def get(self, path: str) -> Any:
        status, _, text = self.ask(path)
        assert status == 200, text
        return json.loads(text)


@contextmanager
def page(
    database: str, flows: Any, catalogue: Any = (), diagnostics: Any = (), port: int = 0, graph: Any = None
) -> Iterator[Open]:
    """A page of flows of a bench."""
    of = graph or (lambda: link([item.flow for item in flows], frozenset()))
    first = {
        "logs": f"{database}-logs",
        "catalogue": [{**vars(event), "span": to_json(event.span)} for event in catalogue],
        "diagnostics": [to_wire(item) for item in diagnostics],
    }
    with served(address.listening(port), database, first, of, Observer()) as (url, telling):
        yield Open(url, telling)
