"""Index text: the index of an output folder as text.

In:   a JSON value.
Out:  what `json.dumps(value, indent=2, sort_keys=True)` gives, in a third of its time: Python indents letter by letter.

Not here: what the index says (`folder`).
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import Any


def index_text(value: Any) -> str:
    """The text, without a line end."""
    return _text(value, "\n")


def _text(value: Any, line: str) -> str:
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is dict and value:
        inner = f"{line}  "
        items = [f"{encode_basestring_ascii(key)}: {_text(value[key], inner)}" for key in sorted(value)]
        return f"{{{inner}{f',{inner}'.join(items)}{line}}}"
    if kind in (list, tuple) and value:
        inner = f"{line}  "
        return f"[{inner}{f',{inner}'.join([_text(item, inner) for item in value])}{line}]"
    return json.dumps(value, indent=2, sort_keys=True)
