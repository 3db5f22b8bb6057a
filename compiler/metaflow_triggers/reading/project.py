"""Project: the flows of many files, each read in a process of its own.

In:   paths of flow files.
Out:  `ReadFlow`s in the order of the files, what is left out, and diagnostics of the files that could not be read.

Not here: what a flow means. One parent that has imported Metaflow forks a child per file (spawns one where
fork is unsafe): a flow that raises, hangs, prints or calls sys.exit costs one diagnostic, and the others go on.
Of many files those whose code is Metaflow's alone share a child (`together`).
"""

from __future__ import annotations

import base64
import dataclasses
import gc
import os
import selectors
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import processes
from ..diagnostics import Diagnostic
from ..diagnostics.wire import from_wire
from ..model.serialize import from_json
from ..reports.progress import AFTER, Progress
from . import recording, together
from .candidates import May
from .child_process import Child, Together, Workers, only
from .classes import BASE
from .kept_answers import KeptAnswers, opened
from .prepared import Deploys, ReadFlow
from .read import LeftOut, Read, few
from .request import Request

_LOOK = 0.2
"""Seconds between looks at spawned children, whose end nothing else tells when they leave a process behind."""


def read_project(files: Sequence[str], request: Request, found: Mapping[str, May] | None = None) -> Read:
    """Read every file in a child, `request.workers` at a time; results come in the order of `files`.

    `found` are those that nobody named: of these it is no mistake to hold no flow.
    """
    found = found or {}
    kept = opened(request)
    if kept is None:  # nothing is noted for a cache that there is not
        request = dataclasses.replace(request, cached=False)
    answers = _answers(files, request, found, kept)
    bases = {
        tuple(base)
        for file, answer in answers.items()
        for item in answer["classes"]
        for base in item["bases"]
        if base[0] != os.path.realpath(file)
    }
    read = Read(kept=kept)
    doubtful: dict[str, list[Diagnostic]] = {}
    mistakes: set[Any] = set()  # one in an inherited decorator is found in each flow that has it
    named = {os.path.realpath(file) for file in files}
    for file in files:
        answer = answers[file]
        told = [from_wire(item) for item in answer["diagnostics"]]
        if found.get(file) is May.UNKNOWN:
            told = [item for item in told if not _is_doubtful(item, doubtful)]
        flows, others = _flows(answer["classes"], os.path.realpath(file), bases, told, read.refused)
        read.flows.extend(flows)
        read.left_out.extend(others)
        read.modules[file] = answer.get("modules", [])
        polls = [from_json(item) for item in answer["polls"]]
        read.polls.extend(polls)
        for item in told:
            key = (item.code, item.span, item.label)
            if not _is_told_elsewhere(item, named) and (item.span is None or key not in mistakes):
                read.diagnostics.append(item)
            mistakes.add(key)
        read.skipped += file in found and not flows and not polls and not told
    read.diagnostics += [_not_a_flow_here(items) for items in doubtful.values()]
    classes = [item for answer in answers.values() for item in answer["classes"]]
    failed = [file for file in files if not answers[file]["classes"] and answers[file]["diagnostics"]]
    read.unread.extend(failed)
    if not failed:
        names, configs = {item["name"] for item in classes}, {name for item in classes for name in item["configs"]}
        read.diagnostics += request.options.untaken(sorted(names), sorted(configs))
    return read


def _is_told_elsewhere(item: Diagnostic, files: set[str]) -> bool:
    """Whether it is about a poll trigger of an imported file that is one of `files`."""
    return item.code == "FT731" and item.span is not None and os.path.realpath(item.span.file) in files


def _flows(
    classes: Sequence[dict[str, Any]],
    path: str,
    bases: set[tuple[Any, ...]],
    told: list[Diagnostic],
    refused: list[str],
) -> tuple[list[ReadFlow], list[LeftOut]]:
    """The flows of a file's classes, and the classes that could run and are left out. Adds to `told` and `refused`."""
    flows, others = [], []
    for item in classes:
        left_out = item["left_out"]
        if item["may_be_base"] and (path, item["name"]) in bases:
            left_out = BASE
        else:
            flows += [
                ReadFlow(
                    from_json(one["flow"]), _workflows(one), tuple(one["options"]), _deploys(one), one.get("digest", "")
                )
                for one in item["flows"]
            ]
            told += [from_wire(one) for one in item["diagnostics"]]
            refused += [] if item["flows"] or not item["diagnostics"] else [item["name"]]
        if left_out and item["could_run"]:
            others.append(LeftOut(item["name"], from_json(item["span"]), left_out))
    return flows, others


def _workflows(told: dict[str, Any]) -> dict[str, bytes]:
    return {name: base64.b64decode(text) for name, text in told["workflows"].items()}


def _deploys(told: dict[str, Any]) -> Deploys | None:
    found = told.get("deploys")
    if found is None:
        return None
    return Deploys(tuple(found["steps"]), found["packages"], from_json(found["by_upstream"]))


def _is_doubtful(item: Diagnostic, doubtful: dict[str, list[Diagnostic]]) -> bool:
    """Whether it is that a file does not run of which nothing says that it defines a flow. Gathers these by cause."""
    if item.code not in ("FT120", "FT121", "FT122"):
        return False
    doubtful.setdefault(f"{item.code} {item.message.rpartition(' while it was ')[2]}", []).append(item)
    return True


