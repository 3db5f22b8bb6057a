"""A terminal in memory: what its screen shows after the text that `live` writes."""

from __future__ import annotations

import re

from metaflow_triggers.engine.screen.table import cells

_PART = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|\x1b|[\r\n]|[^\x1b\r\n]+")


class Terminal:
    """Columns and rows, a cursor, lines that scroll out at the top. Fails on what it does not know."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.lines: list[str] = [""]
        self.row = self.column = 0
        self.writes: list[str] = []
        self.cursor_is_shown = True
        self.was_blank = False

    def write(self, text: str) -> int:
        self.writes.append(text)
        for match in _PART.finditer(text):
            part, numbers, letter = match[0], match[1], match[2]
            if letter:
                self._control(numbers, letter)
            elif part == "\r":
                self.column = 0
            elif part == "\n":
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.lines):
                    self.lines.append("")
            else:
                assert part != "\x1b", "a control that the terminal does not know"
                self._put(part)
            self.was_blank = self.was_blank or not any(self.lines)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def fileno(self) -> int:
        raise OSError("not a file")

    def _put(self, part: str) -> None:
        line = self.lines[self.row]
        assert cells(line[: self.column]) + cells(part) <= self.columns, f"wraps: {part!r}"
        self.lines[self.row] = line[: self.column].ljust(self.column) + part + line[self.column + len(part) :]
        self.column += len(part)

    def _control(self, numbers: str, letter: str) -> None:
        if letter == "A":
            self.row -= int(numbers)
            assert self.row >= max(0, len(self.lines) - self.rows), "the cursor leaves the screen"
        elif (numbers, letter) == ("", "K"):
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif (numbers, letter) == ("", "J"):
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]
        elif (numbers, letter) == ("2", "J"):
            self.lines = [""] * max(1, self.row + 1)
        elif (numbers, letter) == ("", "H"):
            self.row = self.column = 0
            self.lines = self.lines[:1]
        elif numbers == "?25":
            self.cursor_is_shown = letter == "h"
        else:
            assert letter == "m" or numbers == "?2026", (numbers, letter)

    def shown(self) -> list[str]:
        """All lines, the empty one below the last left out."""
        return self.lines[:-1] if self.lines[-1] == "" else self.lines
