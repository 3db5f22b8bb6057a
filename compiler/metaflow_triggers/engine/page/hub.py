"""Hub: hands what is new to every open page.

In:   sections of `Feed.look`, notes of the engine.
Out:  for each page a stream of server-sent events with the sections that it does not have yet.

Not here: requests. A page that reads slowly gets fewer, newer states: nothing is kept for it. While no page is open the
database is left alone; with pages, looking takes at most a fifth of this process's time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections import deque
from collections.abc import AsyncGenerator
from datetime import datetime, timezone
from typing import Any

from .. import faults
from .feed import Feed

TICK_SECONDS, NEWS_SECONDS = 0.25, 0.5
"""Between two looks of which the first found nothing, or news: what comes all the time is told twice a second."""
BEAT_SECONDS = 5.0
"""A page that hears nothing for three beats says that the connection is cut."""
_NOTES = 50


class Hub:
    """Of one event loop."""

    def __init__(self, feed: Feed, database: str) -> None:
        self._feed, self._database = feed, database
        self._sections: dict[str, tuple[int, str]] = {}
        self._number = 0
        self._notes: deque[dict[str, str]] = deque(maxlen=_NOTES)
        self._open = asyncio.Event()
        self._streams: set[asyncio.Event] = set()
        self._ended: str | None = None
        self.put("notes", [])
        self.put("problem", None)

    def put(self, name: str, value: Any) -> None:
        """A section is this from now on."""
        text = json.dumps(value, separators=(",", ":"))
        if name not in self._sections or self._sections[name][1] != text:
            self._number += 1
            self._sections[name] = (self._number, text)
            self._wake()

    def note(self, text: str) -> None:
        """The engine has said something."""
        self._notes.append({"at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), "text": text})
        self.put("notes", list(self._notes))

    def end(self, why: str) -> None:
        """The engine has ended: pages are told, and their streams end."""
        self._ended = why
        self._wake()

    @property
    def has_ended(self) -> bool:
        """Whether the engine has ended."""
        return self._ended is not None

    def _wake(self) -> None:
        for news in self._streams:
            news.set()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """What one page reads."""
        seen, news = 0, asyncio.Event()
        self._streams.add(news)
        self._open.set()
        try:
            while True:
                news.clear()
                fresh = [(name, text) for name, (number, text) in self._sections.items() if number > seen]
                seen = self._number
                if fresh:
                    body = ",".join(f"{json.dumps(name)}:{text}" for name, text in fresh)
                    yield b"event: state\ndata: {" + body.encode() + b"}\n\n"
                else:
                    yield b": beat\n\n"
                if self._ended is not None:
                    yield b"event: ended\ndata: " + json.dumps(self._ended).encode() + b"\n\n"
                    return
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(news.wait(), BEAT_SECONDS)
        finally:
            self._streams.discard(news)
            if not self._streams:
                self._open.clear()

    async def look(self) -> None:
        """Look again and again; for ever."""
        while True:
            await self._open.wait()
            began = time.process_time()
            pause = TICK_SECONDS
            try:
                found = await asyncio.to_thread(self._feed.look)
                self.put("problem", None)
                pause = TICK_SECONDS if found is None else NEWS_SECONDS
                for name, value in (found or {}).items():
                    self.put(name, value)
            except sqlite3.Error as error:
                self.put("problem", problem(error, self._database))
                pause = 1.0
            except Exception as error:  # a row that nobody expected must not leave the pages without news for ever
                told = f"what the database holds cannot be shown: {type(error).__name__}: {error}"
                self.put("problem", {"code": "FT740", "message": told, "helps": []})
                pause = 1.0
            await asyncio.sleep(max(pause, 4 * (time.process_time() - began)))


def problem(error: sqlite3.Error, database: str) -> dict[str, Any]:
    """What is said of a database that cannot be read now."""
    told = faults.diagnostic(error, database)
    return {"code": told.code, "message": told.message, "helps": list(told.helps)}
