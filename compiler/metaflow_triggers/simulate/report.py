"""Report: a simulation in words, or as JSON.

In:   steps, sets that wait, what the backends refuse.
Out:  text.

Not here: deciding anything, printing. Text of payloads is shown as JSON in ASCII: no control character of an event
reaches a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..diagnostics import Diagnostic
from ..rules.weight import severity
from .items import Item
from .steps import Start, Step, Unread, Waiting
from .values import text_of

UNREAD = "FT791"
"""The code of a number that AWS's matcher does not compare."""
_SHOWN = 100
"""Characters of a payload or value in a line."""


def text(steps: Sequence[Step], waiting: Sequence[Waiting], refusals: Mapping[str, Sequence[Diagnostic]]) -> str:
    """Lines for people: each item, indented below it what it does; then the sets; then the backends."""
    lines: list[str] = []
    for number, step in enumerate(steps, 1):
        lines.append(f"{number}. {_item(step.item)}  ({step.at.isoformat()})")
        lines += [f"   {line}" for line in _done(step)]
    if waiting:
        lines += ["", "waiting:"]
        for held in waiting:
            has = ", ".join(word if count == 1 else f"{word} ({count} times)" for word, count in held.has)
            lines.append(f"   {held.flow} has: {has}; lacks: {', '.join(held.lacks)}")
    lines.append("")
    for backend, found in refusals.items():
        lines.append(f"{backend}: {_carries(found)}")
        lines += [f"   {item.code}: {item.message}" for item in found]
    return "\n".join(lines) + "\n"


def _carries(found: Sequence[Diagnostic]) -> str:
    heaviest = {severity(item) for item in found}
    if "error" in heaviest:
        return "refuses"
    return "carries the rest" if "warning" in heaviest else "carries all of it"


def _item(item: Item) -> str:
    if item.kind == "event":
        return f"event {_plain(item.name)} {_short(item.payload)}"
    if item.kind == "finish":
        return f"flow {_plain(item.name)} ends: {item.outcome}"
    if item.kind == "poll":
        return f"poll {_plain(item.name)} fires {_short(item.payload)}"
    return "time passes"


def _done(step: Step) -> list[str]:
    if step.refused is not None:
        return [f"refused: {_plain(step.refused)}"]
    lines = [f"the half-arrived set of {flow} is forgotten" for flow in step.forgotten]
    lines += [f"starts {start.flow} as {start.run}{_by(start)}{_with(start)}" for start in step.starts]
    lines += [
        f"does not start {item.flow}: {_plain(item.why)}" if item.flow else _plain(item.why)
        for item in step.not_started
    ]
    if step.repeated:
        lines.append("starts nothing new: it has come before")
    return [*(lines or ["starts nothing"]), *map(_unread, step.unread)]


def _unread(item: Unread) -> str:
    return (
        f"{UNREAD}: {_plain(item.flow)} filters by `{_plain(item.field)}`, which is {item.number[:_SHOWN]}: a 64-bit "
        "float does not keep it, so it is no number for AWS's matcher. The others compare the nearest float. Publish "
        "it as text"
    )


def _by(start: Start) -> str:
    return f" on its schedule at {start.at.isoformat()}" if start.reason == "schedule" else ""


def _with(start: Start) -> str:
    if start.fails is not None:
        return f", which fails before its first step: {_plain(start.fails)}"
    given = ", ".join(f"{name} = {_short(value)}" for name, value in start.parameters.items())
    return f" with {given}" if given else ""


def _plain(value: str) -> str:
    return value if value.isprintable() and value.isascii() else json.dumps(value)[1:-1]


def _short(value: Any) -> str:
    try:
        shown = json.dumps(json.loads(text_of(value)))
    except (TypeError, ValueError, RecursionError, OverflowError):
        shown = "..."
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."


def as_json(steps: Sequence[Step], waiting: Sequence[Waiting], refusals: Mapping[str, Sequence[Diagnostic]]) -> str:
    """One document: `{"steps": [...], "waiting": [...], "backends": {...}}`. Numbers keep their digits."""
    value = {
        "steps": [_step(step) for step in steps],
        "waiting": [{"flow": held.flow, "has": dict(held.has), "lacks": list(held.lacks)} for held in waiting],
        "backends": {
            name: [{"code": item.code, "message": item.message} for item in found] for name, found in refusals.items()
        },
    }
    return text_of(value) + "\n"


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.item.kind,
        "name": _text(step.item.name),
        "at": step.at.isoformat(),
        "accepted": step.refused is None,
        "refused": step.refused,
        "repeated": step.repeated,
        "starts": [_start(start) for start in step.starts],
        "not_started": [
            {"flow": item.flow, "parameter": item.parameter, "why": _text(item.why)} for item in step.not_started
        ],
        "forgotten": list(step.forgotten),
        "notes": [
            {"code": UNREAD, "flow": _text(item.flow), "field": _text(item.field), "number": item.number}
            for item in step.unread
        ],
    }


def _start(start: Start) -> dict[str, Any]:
    return {
        "flow": start.flow,
        "run": start.run,
        "reason": start.reason,
        "at": start.at.isoformat(),
        "parameters": start.parameters,
        "fails": start.fails,
        "trigger": [
            {"name": event.name, "id": event.id, "timestamp": event.at.isoformat(), "payload": event.payload}
            for event in start.events
        ],
    }


def _text(value: str) -> str:
    """Text that can be written: what is no Unicode is shown by its escape."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
