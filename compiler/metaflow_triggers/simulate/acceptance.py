"""Acceptance: which events there are at all (semantics, sections 6, 8 and 11).

In:   the name and payload of an event.
Out:  why it cannot be emitted, or None.

Not here: what an accepted event starts.
"""

from __future__ import annotations

import re
from typing import Any

from .values import text_of

PAYLOAD_LIMIT = 240 * 1024
"""Bytes of JSON."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def refusal(name: str, payload: Any) -> str | None:
    """Why there is no such event; None where there is."""
    if not _NAME.fullmatch(name):
        return "an event's name has 1 to 128 characters out of A-Z a-z 0-9 _ . -"
    return payload_refusal(payload)


def payload_refusal(payload: Any) -> str | None:
    """Why no event can carry the payload; None where one can."""
    if not isinstance(payload, dict):
        return "the payload is not an object"
    try:
        text = text_of(payload)
    except RecursionError:
        return "the payload is nested too deeply"
    except (TypeError, ValueError) as error:
        return f"the payload is not JSON: {error}"
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return "the payload holds a lone surrogate, which is not text"
    if _holds_nul(payload):
        return "the payload holds a NUL character"
    if size > PAYLOAD_LIMIT:
        return f"the payload is {size} bytes of JSON; the limit is {PAYLOAD_LIMIT}"
    return None


def _holds_nul(value: Any) -> bool:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += [*item, *item.values()]
        elif isinstance(item, list):
            todo += item
        elif isinstance(item, str) and "\0" in item:
            return True
    return False
