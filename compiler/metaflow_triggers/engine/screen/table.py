"""Table: the state of an engine as lines for a terminal.

In:   what is known (`View`), the terminal's size.
Out:  lines that fit into it, however much there is.

Not here: reading the database, writing to a terminal (`live`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..observe import Snapshot

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"
_COLORS = {
    "succeeded": _GREEN,
    "running": _GREEN,
    "waits": _YELLOW,
    "aborted": _YELLOW,
    "failed": _RED,
    "timed out": _RED,
    "lost": _RED,
    "refused": _RED,
    "error": _RED,
}
_GAP = "  "


@dataclass(frozen=True)
class View:
    """What is shown. `polls` are rows of `polls.records.schedules`, `schedules` (flow key, next time)."""

    snapshot: Snapshot
    polls: Sequence[Mapping[str, Any]]
    schedules: Sequence[tuple[str, datetime]]
    now: datetime
    title: str
    note: str = ""


@dataclass(frozen=True)
class _Section:
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]


def lines(view: View, width: int, height: int, color: bool) -> list[str]:
    """At most `height` lines of at most `width` cells."""
    active = view.snapshot.active
    running = sum(row["state"] == "started" for row in active)
    counts = [
        f"{running} running",
        f"{len(active) - running} waiting to run",
        _many(len(view.snapshot.waiting), "half set"),
    ]
    title = f"{view.title}: " + ", ".join(item for item in counts if not item.startswith("0 ") or "running" in item)
    if view.note:
        title += f"; {view.note}"
    out = [_painted(cut(title, width), _BOLD, color)][: max(0, height)]
    sections = [section for section in _sections(view) if section.rows]
    room = _shares([len(section.rows) for section in sections], height - len(out) - len(sections))
    for section, share in zip(sections, room, strict=True):
        if share <= 0:
            continue
        rows = section.rows[:share]
        if share < len(section.rows):  # the last line says how many are not shown
            rows[-1] = (f"... {len(section.rows) - share + 1} more",) + ("",) * (len(section.heads) - 1)
        out.extend(_laid_out(section.heads, rows, width, color))
    return out


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_cells(char) for char in text)


def cut(text: str, width: int) -> str:
    """The text without what could move a cursor, in at most `width` cells; what was cut off ends in an ellipsis."""
    text = "".join(char if char.isprintable() else " " for char in text)
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _cells(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "\u2026" if width > 0 else ""


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 05 min`, `3 d`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d"


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _sections(view: View) -> list[_Section]:
    return [
        _Section(
            ("POLL", "STARTS", "EVERY", "NEXT", "LAST"),
            [
                (
                    str(row["trigger_name"]),
                    str(row["workflow_name"]),
                    str(row["poll_interval"]),
                    _next(row["next_due_at"], view.now) if row["enabled"] else "disabled",
                    _polled(row),
                )
                for row in view.polls
            ],
        ),
        _Section(
            ("SCHEDULE", "NEXT"),
            [
                (key, f"{when:%Y-%m-%d %H:%M} UTC, in {span((when - view.now).total_seconds())}")
                for key, when in view.schedules
            ],
        ),
        _Section(
            ("SET OF", "HAS", "WAITS FOR"),
            [(item.flow_key, ", ".join(item.arrived), ", ".join(item.missing)) for item in view.snapshot.waiting],
        ),
        _Section(("RUN", "STATE", "FOR", "BECAUSE OF"), [_active(row, view.now) for row in view.snapshot.active]),
        _Section(("ENDED", "STATE", "AFTER", "BECAUSE OF", ""), [_ended(row) for row in view.snapshot.ended]),
    ]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _next(due: str | None, now: datetime) -> str:
    if due is None:
        return "now"
    seconds = (datetime.fromisoformat(due) - now).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else "now"


def _polled(row: Mapping[str, Any]) -> str:
    if "down" in row:
        return f"error: {row['down']}"
    result = str(row["last_result"] or "")
    if result == "error":
        return f"error ({row['consecutive_errors']} in a row): {row['last_error'] or ''}"
    return result


def _active(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    began = row["started_at"] or row["scheduled_at"]
    state = "running" if row["state"] == "started" else "waits"
    seconds = (now - datetime.fromisoformat(began)).total_seconds()
    return f"{row['flow_key']} #{row['id']}", state, span(seconds), str(row["reason"])


def _ended(row: Mapping[str, Any]) -> tuple[str, ...]:
    took = ""
    if row["started_at"] and row["ended_at"]:
        began, ended = (datetime.fromisoformat(row[key]) for key in ("started_at", "ended_at"))
        took = span((ended - began).total_seconds())
    error = ""
    if row["error"] and row["state"] != "succeeded":
        error = f"in step {row['step']}: {row['error']}" if row["step"] else str(row["error"])
    state = str(row["state"]).replace("_", " ")
    return f"{row['flow_key']} #{row['id']}", state, took, str(row["reason"]), error


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Lines for each section: all take one in turn until they have what they want or nothing is left."""
    given = [0] * len(wanted)
    while room > 0 and any(have < want for have, want in zip(given, wanted, strict=True)):
        for number, want in enumerate(wanted):
            if given[number] < want and room > 0:
                given[number] += 1
                room -= 1
    return given


def _laid_out(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int, color: bool) -> list[str]:
    rows = [tuple(cut(cell, width) for cell in row) for row in rows]
    widths = [max(cells(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    # A long column does not push the others out: no column but the last takes more than its half.
    widths = [min(size, max(8, width // 2)) for size in widths[:-1]] + [widths[-1]]
    out = []
    for number, row in enumerate((heads, *rows)):
        left, parts = width, []
        for cell, size in zip(row, widths, strict=True):
            text = cut(cell, min(size, left))
            padded = text + " " * (min(size, left) - cells(text))
            parts.append(_painted(padded, _DIM if number == 0 else _COLORS.get(cell.partition(" (")[0], ""), color))
            left -= size + len(_GAP)
            if left <= 0:
                break
        out.append(_GAP.join(parts).rstrip())
    return out


def _painted(text: str, paint: str, color: bool) -> str:
    return f"{paint}{text}{_PLAIN}" if color and paint and text.strip() else text
