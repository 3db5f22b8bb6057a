"""Live: the table of a terminal, drawn anew when something changes and every half second.

In:   a terminal, a database.
Out:  the table at the bottom of what the terminal shows; whatever else is printed appears above it.

Not here: what the table says (`table`). It is drawn by a thread with a connection of its own: a slow terminal does not
hold the engine up.
One write per drawing, lines overwritten in place and never cleared first, so nothing flickers.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

from ...polling.clock import Clock, SystemClock
from .. import store
from ..observe import Change, Observer, Snapshot, snapshot
from ..polls import records
from ..waits import LocalFlow
from .table import View, cut, lines

_SECONDS = 0.5
_ENDED = 10
"""So many of the runs that have ended are shown."""


def is_terminal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a table can be drawn there."""
    return stream.isatty() and environment.get("TERM") not in (None, "", "dumb")


class Screen:
    """Some lines at the bottom of a terminal, which are replaced, and lines above them, which stay."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._height = 0
        self._size = (0, 0)
        self._above: list[str] = []
        self._lock = threading.RLock()

    def say(self, line: str) -> None:
        """A line for the next drawing, above the table."""
        with self._lock:
            self._above.append(line)

    def draw(self, table: list[str], size: tuple[int, int]) -> None:
        """Replace the table. `size`: columns and rows of the terminal. Raises OSError if it has gone."""
        with self._lock:
            above, self._above = self._above, []
            parts = ["\x1b[?2026h\x1b[?25l"]  # a terminal that knows it shows all of it at once; no cursor
            if self._size not in ((0, 0), size):
                parts.append("\x1b[2J\x1b[H")  # lines have been wrapped anew: nobody knows where they are
            elif self._height:
                parts.append(f"\x1b[{self._height}A")
            parts.append("\r")
            parts += [f"{cut(line, 10_000)}\x1b[K\n" for line in above]
            parts += [f"{line}\x1b[K\n" for line in table]
            parts.append("\x1b[J\x1b[?2026l")
            self._height, self._size = len(table), size
            self._write("".join(parts))

    def close(self) -> None:
        """Give the terminal back: the table stays, the cursor comes back."""
        with self._lock:
            above, self._above = self._above, []
            self._write("".join(f"{cut(line, 10_000)}\n" for line in above) + "\x1b[?25h")

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()


class Above(io.TextIOBase):
    """A text stream whose lines appear above the table: what polls print, log lines."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._rest = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Keep what has no end of line yet."""
        with self._lock:
            *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._screen.say(line)
        return len(text)

    def writable(self) -> bool:
        """Yes."""
        return True


class Live(Observer):
    """Draws an engine's state while it is entered; standard output and error then appear above the table."""

    def __init__(self, terminal: TextIO, database: str, color: bool, clock: Clock | None = None) -> None:
        self._screen = Screen(terminal)
        self._terminal = terminal
        self._database = database
        self._color = color
        self._clock = clock or SystemClock()
        self._flows: Mapping[str, LocalFlow] = {}
        self._note = ""
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw_all, name="table", daemon=True)
        self._streams: tuple[TextIO, TextIO] | None = None

    def __enter__(self) -> Live:
        self._streams = (sys.stdout, sys.stderr)
        sys.stdout = sys.stderr = Above(self._screen)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._streams is not None:
            sys.stdout, sys.stderr = self._streams
        try:
            self._screen.close()
        except OSError:
            return

    def on_begin(self, flows: Mapping[str, LocalFlow]) -> None:
        """The engine is about to work on these flows: draw from now on."""
        self._flows = flows
        self._thread.start()

    def on_edition(self, flows: Mapping[str, LocalFlow], words: Sequence[str]) -> None:
        """Flows were read again."""
        self._flows = flows
        for text in words:
            self._screen.say(f"changed    {text}")
        self._changed.set()

    def on_line(self, change: Change) -> None:
        """A run started or ended: the table will show it."""
        self._changed.set()

    def on_problem(self, text: str) -> None:
        """Something is wrong with the database, or right again."""
        self._screen.say(f"metaflow-triggers: {text}")
        self._changed.set()

    def on_change(self, connection: sqlite3.Connection, flows: Mapping[str, LocalFlow]) -> None:
        """Something changed."""
        self._changed.set()

    def on_signal(self, text: str) -> None:
        """A signal was taken. Called between any two instructions of the engine's thread: it takes no lock."""
        self._note = text
        self._changed.set()

    def _draw_all(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            last = self._ended.is_set()
            self._changed.clear()
            try:
                if connection is None:
                    connection = store.connect(self._database)
                self._draw(connection)
            except sqlite3.Error as error:
                self._note = f"the database cannot be read: {error}"
            except (OSError, ValueError):
                return  # the terminal has gone
            if last:
                break
            # At most twenty drawings a second, however much happens.
            self._ended.wait(0.05)
            self._changed.wait(_SECONDS)
        if connection is not None:
            connection.close()

    def _draw(self, connection: sqlite3.Connection) -> None:
        size = self._terminal_size()
        view = View(
            snapshot(connection, self._flows, _ENDED) if self._flows else Snapshot((), (), ()),
            records.schedules(connection),
            _schedules(connection, self._flows),
            self._clock.now(),
            Path(self._database).name,
            self._note,
        )
        # One column and one row stay free: writing into the last ones moves the rest in some terminals.
        self._screen.draw(lines(view, size[0] - 1, size[1] - 1, self._color), size)

    def _terminal_size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._terminal.fileno())
        except (OSError, ValueError):
            size = shutil.get_terminal_size()
        return (size.columns or 80, size.lines or 24)


def _schedules(connection: sqlite3.Connection, flows: Mapping[str, LocalFlow]) -> list[tuple[str, datetime]]:
    rows = connection.execute("SELECT flow_key, next_due FROM schedules WHERE next_due IS NOT NULL ORDER BY next_due")
    return [(key, datetime.fromisoformat(due)) for key, due in rows if key in flows]
