"""Acts: what a page may ask to be done.

In:   the database, the files of the flows that are served, what was asked for as JSON values.
Out:  what was done, in words; a DiagnosticError where it was not.

Not here: doing it. Each act is that of a command: `emit`, `emit --again`, `dead-letters send-again`, `pause`, `resume`,
`enable`, `disable`, by the same pieces.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError
from ...poll.errors import PollError
from ...rules.catalogued import misfits
from .. import accept, again, dead_letters, pauses, store
from ..polls import records
from ..trail import rows
from ..waits import local_flow
from .current import Files


@dataclass(frozen=True)
class Where:
    """The database; the flows and the catalogue as their files are when an act asks, as for a command."""

    database: str
    files: Files


class Unfit(ValueError):
    """What was asked for has not the form of this act."""


def act(name: str, where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Do it. Raises KeyError for an unknown act, Unfit, DiagnosticError, sqlite3.Error."""
    try:
        return _ACTS[name](where, asked)
    except PollError as error:
        raise DiagnosticError([Diagnostic(error.code, error.message, helps=error.helps)]) from error


def _text(asked: Mapping[str, Any], key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str):
        raise Unfit(f"`{key}` has to be a text")
    return value


def _number(asked: Mapping[str, Any], key: str) -> int:
    value = asked.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Unfit(f"`{key}` has to be the number of a row")
    return value


def _flow(asked: Mapping[str, Any]) -> str | None:
    return None if asked.get("flow") is None else _text(asked, "flow")


def _opened(where: Where) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(store.connect(where.database, create=False))


def _emit(where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
    name = accept.name(_text(asked, "name"))
    given = None if asked.get("id") in (None, "") else _text(asked, "id")
    identity = accept.identity(given)
    _, text = accept.payload(name, _text(asked, "payload").encode("utf-8", "surrogatepass"))
    event, told = misfits(where.files.catalogue(), name, text)
    if event is not None and told:
        raise accept.misfit(name, told, event.span)
    done = accept.accept(where.database, name, text, identity)
    words = f"accepted {name} with the id {identity}"
    if not done.is_new:
        words = f"{name} with the id {identity} was accepted before; nothing was added"
    with _opened(where) as connection:
        sequence = rows.sequence_of(connection, name, identity)
    return {"id": identity, "name": name, "sequence": sequence, "told": words, "note": done.unheard}


def _again(where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
    """An event of the log once more, for flows that have not had it."""
    sequence = _number(asked, "sequence")
    current = where.files.flows()
    with _opened(where) as connection:
        event = rows.event_at(connection, sequence)
        if event is None or event.kind != "event":
            raise Unfit("only an event that the log still has can be taken again")
        flows = list(map(local_flow, current.flows.values()))
        counts = again.accepted_again(
            connection, flows, datetime.now(timezone.utc), name=event.name, identity=event.identity
        )
    return {"told": "; ".join([counts.words(), *(f"left out: {why}" for why in current.unread.values())])}


def _send_again(where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The events of a refused start once more."""
    with _opened(where) as connection:
        start = rows.start_at(connection, _number(asked, "start"))
        if start is None or start.state != "refused":
            raise Unfit("there is no refused start of this number")
        current = where.files.flows()
        if start.flow_key in current.unread:
            return {"told": f"stays: {current.unread[start.flow_key]}"}
        box = dead_letters.Refused(connection, start.flow_key, where.database, lambda: current.flows)
        sent = next(iter(box.send([str(start.id)])), None)
    return {"told": "it is not there any more" if sent is None else f"{sent.verdict}: {sent.told}"}


def _pause(where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
    with _opened(where) as connection:
        key = pauses.pause(connection, _flow(asked), datetime.now(timezone.utc))
    return {"told": f"no run of {'any flow' if key == pauses.ALL else key} is started until it is resumed"}


def _resume(where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
    with _opened(where) as connection:
        key, all_are = pauses.resume(connection, _flow(asked))
    if all_are:
        return {"told": f"{key} is not paused by itself, but all flows are"}
    return {"told": f"runs of {'all flows' if key == pauses.ALL else key} are started again"}


def _enabled(is_enabled: bool) -> Callable[[Where, Mapping[str, Any]], dict[str, Any]]:
    def done(where: Where, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = _text(asked, "name")
        with _opened(where) as connection:
            records.set_enabled(connection, name, is_enabled)
        return {"told": f"{name} is {'polled from its next tick on' if is_enabled else 'polled no more'}"}

    return done


_ACTS: Mapping[str, Callable[[Where, Mapping[str, Any]], dict[str, Any]]] = {
    "emit": _emit,
    "again": _again,
    "send-again": _send_again,
    "pause": _pause,
    "resume": _resume,
    "enable": _enabled(True),
    "disable": _enabled(False),
}
NAMES = tuple(_ACTS)
