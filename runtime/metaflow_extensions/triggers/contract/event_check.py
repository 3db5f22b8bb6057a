"""Event check: what can be an event, on every backend alike.

In:   a name, a payload.
Out:  the payload's JSON text, or NotAnEvent, which says what is wrong.

Not here: publishing. Needs no Metaflow, so that a command can emit without importing it.
"""

from __future__ import annotations

import re

from .exact_json import dumps, loads
from .words import PUBLISHED_BY_RUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAYLOAD_LIMIT = 240 * 1024
"""Bytes of JSON."""
_SHOWN = 300

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class NotAnEvent(ValueError):
    """A name or a payload that no event can have. The message says why."""


def check_name(name: Any) -> str:
    """The name. Raises NotAnEvent."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise NotAnEvent(f"an event's name has 1 to 128 characters out of A-Z a-z 0-9 _ . - ; found {name!r}")
    if PUBLISHED_BY_RUNS.fullmatch(name):
        raise NotAnEvent(
            f"the name {name!r} is one of an outcome: metaflow.outcome.* and metaflow.*.end are published by runs "
            "themselves when they end, and by nobody else"
        )
    return name


def check_payload(name: str, payload: Any) -> str:
    """The JSON text of a payload. Raises NotAnEvent for what an event cannot carry."""
    if not isinstance(payload, dict):
        raise NotAnEvent(f"the payload of event {name!r} must be a dict, not {type(payload).__name__}")
    try:
        text = dumps(payload)
        size = len(text.encode("utf-8"))
        has_nul = _has_nul(payload)
    except UnicodeEncodeError:
        raise NotAnEvent(f"the payload of event {name!r} holds a lone surrogate, which is not text") from None
    except RecursionError:
        raise NotAnEvent(f"the payload of event {name!r} is nested too deeply or contains itself") from None
    except (TypeError, ValueError) as error:
        raise NotAnEvent(f"the payload of event {name!r} is not JSON: {error}") from None
    if has_nul:
        raise NotAnEvent(f"the payload of event {name!r} holds a NUL character")
    if size > PAYLOAD_LIMIT:
        raise NotAnEvent(f"the payload of event {name!r} is {size} bytes of JSON; the limit is {PAYLOAD_LIMIT}")
    return text


def same_payload(text: str, other: str) -> bool:
    """Whether two JSON texts hold the same object, whatever the order of its keys; numbers digit by digit."""
    return text == other or dumps(_ordered(loads(text))) == dumps(_ordered(loads(other)))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return list(map(_ordered, value)) if isinstance(value, list) else value


def taken(name: str, identity: str, there: str) -> str:
    """What is said of an event whose name and id another one has; `there` is that one's payload."""
    shown = there if len(there) <= _SHOWN else there[:_SHOWN] + "..."
    return f"event {name!r} with the id {identity!r} was accepted before, with another payload: {shown}"


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, (list, tuple)) and any(_has_nul(item) for item in value)
