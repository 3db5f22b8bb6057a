"""Request: what is to be read of every file.

In:   nothing; this is a value.
Out:  `Request`.

Not here: reading.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What to read of every file. `seconds`: how long one file may take; `roots`: the real paths of folders."""

    backends: tuple[str, ...]
    production: bool = False
    branch: str | None = None
    code_package: bool = True
    workflow: bool = True
    seconds: float = 60.0
    workers: int = 1
    roots: tuple[str, ...] = ()
