"""Poll link: what the engine hears from one child, and says to it.

In:   a started child.
Out:  its words (`polling.child`), the lines that its file prints; whether it still speaks sense.

Not here: starting and ending it (`polling.starters`), what its words mean (`polling.children`). Nothing here waits:
what a child does not read is kept, what it prints is read so fast only.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from .child import is_word
from .starters import Started

_LONGEST_LINE = 4 << 20
_LONGEST_PRINTED = 4096
_PRINTED_PER_SECOND = 65536


class Link:
    """One child's channel and output, neither of which blocks."""

    def __init__(self, started: Started, printed: Callable[[str], None]) -> None:
        self.started = started
        self.is_closed = self.is_nonsense = False
        self._printed = printed
        self._received = b""
        self._unsent = b""
        self._text = b""
        self._room = _PRINTED_PER_SECOND
        self.muted_until: float | None = None
        """A child that prints very much is read on from then."""

    def say(self, names: Iterable[str]) -> None:
        """Have these polled. Raises OSError if the child hears nothing any more."""
        self._unsent += json.dumps(list(names)).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what was kept. Raises OSError."""
        if self._unsent:
            with contextlib.suppress(BlockingIOError):
                self._unsent = self._unsent[self.started.channel.send(self._unsent) :]

    @property
    def is_sent(self) -> bool:
        """Whether the child has been sent all that was said to it."""
        return not self._unsent

    def words(self) -> list[list[Any]]:
        """What it has said, up to what is no word of ours (`is_nonsense`) or to its last word (`is_closed`)."""
        try:
            received = self.started.channel.recv(1 << 18)
        except BlockingIOError:
            return []
        except OSError:
            received = b""
        if not received:
            self.is_closed = True
            return []
        *lines, self._received = (self._received + received).split(b"\n")
        self.is_nonsense = len(self._received) > _LONGEST_LINE
        found: list[list[Any]] = []
        for line in lines:
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            if not is_word(item):
                self.is_nonsense = True
                break
            found.append(item)
        return found

    def hear_printed(self, now: float) -> bool:
        """Read what it prints; False when that is to rest for a while (`muted_until`) or is over."""
        try:
            received = os.read(self.started.output, min(self._room, 8192))
        except BlockingIOError:
            return True
        except OSError:
            received = b""
        if not received:
            self._end_line()
            return False
        self._room -= len(received)
        *lines, self._text = (self._text + received).split(b"\n")
        for line in lines:
            self._printed(line[:_LONGEST_PRINTED].decode("utf-8", "replace"))
        self._text = self._text[:_LONGEST_PRINTED]
        if self._room > 0:
            return True
        self._room, self.muted_until = _PRINTED_PER_SECOND, now + 1.0
        return False

    def _end_line(self) -> None:
        if self._text:
            self._printed(self._text.decode("utf-8", "replace"))
            self._text = b""

    def close(self) -> None:
        """Hang up, after what was printed last."""
        with contextlib.suppress(OSError):
            received = os.read(self.started.output, _PRINTED_PER_SECOND)
            for line in (self._text + received).decode("utf-8", "replace").splitlines():
                self._printed(line[:_LONGEST_PRINTED])
        self.started.channel.close()
        os.close(self.started.output)