def _not_a_flow_here(items: Sequence[Diagnostic]) -> Diagnostic:
    """One warning for all such files of a cause: they do not stop the others."""
    first, *others = items
    notes = [*first.notes, "its class has a base that is not to be seen here, so it may be a flow, and is left out"]
    if others:
        names = few([item.span.file for item in others if item.span is not None])
        notes.append(f"{len(others)} more file{'' if len(others) == 1 else 's'} for the same cause: {names}")
    return dataclasses.replace(first, severity="warning", notes=tuple(notes))


def _answers(
    files: Sequence[str], request: Request, found: Mapping[str, May], kept: KeptAnswers | None
) -> dict[str, dict[str, Any]]:
    """What the child of each file told, this time or an earlier one."""
    if kept is None:
        return _told(files, request, found, many=len(files) > 1, keep=lambda *told: None)
    try:
        answers = kept.answers({file: file not in found for file in files})
        left = [file for file in files if file not in answers]
        if left:
            answers |= _told(left, request, found, many=len(files) > 1, keep=kept.keep, before=kept.note_ours)
    finally:
        kept.save()
    return answers


def _told(
    files: Sequence[str],
    request: Request,
    found: Mapping[str, May],
    *,
    many: bool,
    keep: Callable[[str, bool, dict[str, Any], dict[str, Any], int], None],
    before: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """What the child of each file tells. `before` is called when all that they share is there; `keep` takes each
    answer with what was read for it. The collector is told that what is there then is to stay.
    """
    answers: dict[str, dict[str, Any]] = {}
    waiting = list(reversed(files))
    running: dict[int, Child] = {}
    selector = selectors.DefaultSelector()
    if request.cached:
        recording.start(ours=True)
    if many or request.cached:
        _prepare(request, many=many)
    before()
    if many:
        gc.freeze()
    shares = together.shares(files, request) if processes.FORKS else []
    untried = list(enumerate(shares))
    if shares:
        waiting = []
    workers = Workers(request, [[(file, file not in found) for file in share] for share in shares])
    progress = Progress("files read", len(files))

    def leave(child: Child) -> None:
        for descriptor in child.descriptors():
            if running.pop(descriptor, None) is not None:
                selector.unregister(descriptor)

    def stop(child: Child, why: Diagnostic | None) -> None:
        leave(child)
        child.stop()
        workers.take_back(child)
        if isinstance(child, Together):
            alone(child.files, {})
        else:
            answers[child.file] = only(why or child.late(request.seconds))

    def finish(child: Child) -> None:
        leave(child)
        if isinstance(child, Together):
            alone(child.files, keeping(child, child.answers()))
        else:
            answers.update(keeping(child, {child.file: child.finish()}))
        workers.take_back(child)

    def keeping(child: Child, told: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for file, answer in told.items():
            reads = answer.pop("reads", None)
            if reads is not None:
                keep(file, file not in found, answer, reads, child.started)
        return told

    def alone(share: Sequence[str], told: dict[str, dict[str, Any]]) -> None:
        """What was not read together is read alone; where nothing could be, nothing more is tried."""
        answers.update(told)
        waiting.extend(file for file in reversed(share) if file not in told)
        while untried and not told:
            waiting[:0] = reversed(untried.pop()[1])

    def started() -> Child:
        before = time.time_ns() if request.cached else 0
        if untried:
            child: Child = workers.start_together(*untried.pop(0))
        else:
            file = waiting.pop()
            child = workers.start(file, by_hand=file not in found)
        child.started = before
        return child

    try:
        while waiting or running or untried:
            while (waiting or untried) and len({*running.values()}) < max(1, request.workers):
                child = started()
                for descriptor in child.descriptors():
                    running[descriptor] = child
                    selector.register(descriptor, selectors.EVENT_READ)
            nearest = min(child.deadline for child in running.values())
            seconds = max(0.0, nearest - time.monotonic())
            if progress.is_on:
                progress.at(len(answers) + sum(child.done for child in {*running.values()}))
                seconds = min(seconds, AFTER)
            for key, _ in selector.select(seconds if processes.FORKS else min(seconds, _LOOK)):
                if key.fd not in running:
                    continue
                child = running[key.fd]
                if child.take(key.fd):
                    if (why := child.excess()) is not None:
                        stop(child, why)
                    continue
                del running[key.fd]
                selector.unregister(key.fd)
                if child.has_ended(key.fd):
                    finish(child)
            for child in {*running.values()}:
                if child.has_gone():
                    finish(child)
                elif time.monotonic() >= child.deadline:
                    stop(child, None)
    finally:
        progress.end()
        for child in {*running.values()}:
            child.stop()
        workers.close()
        selector.close()
    return answers


def _prepare(request: Request, *, many: bool) -> None:
    """Do once what each child would do again: import, and look at what is imported."""
    from .. import seams
    from ..backends import registry
    from ..language import cron  # noqa: F401
    from . import flow, one_file, plain, polls, source  # noqa: F401

    if many:
        seams.preload(item.upstream for item in registry.at_work(request.backends))
        if request.workflow and request.code_package:
            seams.preload_code_package()
        for name in request.backends:
            registry.backend(name)
    one_file.note_modules(request.roots)
