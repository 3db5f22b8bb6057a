"""Editions: flows whose files change while they are served.

In:   an `Editor`, which knows the files of flows and reads them again.
Out:  which flows are held for now: of them nothing is matched and nothing started until they have been read again; the
      new edition of all flows, until it was taken.

Not here: files, reading (`commands.editor`). What was matched before stays as it was matched.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from .waits import LocalFlow


@dataclass(frozen=True)
class Edition:
    """What is served from now on. `held`: flows that cannot be read as they are now; `words` say what has changed."""

    flows: tuple[LocalFlow, ...]
    held: frozenset[str]
    words: tuple[str, ...]


class Editor(Protocol):
    """Knows the files of the flows that are served."""

    def changed(self, keys: Collection[str]) -> set[str]:
        """Those of these flows of which a file is not as it was read. Asked before every start: it must be quick."""

    def read(self) -> None:
        """Begin to read what has changed, if that is not being done; waits for nothing."""

    def finished(self) -> Edition | None:
        """What was read, once. Asked every turn."""

    def is_reading(self) -> bool:
        """Whether something is being read."""

    def close(self) -> None:
        """Read no more."""


class Editions:
    """What one engine holds, and what it has to take."""

    def __init__(self, editor: Editor | None) -> None:
        self._editor = editor
        self.held: frozenset[str] = frozenset()
        self.pending: Edition | None = None

    def hold(self, keys: Collection[str]) -> frozenset[str]:
        """Those of these flows that are held from now on, because a file of them has changed."""
        if self._editor is None:
            return frozenset()
        found = frozenset(self._editor.changed(keys)) - self.held
        if found:
            self.held |= found
            self._editor.read()
        return found

    def turn(self) -> Edition | None:
        """The edition that is to be taken; it comes again until `taken`."""
        if self._editor is not None:
            self.pending = self._editor.finished() or self.pending
        return self.pending

    def taken(self) -> None:
        """The edition is being served."""
        if self.pending is not None:
            self.held, self.pending = self.pending.held, None

    def is_busy(self) -> bool:
        """Whether an edition is on its way."""
        return self.pending is not None or (self._editor is not None and self._editor.is_reading())

    def close(self) -> None:
        """Read no more."""
        if self._editor is not None:
            self._editor.close()
