"""Polled: the poll triggers of a cloud, for `list`, `history`, `enable`, `disable`, `pause` and `resume --backend`.

In:   the parsed arguments; the records of the backend.
Out:  what the same commands say of the engine's database; exit code 0. Raises DiagnosticError, PollError.

Not here: what a record means (`Spec.polls` of the backend).
"""

from __future__ import annotations

import argparse
import json
from contextlib import AbstractContextManager
from typing import Any

from ..backends import registry
from ..diagnostics import Diagnostic, DiagnosticError


def records_of(backend: str) -> Any:
    """What keeps the poll triggers of a backend. Raises DiagnosticError (FT511)."""
    found = registry.polls(backend)
    if found is None:
        message = f"nothing polls on {backend} yet, so there are no poll triggers to look after"
        raise DiagnosticError([Diagnostic("FT511", message, severity="error")])
    return found


def at(options: argparse.Namespace) -> AbstractContextManager[Any]:
    """Where the backend keeps them."""
    opened: AbstractContextManager[Any] = records_of(options.of_backend).opened("")
    return opened


def listed(options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    """The triggers, and the flows whose starts are held."""
    records = records_of(options.of_backend)
    with at(options) as connection:
        return records.schedules(connection), records.paused(connection)


def history(options: argparse.Namespace) -> int:
    """Print what a trigger has fired, the latest first."""
    from .manage import print_json, print_table

    if options.limit < 0:
        raise DiagnosticError([Diagnostic("FT714", f"--limit is {options.limit}; expected a number from 0")])
    records = records_of(options.of_backend)
    with at(options) as connection:
        if records.schedule(connection, options.name) is None:
            records.known(connection, options.name)
        rows = records.history(connection, options.name, limit=options.limit)
    if options.format == "json":
        print_json(rows)
        return 0
    told = [
        (row["started_at"], row["state"], row["run_id"] or "", json.dumps(row["context"]), row["error"] or "")
        for row in rows
    ]
    print_table(("FIRED", "STATE", "RUN", "CONTEXT", "ERROR"), told)
    return 0


def enable(options: argparse.Namespace, enabled: bool) -> None:
    """Poll a trigger from its next tick on, or no more."""
    with at(options) as connection:
        records_of(options.of_backend).set_enabled(connection, options.name, enabled)


def pause(options: argparse.Namespace, held: bool) -> list[str]:
    """Hold what polls start of a flow, or let it go; the flows."""
    with at(options) as connection:
        found: list[str] = records_of(options.of_backend).set_paused(connection, options.flow, held)
        return found
