"""Render: diagnostics as text, one line each, or JSON.

In:   diagnostics, and a function that gives a line of a file (the default reads the file).
Out:  text. Same diagnostics and files, same text.

Not here: finding mistakes, exit codes, writing to a stream. Names and source lines are the user's
bytes: what could move a terminal's cursor is shown escaped, in every form.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..diagnostics import Diagnostic
from ..model.flows import Span
from ..rules.catalogue import SEVERITIES
from ..rules.catalogue import severity as severity_of_code

DOCS = "docs/diagnostics.md"
MAX_CELLS = 120
"""Source lines wider than this are cut around the span."""

_CONTEXT_CELLS = 40
_CUT = "..."
_TAB = "    "

ReadLine = Callable[[str, int], "str | None"]

_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;36m",
    "frame": "\x1b[1;34m",
    "bold": "\x1b[1m",
}
_RESET = "\x1b[0m"

_SPAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["file", "line", "column", "end_line", "end_column"],
    "properties": {
        "file": {"type": "string"},
        **{key: {"type": "integer", "minimum": 1} for key in ("line", "column", "end_line", "end_column")},
    },
}
JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Diagnostics of metaflow-triggers",
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "summary", "diagnostics"],
    "properties": {
        "version": {"const": 1},
        "summary": {
            "type": "object",
            "additionalProperties": False,
            "required": ["flows", "errors", "warnings", "notes"],
            "properties": {
                "flows": {"type": ["integer", "null"], "minimum": 0},
                **{key: {"type": "integer", "minimum": 0} for key in ("errors", "warnings", "notes")},
            },
        },
        "diagnostics": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    *("code", "severity", "message", "span", "label"),
                    *("others", "notes", "helps", "docs"),
                ],
                "properties": {
                    "code": {"type": "string", "pattern": "^FT[0-9]{3}$"},
                    "severity": {"enum": list(SEVERITIES)},
                    "message": {"type": "string"},
                    "span": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/span"}]},
                    "label": {"type": "string"},
                    "others": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["span", "label"],
                            "properties": {"span": {"$ref": "#/$defs/span"}, "label": {"type": "string"}},
                        },
                    },
                    "notes": {"type": "array", "items": {"type": "string"}},
                    "helps": {"type": "array", "items": {"type": "string"}},
                    "docs": {"type": "string"},
                },
            },
        },
    },
    "$defs": {"span": _SPAN_SCHEMA},
}
"""The JSON form; stands in `docs/diagnostics.md` too."""


def severity(item: Diagnostic) -> str:
    """error, warning or note: what the diagnostic itself says, else its rule."""
    return item.severity if item.severity in SEVERITIES else severity_of_code(item.code)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them is an error, so that nothing may be written."""
    return any(severity(item) == "error" for item in diagnostics)


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each once, by file, line, column, code. Those without a place come first."""

    def key(item: Diagnostic) -> tuple[Any, ...]:
        span = item.span
        place = (span.file, span.line, span.column) if span else ("", 0, 0)
        return (*place, item.code, item.message, repr(item))

    return sorted(set(diagnostics), key=key)


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
            with open(file, encoding="utf-8-sig", errors="replace", newline="") as stream:
                text = stream.read()
        except (OSError, ValueError):
            return []
        # Python's own line ends; str.splitlines would also split at form feeds and U+2028.
        return re.split(r"\r\n|\r|\n", text)


# --- text of the user's, made harmless ------------------------------------------------------------


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@lru_cache(maxsize=4096)
def _cell(char: str) -> tuple[str, int]:
    """What is shown for a character, and how many terminal cells it takes."""
    if char == "\t":
        return _TAB, len(_TAB)
    # Control, format (bidirectional overrides among them) and separator characters move the cursor or
    # reorder text, surrogates cannot be written, and how wide a private one is nobody knows.
    if not char.isprintable():
        text = _escape(char)
        return text, len(text)
    if unicodedata.category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return char, 0
    return char, 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def shown(text: str) -> str:
    """`text` as it may be printed: one line, tabs as spaces, control characters escaped."""
    if text.isascii() and text.isprintable():
        return text
    named = {"\n": "\\n", "\r": "\\r"}
    return "".join(named.get(char) or _cell(char)[0] for char in text)


# --- text -----------------------------------------------------------------------------------------


def _snippet(line: str, first: int, last: int) -> tuple[str, int, int]:
    """The shown line, the cells before the mark and the mark's cells, for characters first..last (from 0)."""
    cells = [_cell(char) for char in line]
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


def summary(diagnostics: Iterable[Diagnostic], flows: int | None = None, result: str = "") -> str:
    """One line: how many errors, warnings and notes in how many flows, and `result` ("nothing was written")."""
    count = Counter(severity(item) for item in ordered(diagnostics))
    parts = [f"{count[level]} {level}{'' if count[level] == 1 else 's'}" for level in SEVERITIES if count[level]]
    text = ", ".join(parts) or "no errors"
    if flows is not None:
        text += f" in {flows} flow{'' if flows == 1 else 's'}"
    return f"{text}; {result}" if result else text


def render_text(
    diagnostics: Sequence[Diagnostic],
    flows: int | None = None,
    result: str | None = None,
    read_line: ReadLine | None = None,
    color: bool = False,
) -> str:
    """All in full, in order, a blank line between them, and the summary. Ends with a newline.

    `result` ends the summary; without it "nothing was written" where there are errors.
    """
    if result is None:
        result = "nothing was written" if has_errors(diagnostics) else ""
    read_line = read_line or FileReader()
    blocks = [render_one(item, read_line, color) for item in ordered(diagnostics)]
    return "\n".join([*blocks, summary(diagnostics, flows, result) + "\n"])


def render_line(item: Diagnostic) -> str:
    """One diagnostic as one line without its end: `file:line:column: severity[code]: message`."""
    head = f"{_place(item.span)}: " if item.span else ""
    return f"{head}{severity(item)}[{shown(item.code)}]: {shown(item.message)}"


# --- JSON -----------------------------------------------------------------------------------------


def _span_json(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def json_document(diagnostics: Iterable[Diagnostic], flows: int | None = None) -> dict[str, Any]:
    """All diagnostics, in order, as a JSON value that fits JSON_SCHEMA."""
    items = ordered(diagnostics)
    count = Counter(severity(item) for item in items)
    return {
        "version": 1,
        "summary": {"flows": flows, **{f"{level}s": count[level] for level in SEVERITIES}},
        "diagnostics": [
            {
                "code": item.code,
                "severity": severity(item),
                "message": item.message,
                "span": _span_json(item.span) if item.span else None,
                "label": item.label,
                "others": [{"span": _span_json(span), "label": label} for span, label in item.others],
                "notes": list(item.notes),
                "helps": list(item.helps),
                "docs": f"{DOCS}#{item.code}",
            }
            for item in items
        ],
    }


def render_json(diagnostics: Iterable[Diagnostic], flows: int | None = None) -> str:
    """`json_document` as ASCII text (so no control character reaches a terminal); ends with a newline."""
    return json.dumps(json_document(diagnostics, flows), indent=2) + "\n"
