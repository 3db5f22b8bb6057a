"""Escape: a text as a literal of each language that an Argo Events object may contain.

In:   any text.
Out:  text that the language reads back as exactly the input, and as nothing else.

Not here: deciding where a text goes. Whatever is not a plain ASCII letter, digit, space or one
of `_ . - /` is written as an escape, so no delimiter of any of the languages can occur.
"""

from __future__ import annotations

import json

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/ ")


def go_regexp_body(text: str) -> str:
    """A Go regular expression (RE2) that matches `text` anywhere."""
    return "".join("\\." if c == "." else c if c in _PLAIN else f"\\x{{{ord(c):x}}}" for c in text)


def go_regexp(text: str) -> str:
    """A Go regular expression (RE2) that matches exactly `text`; without `(?m)`, `$` is the end of the text."""
    return f"^{go_regexp_body(text)}$"


def jq_string(text: str) -> str:
    """A jq string literal. A backslash of the text is an escape too, so no interpolation can open."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [units[i] << 8 | units[i + 1] for i in range(0, len(units), 2)]
    return '"' + "".join(chr(code) if chr(code) in _PLAIN else f"\\u{code:04x}" for code in codes) + '"'


def go_string(text: str) -> str:
    """An interpreted string literal of a Go template (Go specification, "String literals")."""
    return '"' + "".join(c if c in _PLAIN else f"\\U{ord(c):08x}" for c in text) + '"'


def lua_string(text: str) -> str:
    """A Lua 5.1 string literal of the text's UTF-8 bytes."""
    return '"' + "".join(chr(b) if chr(b) in _PLAIN else f"\\{b:03d}" for b in text.encode("utf-8")) + '"'


def inert_json(value: object) -> str:
    """Compact JSON text with sorted keys in which Argo Workflows sees no `{{` tag.

    Two braces follow each other only inside of a string (an object opens with a key), where an escape may stand.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.replace("{{", "{\\u007b")
