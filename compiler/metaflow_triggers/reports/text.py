"""Text: diagnostics as text for people, in full or one line each.

In:   diagnostics, and a function that gives a line of a file (the default reads the file).
Out:  text. Same diagnostics and files, same text.

Not here: finding mistakes, exit codes, writing to a stream. Names and source lines are the user's
bytes: what could move a terminal's cursor is shown escaped, in every form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .. import regular
from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..model.flows import Span
from ..rules.catalogue import SEVERITIES, rule
from ..rules.weight import has_errors, severity
from .shown import cell, shown

DOCS = "docs/diagnostics.md"
MAX_CELLS = 120
"""Source lines wider than this are cut around the span."""

_CONTEXT_CELLS = 40
_CUT = "..."

ReadLine = Callable[[str, int], "str | None"]

_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;36m",
    "frame": "\x1b[1;34m",
    "bold": "\x1b[1m",
}
_RESET = "\x1b[0m"


def wants_color(is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Colour only on a terminal; a non-empty NO_COLOR wins (no-color.org), TERM=dumb has none."""
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


class FileReader:
    """Gives lines of files; reads each file once in its life."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def __call__(self, file: str, line: int) -> str | None:
        """Line `line` (from 1) without its end, or None if there is no such line or file."""
        if file not in self._lines:
            self._lines[file] = self._read(file)
        lines = self._lines[file]
        return lines[line - 1] if 1 <= line <= len(lines) else None

    @staticmethod
    def _read(file: str) -> list[str]:
        try:
            text = regular.text(file).removeprefix("\ufeff")
        except regular.Unreadable:
            return []
        # Python's own line ends; str.splitlines would also split at form feeds and U+2028.
        return re.split(r"\r\n|\r|\n", text)


# --- text of the user's, made harmless ------------------------------------------------------------


# --- text -----------------------------------------------------------------------------------------


def _snippet(line: str, first: int, last: int) -> tuple[str, int, int]:
    """The shown line, the cells before the mark and the mark's cells, for characters first..last (from 0)."""
    cells = [cell(char) for char in line]
    first = min(max(first, 0), len(cells))
    last = min(max(last, first), len(cells))
    while 0 < first < len(cells) and cells[first][1] == 0:  # a combining mark is shown on what precedes it
        first -= 1
    begin, end = 0, len(cells)
    if sum(width for _, width in cells) > MAX_CELLS:
        begin, room = first, _CONTEXT_CELLS
        while begin > 0 and cells[begin - 1][1] <= room:
            begin -= 1
            room -= cells[begin][1]
        while 0 < begin < first and cells[begin][1] == 0:
            begin += 1
        end, room = begin, MAX_CELLS
        while end < len(cells) and cells[end][1] <= room:
            room -= cells[end][1]
            end += 1
    last = min(last, end)
    before = _CUT if begin > 0 else ""
    after = _CUT if end < len(cells) else ""
    text = before + "".join(show for show, _ in cells[begin:end]) + after
    indent = len(before) + sum(width for _, width in cells[begin:first])
    return text, indent, max(1, sum(width for _, width in cells[first:last]))


def _place(span: Span) -> str:
    return f"{shown(span.file)}:{span.line}:{span.column}"


@dataclass(frozen=True)
class _Frame:
    """How one diagnostic is drawn: the width of its line numbers, where lines come from, colour or not."""

    gutter: int
    read_line: ReadLine
    color: bool

    def paint(self, text: str, style: str) -> str:
        return f"{_STYLES[style]}{text}{_RESET}" if self.color and text else text

    def row(self, sign: str, text: str = "", number: str = "") -> str:
        return f"{self.paint(number.rjust(self.gutter), 'frame')} {self.paint(sign, 'frame')} {text}".rstrip()

    def location(self, span: Span, label: str, mark: str, style: str) -> list[str]:
        arrow = "-->" if mark == "^" else ":::"
        out = [f"{' ' * self.gutter}{self.paint(arrow, 'frame')} {_place(span)}"]
        line = self.read_line(span.file, span.line)
        if line is None:
            return [*out, self.row("|", shown(label))] if label else out
        last = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
        text, indent, width = _snippet(line, span.column - 1, last)
        marks = self.paint((mark * width + " " + shown(label)).rstrip(), style)
        return [
            *out,
            self.row("|"),
            self.row("|", text, str(span.line)),
            self.row("|", " " * indent + marks),
            self.row("|"),
        ]

    def remark(self, word: str, text: str) -> list[str]:
        head, *tail = text.split("\n")
        first = self.row("=", f"{self.paint(word, 'bold')}: {shown(head)}")
        return [first, *(f"{' ' * (self.gutter + 9)}{shown(more)}".rstrip() for more in tail)]


def render_one(item: Diagnostic, read_line: ReadLine | None = None, color: bool = False) -> str:
    """One diagnostic in full: place, source line with a caret, notes, helps. Ends with a newline."""
    places = ([item.span] if item.span else []) + [span for span, _ in item.others]
    gutter = max((len(str(span.line)) for span in places), default=1)
    frame = _Frame(gutter, read_line or FileReader(), color)
    level = severity(item)
    out = [frame.paint(f"{level}[{shown(item.code)}]", level) + frame.paint(f": {shown(item.message)}", "bold")]
    if item.span:
        out += frame.location(item.span, item.label, "^", level)
    for span, label in item.others:
        out += frame.location(span, label, "-", "frame")
    if not item.span and item.label:
        out += frame.remark("note", item.label)
    for text in item.notes:
        out += frame.remark("note", text)
    for text in item.helps:
        out += frame.remark("help", text)
    out += frame.remark("docs", f"{DOCS}#{item.code}")
    return "\n".join(out) + "\n"


def summary(diagnostics: Iterable[Diagnostic], flows: int | None = None, *results: str) -> str:
    """One line: how many errors, warnings and notes in how many flows, and `results` ("nothing was written")."""
    count = Counter(severity(item) for item in ordered(diagnostics))
    parts = [f"{count[level]} {level}{'' if count[level] == 1 else 's'}" for level in SEVERITIES if count[level]]
    text = ", ".join(parts) or "no errors"
    if flows is not None:
        text += f" in {flows} flow{'' if flows == 1 else 's'}"
    return "; ".join([text, *(shown(result) for result in results if result)])


def render_text(
    diagnostics: Sequence[Diagnostic],
    flows: int | None = None,
    result: str | None = None,
    read_line: ReadLine | None = None,
    *,
    color: bool = False,
    others: str = "",
) -> str:
    """All in full, in order, a blank line between them, what explains them, and the summary. Ends with a newline.

    `result` ends the summary; without it "nothing was written" where there are errors. `others` says what was left out.
    """
    if result is None:
        result = "nothing was written" if has_errors(diagnostics) else ""
    read_line = read_line or FileReader()
    blocks = [render_one(item, read_line, color) for item in ordered(diagnostics)]
    return "\n".join([*blocks, more(diagnostics) + summary(diagnostics, flows, others, result) + "\n"])


def more(diagnostics: Iterable[Diagnostic]) -> str:
    """A line with the command that explains them; "" where there are none."""
    codes = sorted({item.code for item in diagnostics if rule(item.code) is not None})
    return f"for more: metaflow-triggers explain {' '.join(codes)}\n" if codes else ""


def render_line(item: Diagnostic) -> str:
    """One diagnostic as one line without its end: `file:line:column: severity[code]: message`."""
    head = f"{_place(item.span)}: " if item.span else ""
    return f"{head}{severity(item)}[{shown(item.code)}]: {shown(item.message)}"


# --- JSON -----------------------------------------------------------------------------------------
