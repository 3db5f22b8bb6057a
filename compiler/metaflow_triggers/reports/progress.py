"""Progress: how far a command is, on a terminal, when it takes more than a second.

In:   how many there are, how many are done.
Out:  one line on standard error, overwritten and at the end gone.

Not here: a file, a pipe, `--quiet`: nothing is written there.
"""

from __future__ import annotations

import sys
import time

AFTER = 1.0
"""Seconds before anything is shown, and the longest wait between two looks."""

_quiet = False


def be_quiet() -> None:
    """Show nothing for the rest of the process (`--quiet`)."""
    global _quiet  # noqa: PLW0603 - what the command line says of this one process
    _quiet = True


class Progress:
    """`what` is said before the numbers: `files read`."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._started = time.monotonic()
        self._shown = ""
        self.is_on = not _quiet and total > 1 and sys.stderr.isatty()

    def at(self, done: int) -> None:
        """So many are done."""
        if not self.is_on or time.monotonic() - self._started < AFTER:
            return
        text = f"{self._what}: {done} of {self._total}"
        if text != self._shown:
            self._shown = text  # first: Ctrl-C may come at any moment, and the line has to go
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line as it was."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
