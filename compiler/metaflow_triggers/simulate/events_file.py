"""Events file: the items of a simulation, as a person writes them.

In:   the text of a JSON document (one item or a list) or of JSON lines.
Out:  `Item`s; or EventsFileError, with the place.

Not here: reading the file, what the items start.

An item is one of
    {"name": "order-placed", "payload": {"id": 7}, "id": "e1", "at": "2026-01-05T09:00:00Z"}
    {"flow": "Ingest", "outcome": "failure", "run_id": "12", "project": ..., "branch": ..., "step": ..., "error": ...}
    {"poll": "watch_inbox", "context": {"path": "a.csv"}}
    {"at": "2026-01-05T10:00:00Z"}                      only time passes
and each may have `at`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ..diagnostics.suggest import did_you_mean
from ..model.flows import OUTCOMES, TriggerGraph
from .items import Item, utc
from .values import exact

_KEYS = {
    "event": ("name", "payload", "id", "at"),
    "finish": ("flow", "outcome", "run_id", "project", "branch", "step", "error", "at"),
    "poll": ("poll", "context", "at"),
    "tick": ("at",),
}
_TEXTS = ("name", "id", "flow", "outcome", "run_id", "project", "branch", "step", "error", "poll", "at")


class EventsFileError(ValueError):
    """A text that is no events file. `line` counts from 1; `helps` are things to type."""

    def __init__(self, message: str, line: int = 1, helps: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.line = line
        self.helps = helps


def parse(text: str) -> list[Item]:
    """The items in the order of the file. Raises EventsFileError."""
    found = _values(text)
    return [_item(value, line, number) for number, (value, line) in enumerate(found, 1)]


def placed(items: list[Item], graph: TriggerGraph) -> list[Item]:
    """Outcomes that name no project get that of the one flow of their name, where there is just one."""
    by_name: dict[str, list[tuple[str | None, str | None]]] = {}
    for flow in graph.flows:
        by_name.setdefault(flow.name, []).append((flow.project, flow.branch))
    return [_placed(item, by_name.get(item.name, [])) for item in items]


def _placed(item: Item, homes: list[tuple[str | None, str | None]]) -> Item:
    if item.kind != "finish" or item.project is not None or len(homes) != 1:
        return item
    project, branch = homes[0]
    return dataclasses.replace(item, project=project, branch=item.branch or branch)


def _values(text: str) -> list[tuple[Any, int]]:
    text = text.removeprefix("\ufeff")
    try:
        whole = _loads(text)
    except ValueError as error:
        # Only a line feed ends a line of JSON lines: U+2028 may stand inside a string.
        lines = [(line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            return []
        out = []
        for line, number in lines:
            try:
                out.append((_loads(line), number))
            except ValueError as second:
                told = second if len(lines) > 1 and number > 1 else error
                raise EventsFileError(f"neither JSON nor JSON lines: {told}", number) from None
        return out
    return [(item, 1) for item in whole] if isinstance(whole, list) else [(whole, 1)]


def _loads(text: str) -> Any:
    try:
        return exact(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _item(value: Any, line: int, number: int) -> Item:
    def wrong(message: str, *helps: str) -> EventsFileError:
        return EventsFileError(f"item {number} {message}", line, helps)

    if not isinstance(value, dict):
        raise wrong("is not an object", 'write {"name": "order-placed", "payload": {}}')
    kinds = {"name": "event", "flow": "finish", "poll": "poll"}
    said = [key for key in kinds if key in value]
    if len(said) > 1:
        raise wrong(f"has both `{said[0]}` and `{said[1]}`", "make two items of it")
    kind = kinds[said[0]] if said else "tick"
    unknown = [key for key in value if key not in _KEYS[kind]]
    if unknown or not value:
        if not said:
            near = did_you_mean(unknown[0], _ALL) if unknown else ()
            raise wrong("has none of `name`, `flow`, `poll` and `at`", *near)
        raise wrong(f"has an unknown key `{unknown[0]}`", *did_you_mean(unknown[0], _KEYS[kind]))
    for key in _TEXTS:
        if value.get(key) is not None and not isinstance(value[key], str):
            raise wrong(f"has a `{key}` that is no text")
    payload = value.get("payload", value.get("context"))
    at = None
    if value.get("at") is not None:
        try:
            at = utc(value["at"])
        except ValueError:
            raise wrong("has an `at` that is no time", 'write "at": "2026-01-05T09:00:00Z"') from None
    if kind == "finish" and value.get("outcome") not in OUTCOMES:
        raise wrong(f"has no outcome out of {', '.join(OUTCOMES)}")
    if kind == "poll" and payload is not None and not isinstance(payload, dict):
        raise wrong("has a `context` that is no object")
    return Item(
        kind=kind,
        name=value[said[0]] if said else "",
        payload={} if payload is None else payload,
        identity=value.get("id", value.get("run_id")),
        at=at,
        outcome=value.get("outcome") or "",
        line=line,
        **{key: value.get(key) for key in ("project", "branch", "step", "error")},
    )


_ALL = tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys))
