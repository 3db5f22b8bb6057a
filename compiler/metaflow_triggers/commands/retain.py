"""Retain command: `metaflow-triggers retain`, how long the engine's database keeps what it has.

In:   arguments, the engine's database.
Out:  what holds from now on, on standard output; exit code 0, 1 for a mistake, 2 for one in the arguments.

Not here: pruning (`engine.retention`). An engine that runs meanwhile sees the change at its next look.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import re
import sys
from typing import Any

from .run import add_database

_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_LEAST = 1 << 20


def add_parser(commands: Any) -> None:
    """Add `retain` to the command line."""
    parser = commands.add_parser(
        "retain",
        help="how long the engine's database keeps payloads, logs and finished starts; without options: say it",
        description="What a set, an unread event or an active start needs is kept whatever is said here.",
    )
    add_database(parser)
    parser.add_argument("--days", type=_days(1), metavar="N", help="so many days (default: 30)")
    parser.add_argument("--size", type=_size, metavar="SIZE", help="so much of them, as 500MiB or 2GiB (default: 2GiB)")
    parser.add_argument(
        "--ids",
        type=_ids,
        metavar="DAYS",
        help="hashes of ids, by which nothing starts twice: at least 90, or `forever`",
    )
    parser.set_defaults(work=work)


def _days(least: int) -> Any:
    def days(text: str) -> int:
        with contextlib.suppress(ValueError):
            if least <= int(text) <= 36_500:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from {least} to 36500")

    return days


def _ids(text: str) -> int:
    """Days; 0 for ever."""
    return 0 if text == "forever" else int(_days(90)(text))


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,15}) ?(KiB|MiB|GiB|TiB|)", text)
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if size < _LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size from 1MiB, such as 500MiB or 2GiB")
    return size


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from .manage import guarded

    return guarded(_retain, options)


def _retain(options: argparse.Namespace) -> int:
    from ..engine import keep
    from .manage import database

    connection = database(options)
    said = keep.read(connection)
    changes = {name: value for name in ("days", "size") if (value := getattr(options, name)) is not None}
    if options.ids is not None:
        changes["ids"] = options.ids or None
    if changes:
        said = dataclasses.replace(said, **changes)
        keep.write(connection, said)
    ids = "for ever" if said.ids is None else f"for {said.ids} days"
    sys.stdout.write(
        f"payloads, logs and finished starts: for {said.days} days, at most {shown(said.size)}; hashes of ids: {ids}\n"
    )
    begin = keep.begins(connection)
    if begin is None:
        sys.stdout.write("nothing is pruned yet: the next engine says from when on\n")
    elif begin:
        sys.stdout.write(f"nothing is pruned before {begin}\n")
    return 0


def shown(size: int) -> str:
    """`2 GiB`, `1.5 MiB`."""
    unit = next((name for name, factor in reversed(_UNITS.items()) if size >= factor), "")
    return f"{size / _UNITS[unit]:.4g} {unit or 'bytes'}"
