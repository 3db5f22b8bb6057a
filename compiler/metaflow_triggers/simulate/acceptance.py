"""Acceptance: which events there are at all (semantics, sections 6, 8 and 11).

In:   the name and payload of an event.
Out:  why it cannot be emitted, or None.

Not here: the rules, which stand in the runtime (`metaflow_extensions.triggers.plugins.event_check`): `emit_event` asks
the same; what an accepted event starts.
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.plugins import event_check


def refusal(name: str, payload: Any) -> str | None:
    """Why there is no such event; None where there is."""
    try:
        event_check.check_payload(event_check.check_name(name), payload)
    except event_check.NotAnEvent as error:
        return str(error)
    return None
