"""YAML writer: block style YAML of plain JSON values, the bytes that PyYAML writes.

In:   a JSON value; a function that gives PyYAML's text of a value.
Out:  the text, or None for what is left to PyYAML (a key that is not one short line, a text too long for one line).

Not here: deciding how a scalar is written. PyYAML says it once for each distinct scalar, which is remembered: a
project's manifests repeat a few hundred of them ten thousands of times. `tests/speed` holds that the bytes are equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_KEY_LIMIT = 100
"""Characters of a key; PyYAML writes keys over 128 in another form."""
_LINE_LIMIT = 2**20 - 1024
"""Characters of a text; PyYAML folds lines at the width that `canonical` gives it."""
_REMEMBERED = 200_000

# Nearly all keys and values: PyYAML need not be asked. What begins so is no number, and may be a boolean or a null;
# inside of a line only `: ` and ` #` mean something, and a space or a colon at the end.
_PLAIN = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z$^/_][!-9;-~]*(?:(?::(?=[!-~])| (?=[ !\"$-~]))[!-9;-~]*)*",
    re.IGNORECASE | re.ASCII,
)
# What begins with one of these is no number either, and `text` quotes it.
_QUOTED = re.compile(r"[{\[*\"'<(@!%&#|\\][ -~]*")


class _Other(Exception):
    """PyYAML has to write the whole value."""


class Writer:
    """`write_with_pyyaml(value)` gives PyYAML's text of one value."""

    def __init__(self, write_with_pyyaml: Callable[[Any], str]) -> None:
        self._pyyaml = write_with_pyyaml
        self._texts: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._inline: dict[str, str] = {}  # short texts of one line, which no indentation changes

    def text(self, value: Any) -> str | None:
        """The document, or None."""
        if not isinstance(value, (dict, list)) or not value:
            return None
        out: list[str] = []
        try:
            self._block(value, "", out)
        except _Other:
            return None
        return "".join(out)

    def _block(self, value: Any, indent: str, out: list[str]) -> None:
        """A mapping or sequence that is not empty; the first line's indentation is already written."""
        deeper = indent + "  "
        lead = ""
        inline, add = self._inline, out.append
        if type(value) is dict:
            keys = self._keys
            for key, item in value.items():
                text = keys.get(key) or self._key(key)
                kind = type(item)
                if kind is str:
                    add(f"{lead}{text}: {inline.get(item) or self._scalar(item, indent)}")
                elif kind is dict and item:
                    add(f"{lead}{text}:\n{deeper}")
                    self._block(item, deeper, out)
                elif kind is list and item:
                    add(f"{lead}{text}:\n{indent}")
                    self._block(item, indent, out)  # PyYAML does not indent a sequence in a mapping
                else:
                    add(f"{lead}{text}: {self._scalar(item, indent)}")
                lead = indent
        else:
            for item in value:
                kind = type(item)
                if kind is str:
                    add(f"{lead}- {inline.get(item) or self._scalar(item, indent)}")
                elif (kind is dict or kind is list) and item:
                    add(f"{lead}- ")
                    self._block(item, deeper, out)
                else:
                    add(f"{lead}- {self._scalar(item, indent)}")
                lead = indent

    def _key(self, key: Any) -> str:
        if type(key) is not str or not key or len(key) > _KEY_LIMIT or not key.isprintable():
            raise _Other
        text = self._text(key)[:-1]
        self._keys[key] = text
        return text

    def _scalar(self, value: Any, indent: str) -> str:
        if type(value) is str:
            text = self._text(value)
            if "\n" not in value:
                if len(value) <= _KEY_LIMIT and len(self._inline) < _REMEMBERED:
                    self._inline[value] = text
            elif indent:
                # The lines of a literal block; those of a quoted text are one.
                head, *body = text.split("\n")
                return "\n".join([head, *(indent + line if line else line for line in body)])
            return text
        if type(value) is bool:
            return "true\n" if value else "false\n"
        if type(value) is int:
            return f"{value}\n"
        if value is None:
            return "null\n"
        if type(value) in (dict, list):
            return "{}\n" if type(value) is dict else "[]\n"
        if type(value) is float:
            return self._pyyaml([value])[2:]
        raise _Other

    def _text(self, value: str) -> str:
        """The scalar as an element of a sequence on the left margin, with the end of its line."""
        text = self._texts.get(value)
        if text is None:
            if len(value) <= _LINE_LIMIT // 8:
                if _PLAIN.fullmatch(value):
                    return value + "\n"
                if _QUOTED.fullmatch(value):
                    return "'" + value.replace("'", "''") + "'\n"
            if len(value) > _LINE_LIMIT // 8:  # an escape has up to ten characters
                raise _Other
            text = self._pyyaml([value])[2:]
            if text.endswith("\n...\n"):  # a text that ends with empty lines; where it stands last, the mark is needed
                raise _Other
            if len(self._texts) < _REMEMBERED:
                self._texts[value] = text
        return text
