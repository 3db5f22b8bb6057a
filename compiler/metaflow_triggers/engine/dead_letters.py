"""Dead letters: the refused starts of one flow in the engine's database.

In:   a connection, the flow's key, who reads the flows as they are written now.
Out:  `Refused`, which has the shape of `dead_letters.letter.Box`; `letters_of`, for who reads alone.

Not here: taking events again (`again`), reading files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timezone

from metaflow_extensions.triggers.contract import exact_json

from ..dead_letters import letter as values
from ..dead_letters.letter import Letter, Looked, Sent
from ..model.flows import Flow
from . import again
from .waits import LocalFlow

BACKEND = "local"
_VERDICTS = {
    again.STARTED: values.STARTED,
    again.TAKEN: values.TAKEN,
    again.REFUSED: values.REFUSED,
    again.STAYS: values.STAYS,
}


def keys(connection: sqlite3.Connection) -> list[str]:
    """The flows that have refused starts."""
    return [key for (key,) in connection.execute("SELECT DISTINCT flow_key FROM starts WHERE state = 'refused'")]


def letters_of(connection: sqlite3.Connection, key: str, where: str) -> tuple[Letter, ...]:
    """The refused starts of a flow, the oldest first. Reads only. Raises sqlite3.Error."""
    rows = connection.execute(
        "SELECT id, start_key, name, document, error, scheduled_at FROM starts"
        " WHERE state = 'refused' AND flow_key = ? ORDER BY id",
        (key,),
    ).fetchall()
    return tuple(_letter(connection, key, where, row) for row in rows)


def _letter(
    connection: sqlite3.Connection, key: str, where: str, row: tuple[int, str, str, str, str | None, str]
) -> Letter:
    start_id, start_key, name, document, error, at = row
    told = exact_json.loads(document)["events"]
    events = again.events_of(connection, start_key, document)
    one = events[0] if events and len(events) == 1 else None
    kind = values.SET if len(told) > 1 else values.OUTCOME if start_key.startswith("finish/") else values.EVENT
    if kind == values.OUTCOME:
        name = (one.name if one else name).removeprefix("metaflow.outcome.").rpartition(".")[0]
    payload = again.document_payloads(events or ())
    identity = one.id if one else start_key.partition("/")[2].rpartition("/")[2]
    return Letter(
        id=str(start_id),
        backend=BACKEND,
        flow=key.rpartition(".")[2],
        deployed=key,
        kind=kind,
        name=(one.name if one and kind == values.EVENT else name) or None,
        event_id=None if kind == values.SET else identity,
        reason=error or "",
        at=datetime.fromisoformat(at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        where=where,
        size=len(payload.encode("utf-8", "surrogatepass")),
        payload=payload,
        stays="" if events else "its event was pruned, and only the reason is kept",
    )


class Refused:
    """`where` is the file; `flows` reads the flows as they are written now, by key: asked when something is sent."""

    def __init__(
        self, connection: sqlite3.Connection, key: str, where: str, flows: Callable[[], Mapping[str, Flow]]
    ) -> None:
        self._connection, self._key, self._where, self._flows = connection, key, where, flows

    def look(self) -> Looked:
        return Looked(letters_of(self._connection, self._key, self._where))

    def send(self, ids: Collection[str], payload: str | None = None) -> Iterator[Sent]:
        """Its event is taken once more, in one transaction: what starts is a start of the same key."""
        for letter in self.look().letters:
            if letter.id not in ids:
                continue
            flow = self._flows().get(self._key)
            if flow is None:
                yield Sent(letter, values.STAYS, "its file was not read: name it with --path")
                continue
            now = datetime.now(timezone.utc)
            came = again.refused_again(self._connection, int(letter.id), LocalFlow(self._key, flow), now)
            if came is not None:
                yield Sent(letter, _VERDICTS[came.verdict], came.told)

    def drop(self, ids: Collection[str]) -> Iterator[str]:
        for letter in self.look().letters:
            if letter.id in ids and again.drop(self._connection, self._key, int(letter.id), datetime.now(timezone.utc)):
                yield letter.id
