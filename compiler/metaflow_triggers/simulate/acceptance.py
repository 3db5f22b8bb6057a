"""Acceptance: which events there are at all (semantics, sections 6, 7, 8 and 11).

In:   the name and payload of an event.
Out:  why it cannot be emitted, or None.

Not here: the rules, which stand in the runtime (`metaflow_extensions.triggers.contract.event_check`): `emit_event` asks
the same; what an accepted event starts.
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.contract import event_check

from .values import text_of


def refusal(name: str, payload: Any) -> str | None:
    """Why there is no such event; None where there is."""
    try:
        event_check.check_payload(event_check.check_name(name), payload)
    except event_check.NotAnEvent as error:
        return str(error)
    return None


def taken(name: str, identity: str, there: Any, payload: Any) -> str | None:
    """Why an event of a known name and id is refused; None where it is the same event once more."""
    if event_check.same_payload(text_of(there), text_of(payload)):
        return None
    return f"{event_check.taken(name, identity, text_of(there))}; a cloud starts nothing new by it"
