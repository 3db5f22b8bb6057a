"""Poll health: what a record of a poll trigger says that somebody should mend, in the words of `doctor`.

In:   a trigger's state (`polling.record`), how many bytes it takes of how many.
Out:  why nothing comes of its polls, and how much hangs on it; None: all is well.

Not here: where it is kept, and what mends it there (`doctor` of each backend).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..polling import record


@dataclass(frozen=True)
class Ailment:
    """`is_full`: fewer contexts would help, and nothing else does."""

    told: str
    is_full: bool = False


def ailment(state: dict[str, Any], size: int, largest: int) -> Ailment | None:
    """Of a trigger that is polled. A record that is full by nine tenths is told of before it is too late."""
    if size > largest * 9 // 10:
        known = f"{size} of {largest} bytes, {len(state['once'])} contexts"
        told = f"its record is full, or nearly so ({known}): then no fire starts anything"
        return Ailment(told, is_full=True)
    if state.get("last_result") == "error":
        return Ailment(f"its last {state.get('consecutive_errors')} polls failed: {_one_line(state.get('last_error'))}")
    waiting = [claim for claim in record.active(state) if claim["state"] == "claimed" and claim.get("error")]
    if waiting:
        return Ailment(f"a start is refused: {_one_line(waiting[0]['error'])}")
    return None


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())
