"""TOML: a file's text as a value, and where each of its keys stands.

In:   the bytes of a file.
Out:  the value; `places`: the keys that lead to a value (and the number of an item) -> (line, column, end column), each
      from 1. `TomlError` with line and column.

Not here: what the keys mean. Python's parser tells no places, so the text is gone over once more, after that parser has
found it right: this reader relies on that, judges nothing, and only when something is asked of it.
"""

from __future__ import annotations

import bisect
import re
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

Keys = tuple["str | int", ...]
Place = tuple[int, int, int]

_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2}(?!"))'
    r"|'''.*?'''(?:'{0,2}(?!'))"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)


class TomlError(Exception):
    """What is no TOML; the place is that of the first mistake."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def parse(content: bytes) -> dict[str, Any]:
    """The value of a file. Raises TomlError."""
    text = _text(content)
    try:
        value: dict[str, Any] = tomllib.loads(text)
        return value
    except RecursionError:
        raise TomlError("values are nested too deeply", 1, 1) from None
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        found = _WHERE.search(said)
        lines = text.split("\n")
        line, column = len(lines), len(lines[-1]) + 1
        if found and found[1]:
            line, column = int(found[1]), int(found[2])
        raise TomlError(said[: found.start()] if found else said, line, column) from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TomlError("it is not UTF-8", line, error.start - content.rfind(b"\n", 0, error.start)) from None


def places(content: bytes) -> dict[Keys, Place]:
    """Where each key and each item of a list stands, in a file that `parse` takes."""
    return _Reader(_text(content)).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[Keys, Place] = {}
        self._items: dict[Keys, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self) -> dict[Keys, Place]:
        table: Keys = ()
        while self._skip():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _skip(self) -> bool:
        """Past blanks and comments; whether something is left."""
        blank = _BLANK.match(self._text, self._at)
        assert blank is not None
        self._at = blank.end()
        return self._at < len(self._text)

    def _place(self, begin: int, end: int) -> Place:
        line = bisect.bisect_right(self._starts, begin)
        column = begin - self._starts[line - 1] + 1
        return line, column, column + end - begin

    def _note(self, keys: Keys, begin: int, end: int) -> None:
        self._found.setdefault(keys, self._place(begin, end))

    def _header(self) -> Keys:
        is_list = self._text.startswith("[[", self._at)
        self._at += 2 if is_list else 1
        keys = self._keys((), is_list)
        self._at += 2 if is_list else 1
        return keys

    def _keys(self, table: Keys, is_item: bool = False) -> Keys:
        """A dotted key below a table; notes each part. Of a list of tables the last part gets its number."""
        keys = table
        while True:
            self._blanks()
            begin = self._at
            found = _STRING.match(self._text, begin) or _BARE.match(self._text, begin)
            assert found is not None
            self._at = found.end()
            word = found[0]
            keys = (*keys, next(iter(tomllib.loads(f"{word}=0"))) if word[0] in "\"'" else word)
            self._note(keys, begin, self._at)
            self._blanks()
            if self._text[self._at] == ".":
                self._at += 1
                if keys in self._items:
                    keys = (*keys, self._items[keys])
                continue
            if is_item:
                self._items[keys] = self._items.get(keys, -1) + 1
                keys = (*keys, self._items[keys])
                self._note(keys, begin, found.end())
            return keys

    def _blanks(self) -> None:
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1

    def _pair(self, table: Keys) -> None:
        keys = self._keys(table)
        self._at += 1  # the sign
        self._blanks()
        self._value(keys)

    def _value(self, keys: Keys) -> None:
        if self._text[self._at] == "[":
            self._at += 1
            number = 0
            while self._skip() and self._text[self._at] != "]":
                begin = self._at
                self._value((*keys, number))
                self._note((*keys, number), begin, self._at if "\n" not in self._text[begin : self._at] else begin + 1)
                number += 1
                if self._skip() and self._text[self._at] == ",":
                    self._at += 1
            self._at += 1
        elif self._text[self._at] == "{":
            self._at += 1
            while self._skip() and self._text[self._at] != "}":
                self._pair(keys)
                if self._skip() and self._text[self._at] == ",":
                    self._at += 1
            self._at += 1
        else:
            found = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
            assert found is not None
            self._at += len(found[0].rstrip())
