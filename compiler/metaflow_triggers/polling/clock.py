"""Clock: time as the engine sees it, so that a test can give it another.

In:   nothing.
Out:  now, a monotonic count, a wait that an event ends early.

Not here: schedules.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """What the engine asks of time."""

    def now(self) -> datetime:
        """This moment, aware."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set, at most `seconds`; whether it is set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment, aware (UTC)."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set, at most `seconds`; whether it is set."""
        return event.wait(seconds)
