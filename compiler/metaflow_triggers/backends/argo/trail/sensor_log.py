"""Sensor log: why the cluster refused a start, which a Sensor writes into its log alone.

In:   the log of a Sensor's pod; the name of the Workflow that was to be made, when its start was given up.
Out:  the reason, or None: the log does not say it for certain.

Not here: requests. The lines are those of argo-events 1.9.11 (`triggerWithRateLimit` and `triggerOne` in
sensors/listener.go), one JSON object each. They name an event by the id that the transport gave it: a start that was
given up is the one whose record was made in that second, unless two were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

LOST = "-lost"
"""The end of the name of the trigger that records a start which was given up."""
_FAILED = "Failed to execute a trigger"
_DONE = "Successfully processed trigger"
_PREFIX = "failed to execute trigger, "
_NO_RIGHT = re.compile(
    r'.*User "system:serviceaccount:([^:"]+):([^:"]+)" cannot (\w+) resource "([^"]+)" in API group "([^"]*)"'
    r' in the namespace "([^"]+)".*',
    re.DOTALL,
)


@dataclass(frozen=True)
class _Line:
    at: datetime
    trigger: str
    events: tuple[str, ...]
    error: str | None


def why_refused(log: str, workflow: str, given_up: str | None) -> str | None:
    """The last refusal of the start that was to make the Workflow. `given_up` is when its record was made, or None."""
    lines = list(_lines(log))
    named = [line.error for line in lines if line.error is not None and workflow in line.error]
    if named:
        return named[-1]
    when = _second(given_up)
    recorded = {
        (line.trigger, line.events)
        for line in lines
        if line.error is None and line.trigger.endswith(LOST) and when is not None and _second_of(line.at) == when
    }
    if len(recorded) != 1:
        return None
    ((trigger, events),) = recorded
    errors = [
        line.error
        for line in lines
        if line.error is not None and line.events == events and line.trigger == trigger.removesuffix(LOST)
    ]
    return errors[-1] if errors else None


def lacking_right(reason: str) -> tuple[str, str] | None:
    """(who, the right) where a refusal is one of access."""
    found = _NO_RIGHT.fullmatch(reason)
    if found is None:
        return None
    namespace, account, verb, plural, group, where = found.groups()
    return f"ServiceAccount {namespace}/{account}", f"{verb} {plural}{group and '.'}{group} in namespace {where}"


def _lines(log: str) -> Iterator[_Line]:
    for text in log.splitlines():
        try:
            said = json.loads(text)
            at = datetime.fromisoformat(_microseconds(str(said["ts"])))
        except (ValueError, KeyError, TypeError):
            continue
        message = str(said.get("msg", ""))
        if message == _FAILED or message.startswith(_DONE):
            error = str(said.get("error", "")).removeprefix(_PREFIX) if message == _FAILED else None
            yield _Line(
                at, str(said.get("triggerName", "")), tuple(map(str, said.get("triggeredByEvents") or ())), error
            )


def _microseconds(text: str) -> str:
    """With the six digits that Python reads; Go leaves zeros at the end out, and writes nine."""
    return re.sub(r"\.(\d+)", lambda found: f".{found[1][:6]:0<6}", text).replace("Z", "+00:00")


def _second(text: str | None) -> datetime | None:
    try:
        return None if text is None else _second_of(datetime.fromisoformat(_microseconds(text)))
    except ValueError:
        return None


def _second_of(when: datetime) -> datetime:
    return when.astimezone(timezone.utc).replace(microsecond=0)
