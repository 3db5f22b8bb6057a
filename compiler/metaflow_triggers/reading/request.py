"""Request: what is to be read of every file.

In:   nothing; this is a value.
Out:  `Request`.

Not here: reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .flow_options import FlowOptions


@dataclass(frozen=True)
class Request:
    """What to read of every file.

    `seconds`: how long one file may take; `roots`: the real paths of folders. `chosen`: the user
    named the backends, so each flow is compiled for all of them; else a flow that asks for one is compiled for that
    one. `of_paths` say which are for the flows below some paths, told from the folder `here`. `options` are those of
    the flows' command lines. `kept`: a folder for what a deployment uploads, or "".
    """

    backends: tuple[str, ...]
    production: bool = False
    branch: str | None = None
    code_package: bool = True
    workflow: bool = True
    seconds: float = 60.0
    workers: int = 1
    chosen: bool = True
    options: FlowOptions = field(default_factory=FlowOptions)
    roots: tuple[str, ...] = ()
    kept: str = ""
    here: str = ""
    of_paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cached: bool = False
