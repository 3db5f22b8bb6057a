"""Regular: the content of a user's file, where it is a regular file of bounded size.

In:   a path, the most bytes that are wanted, or None for all.
Out:  the bytes; `Unreadable` for anything else: a device, a pipe, a folder, a file that is larger or may not be read.

Not here: what the bytes say. A repository may hold a link to `/dev/zero`: nothing of a user's is opened otherwise.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

SOURCE_LIMIT = 1 << 20
"""Bytes of a Python file. Parsing takes about 500 times as much memory where every other byte is a number."""


class Unreadable(Exception):
    """Why a path has no content, in words that follow its name: `is a pipe`."""


def read(path: str | Path, limit: int | None = SOURCE_LIMIT) -> bytes:
    """The content of a regular file. Raises Unreadable."""
    try:
        _check(os.stat(path).st_mode)
        # It may be another file by now, and without O_NONBLOCK a pipe waits for somebody who writes.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with os.fdopen(descriptor, "rb") as stream:
        _check(os.fstat(descriptor).st_mode)
        try:
            content = stream.read(-1 if limit is None else limit + 1)
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from None
    if limit is not None and len(content) > limit:
        raise Unreadable(f"is larger than {limit:,} bytes")
    return content


def text(path: str | Path, limit: int = SOURCE_LIMIT) -> str:
    """The content as text, as far as it is UTF-8. Raises Unreadable."""
    return read(path, limit).decode("utf-8", "replace")


def _check(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise Unreadable(f"is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a regular file")
