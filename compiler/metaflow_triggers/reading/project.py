"""Project: the flows of many files, each read in a process of its own.

In:   paths of flow files and folders.
Out:  `ReadFlow`s in the order of the files, and diagnostics of the files that could not be read.

Not here: what a flow means. One parent that has imported Metaflow forks a child per file (spawns one where
fork is unsafe): a flow that raises, hangs, prints or calls sys.exit costs one diagnostic, and the others go on.
"""

from __future__ import annotations

import gc
import os
import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..diagnostics import Diagnostic
from ..diagnostics.wire import from_wire
from ..model.flows import PollTrigger
from ..model.serialize import from_json
from .child_process import Child, start
from .prepared import ReadFlow
from .request import Request


@dataclass(frozen=True)
class Read:
    """What files hold, in the order of the files."""

    flows: list[ReadFlow]
    polls: list[PollTrigger]
    diagnostics: list[Diagnostic]


def read_project(files: Sequence[str], request: Request) -> Read:
    """Read every file in a child of its own, `request.workers` at a time; results come in the order of `files`."""
    answers: dict[str, dict[str, Any]] = {}
    waiting = list(reversed(files))
    running: dict[int, Child] = {}
    selector = selectors.DefaultSelector()
    if len(files) > 1:
        _prepare(request)
    try:
        while waiting or running:
            while waiting and len(running) < max(1, request.workers):
                child = start(waiting.pop(), request)
                running[child.read_end] = child
                selector.register(child.read_end, selectors.EVENT_READ)
            nearest = min(child.deadline for child in running.values())
            for key, _ in selector.select(max(0.0, nearest - time.monotonic())):
                child = running[key.fd]
                chunk = os.read(key.fd, 1 << 20)
                if chunk:
                    child.received.append(chunk)
                    continue
                selector.unregister(key.fd)
                del running[key.fd]
                answers[child.file] = child.finish()
            for descriptor, child in list(running.items()):
                if time.monotonic() >= child.deadline:
                    selector.unregister(descriptor)
                    del running[descriptor]
                    answers[child.file] = child.stop(request.seconds)
    finally:
        for child in running.values():
            child.stop(request.seconds)
        selector.close()
    flows: list[ReadFlow] = []
    polls: list[PollTrigger] = []
    diagnostics: list[Diagnostic] = []
    for file in files:
        answer = answers[file]
        polls.extend(from_json(item) for item in answer.get("polls", ()))
        flows.extend(ReadFlow(from_json(item["flow"]), item["workflows"]) for item in answer["flows"])
        diagnostics.extend(from_wire(item) for item in answer["diagnostics"])
    named = {os.path.realpath(file) for file in files}
    # A poll trigger of an imported file is told by that file, if it is one of ours.
    told = [
        item
        for item in diagnostics
        if item.code != "FT731" or item.span is None or os.path.realpath(item.span.file) not in named
    ]
    return Read(flows, polls, told)


def _prepare(request: Request) -> None:
    """Do once what each child would do again: import, and tell the collector that this is here to stay."""
    from .. import seams
    from ..backends import registry
    from . import flow, one_file, polls, source  # noqa: F401

    seams.preload()
    if request.workflow and request.code_package:
        seams.preload_code_package()
    for name in request.backends:
        registry.backend(name)
    gc.collect()
    gc.freeze()
