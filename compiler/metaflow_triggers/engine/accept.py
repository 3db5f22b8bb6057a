"""Accept: an event from outside of any run becomes a row of the engine's log.

In:   a name, a payload as bytes of JSON, an id; the database.
Out:  `Accepted`, once the event is on disk; a DiagnosticError for what no event can be, or was not accepted.

Not here: who says it (`metaflow-triggers emit`, the engine's page), a cloud's bus, the project's catalogue.
Nothing is stored before name, payload and id have been judged.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from metaflow_extensions.triggers.contract import event_check, exact_json
from metaflow_extensions.triggers.plugins import local_events

from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.suggest import did_you_mean
from ..model.flows import Span
from . import faults, store

LARGEST_INPUT = 64 * 1024 * 1024
"""Bytes that are read at most; blanks may stand between what counts."""
_IDENTITY = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def refused(code: str, message: str, *helps: str) -> DiagnosticError:
    """One refusal. What a user typed may hold anything; a message is one line of text."""
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in message)
    return DiagnosticError([Diagnostic(code, shown, helps=helps)])


def identity(given: str | None) -> str:
    """The id, or a new one where none was given. Raises DiagnosticError (FT762)."""
    if given is None:
        return str(uuid.uuid4())
    if not _IDENTITY.fullmatch(given):
        raise refused("FT762", f"an event's id has 1 to 128 characters out of A-Z a-z 0-9 _ . : - ; found {given!r}")
    return given


def name(given: str) -> str:
    """The name. Raises DiagnosticError (FT760)."""
    try:
        return str(event_check.check_name(given))
    except event_check.NotAnEvent as error:
        helps = ("@trigger_on_finish(flow=...) starts a flow when another one ends",) if "outcome" in str(error) else ()
        raise refused("FT760", str(error), *helps) from None


def payload(of: str, given: bytes) -> tuple[dict[str, Any], str]:
    """The payload of an event and its canonical text. Raises DiagnosticError (FT761)."""
    if len(given) > LARGEST_INPUT:
        raise refused("FT761", f"the payload of event {of!r} is longer than {LARGEST_INPUT} bytes")
    try:
        found = exact_json.loads(given.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise refused("FT761", f"the payload of event {of!r} is not UTF-8: {error}") from None
    except RecursionError:
        raise refused("FT761", f"the payload of event {of!r} is nested too deeply") from None
    except ValueError as error:
        helps = ("a JSON object, for instance: --payload '{\"orderId\": 7}'",)
        raise refused("FT761", f"the payload of event {of!r} is not JSON: {error}", *helps) from None
    if not isinstance(found, dict):
        what = "null" if found is None else {list: "a list", str: "a text", bool: "a boolean"}.get(type(found))
        raise refused("FT761", f"the payload of event {of!r} is {what or 'a number'}, not a JSON object")
    try:
        return found, event_check.check_payload(of, found)
    except event_check.NotAnEvent as error:
        raise refused("FT761", str(error)) from None


def misfit(of: str, told: Collection[str], span: Span) -> DiagnosticError:
    """The refusal of a payload that is not what the catalogue says of its event (FT765)."""
    whose = f"what `{of}` carries"
    return DiagnosticError([Diagnostic("FT765", f"the payload of event {of!r}: {line}", span, whose) for line in told])


@dataclass(frozen=True)
class Accepted:
    """`is_new`: it was not there before. `made`: the database was made for it. `unheard`: that nobody waits for it."""

    is_new: bool
    made: bool
    unheard: str | None


def accept(path: str, of: str, text: str, identity: str) -> Accepted:
    """Add the event to the log. Raises DiagnosticError (FT740 to FT764).

    The database is made where there is none yet: what is accepted before the first `run` waits for it.
    """
    is_made = not store.exists(path)
    with contextlib.closing(store.connect(path)) as connection:  # says what is wrong with the file
        unheard = _unheard(store.waited_for(connection), of)
    try:
        when = local_events.timestamp_text(datetime.now(timezone.utc))
        is_new = bool(local_events.append(path, of, text, identity, when))
    except local_events.Taken as error:
        raise refused("FT764", str(error), "another event needs another id; without --id it gets one") from None
    except sqlite3.Error as error:
        raise DiagnosticError([faults.diagnostic(error, path, f"event {of!r} was not accepted")]) from error
    return Accepted(is_new, is_made, unheard)


def _unheard(waited: dict[str, list[str]], of: str) -> str | None:
    """What is said of an event that no flow waits for which an engine has served; None before any was."""
    if not waited or any(of in names for names in waited.values()):
        return None
    meant = did_you_mean(of, sorted({item for names in waited.values() for item in names}))
    told = f"; {meant[0]} " if meant else ". "
    return f"no flow that was served from this database waits for event {of}{told}The event is kept"
