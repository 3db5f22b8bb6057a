"""Options: what the triggers of a flow say of all its runs together.

In:   a flow.
Out:  how many of its runs may be active at once.

Not here: options of one trigger, which it keeps as JSON text.
"""

from __future__ import annotations

import json

from ..model.flows import Flow, Trigger


def max_active(flow: Flow) -> int | None:
    """How many runs of the flow may be active at once: the smallest number that a trigger of it says; None: any."""
    said = [number for trigger in flow.triggers if (number := bound_of(trigger)) is not None]
    return min(said, default=None)


def bound_of(trigger: Trigger) -> int | None:
    """What one trigger says of it."""
    number: int | None = (json.loads(trigger.options or "{}") or {}).get("max_active")
    return number
