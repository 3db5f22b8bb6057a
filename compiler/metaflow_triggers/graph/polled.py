"""Polled: what changed of the poll triggers that start a flow, in words; they as an output folder records them.

In:   the poll triggers of a flow before and after.
Out:  (kind, words) for each change, sorted by the trigger's name; JSON values and back.

Not here: which flow a trigger starts (`link`). What is the poller's own business, as the function, is the code's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..model.flows import PollTrigger, Span
from .explain import interval_words, polled_words

_NOWHERE = Span("", 1, 1, 1, 1)
_RECORDED = ("name", "flow", "interval_milliseconds", "allow_concurrent", "dedup", "dedup_keys")


def recorded_polls(polls: Iterable[PollTrigger]) -> list[dict[str, Any]]:
    """As JSON objects without places, sorted by name."""
    rows = [{key: getattr(poll, key) for key in _RECORDED} for poll in polls]
    for row in rows:
        row["dedup_keys"] = None if row["dedup_keys"] is None else list(row["dedup_keys"])
    return sorted(rows, key=lambda row: str(row["name"]))


def restored_polls(rows: Any) -> tuple[PollTrigger, ...]:
    """Those of what `recorded_polls` gave, in no file. Raises ValueError for anything else."""
    try:
        return tuple(
            PollTrigger(
                str(row["name"]),
                str(row["flow"]),
                int(row["interval_milliseconds"]),
                bool(row["allow_concurrent"]),
                _NOWHERE,
                dedup=str(row["dedup"]),
                dedup_keys=None if row["dedup_keys"] is None else tuple(row["dedup_keys"]),
            )
            for row in rows
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not recorded poll triggers") from error


def poll_changes(old: Iterable[PollTrigger], new: Iterable[PollTrigger]) -> Iterator[tuple[str, str]]:
    """What changed; a trigger is the same when its name is."""
    before, after = ({poll.name: poll for poll in polls} for polls in (old, new))
    for name in sorted({*before, *after}):
        if name not in before:
            poll = after[name]
            yield "poll-added", f"is now polled by {name} ({polled_words(poll)})"
        elif name not in after:
            yield "poll-removed", f"is no longer polled by {name}"
        else:
            for words in _otherwise(before[name], after[name]):
                yield "poll-changed", words


def _otherwise(old: PollTrigger, new: PollTrigger) -> Iterator[str]:
    every = [interval_words(poll.interval_milliseconds) for poll in (old, new)]
    if every[0] != every[1]:
        yield f"is polled by {new.name} every {every[1]} instead of {every[0]}"
    if old.allow_concurrent != new.allow_concurrent:
        now = "now also starts" if new.allow_concurrent else "no longer starts"
        yield f"{now} by the poll {new.name} while it runs"
    if old.dedup != new.dedup:
        yield f"has the dedup {json.dumps(new.dedup)} of the poll {new.name} instead of {json.dumps(old.dedup)}"
    if old.dedup_keys != new.dedup_keys:
        yield f"is told apart by {_keys(new)} of what {new.name} finds instead of {_keys(old)}"


def _keys(poll: PollTrigger) -> str:
    return "all keys" if poll.dedup_keys is None else " and ".join(poll.dedup_keys) or "no key"
