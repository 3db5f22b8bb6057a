"""Child: the process that serves an engine's page.

In:   the descriptor of a socket as argument; lines of JSON on standard input, the first of which begins it (`beside`).
Out:  `ready` on standard output once it serves; it ends when standard input ends, after its pages were told.

Not here: the engine. Whatever happens here, or is done to it, the engine does not notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import threading
from typing import Any

from aiohttp import web

from ...diagnostics.wire import from_wire
from ...model.serialize import from_json
from ...project_file.shape import Event
from .app import application
from .current import Files
from .feed import Feed
from .hub import Hub
from .state import Served

_LAST_WORDS_SECONDS = 0.5
_ENDED = "the engine that served this page has ended"


def main(descriptor: int) -> None:
    """Serve until standard input ends."""
    os.nice(5)  # where processors are short the engine comes first
    logging.disable(logging.CRITICAL)  # nothing of a request is written anywhere
    first = json.loads(sys.stdin.buffer.readline())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(socket.socket(fileno=descriptor), first))
    os._exit(0)  # a thread may be in the middle of a question


async def _serve(listener: socket.socket, first: dict[str, Any]) -> None:
    catalogue = [Event(**{**item, "span": from_json(item["span"])}) for item in first["catalogue"]]
    served = Served(first["database"], first["logs"], catalogue)
    feed = Feed(served.database)
    hub = Hub(feed, served.database)

    def serve(told: dict[str, Any], diagnostics: Any) -> None:
        graph = from_json(told["graph"])
        served.serve(graph, [from_wire(item) for item in diagnostics])
        feed.serve(graph.flows)
        hub.put("edition", served.edition)

    serve(first, first["diagnostics"])
    page = application(served, Files(served, **first.get("reading", {})), hub, first["port"], first["token"])
    runner = web.AppRunner(page, access_log=None, handle_signals=False, shutdown_timeout=_LAST_WORDS_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    threading.Thread(target=_hear, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    looking = asyncio.ensure_future(hub.look())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    why = _ENDED
    while (told := await lines.get()) is not None:
        for text in told.get("notes", ()):
            hub.note(text)
        if "graph" in told:
            serve(told, [])
        why = f"{_ENDED}: {told['ended']}" if "ended" in told else why
    hub.end(why)
    looking.cancel()
    await asyncio.sleep(_LAST_WORDS_SECONDS)
    await runner.cleanup()


def _hear(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[dict[str, Any] | None]) -> None:
    """Pass on what the engine says; None is its end."""
    with contextlib.suppress(OSError, ValueError):
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(lines.put_nowait, json.loads(line))
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(lines.put_nowait, None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
