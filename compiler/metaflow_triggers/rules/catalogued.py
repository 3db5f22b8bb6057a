"""Catalogued: whether a payload is what the project's catalogue says of its event.

In:   a project file, the name of an event, its payload as JSON text.
Out:  what does not fit, in words, and the event of the catalogue.

Not here: who asks: `metaflow-triggers emit`, and `emit_event` in a run of the local engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from ..project_file.read import read
from ..project_file.shape import Event
from .payload_schema import PayloadSchema

_MOST = 10


def misfits(events: Iterable[Event], name: str, text: str) -> tuple[Event | None, list[str]]:
    """The event, and what of the payload does not fit; nothing for an event that has no schema."""
    event = next((item for item in events if item.name == name and item.schema), None)
    if event is None:
        return None, []
    found = PayloadSchema(event.schema).errors(json.loads(text))
    told = (f"`{where}`: {what}" if where else what for where, what in found[:_MOST])
    return event, ["".join(char if char.isprintable() else " " for char in line) for line in told]


@lru_cache(maxsize=1)
def _events(file: str) -> tuple[Event, ...]:
    return read(file).events


def refusal(file: str, name: str, text: str) -> str:
    """Why an event is refused by the catalogue of a project file, on one line; "" where it is not.

    Raises DiagnosticError for a file that is wrong.
    """
    event, told = misfits(_events(file), name, text)
    if event is None or not told:
        return ""
    return f"FT765: the payload of event {name!r}: {'; '.join(told)} ({event.span.file}:{event.span.line})"
