"""Kept files: what a flow compiled to in an earlier command, used again while nothing that it depends on has changed.

In:   jobs (a flow for a backend), the graph, the settings, the cache.
Out:  for a job what `_emit` would give; texts that are loaded when somebody wants them.

Not here: emitting. Of the graph a flow's files depend on what `surroundings` says, and on nothing else: a test emits
flows in graphs that have no more than that. Backends of packages may ask for anything, so what they emit is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from ..backends import registry
from ..backends.shape import Open, polls_of
from ..diagnostics import Diagnostic
from ..diagnostics.wire import from_wire, to_wire
from ..model.facts import identities, wanted
from ..model.flows import FinishDependency, Flow, TriggerGraph
from ..model.serialize import to_json
from ..model.settings import Settings
from ..rules.weight import has_errors

if TYPE_CHECKING:
    from ..reading.kept_answers import KeptAnswers
    from .compile import Emitted, File, Job


def surroundings(flow: Flow, graph: TriggerGraph) -> list[Any]:
    """What of the graph a flow's files may depend on: which of the flows that it waits for are compiled with it, what
    polls start it, whether it is the first of those in a graph without triggers."""
    compiled = identities(graph)
    awaited = (
        wanted(dependency)
        for trigger in flow.triggers
        for dependency in trigger.dependencies
        if isinstance(dependency, FinishDependency)
    )
    found: list[Any] = [[parent in compiled for parent in awaited]]
    if graph.polls:
        first = next((target for target, _ in graph.polls if target is not None), None)
        is_first = first is not None and graph.flows[first] is flow
        alone = is_first and not any(item.triggers for item in graph.flows)
        found += [[to_json(poll) for poll in polls_of(flow, graph)], alone]
    return found


class KeptFiles:
    """What was emitted before for the flows of a compilation."""

    def __init__(self, kept: KeptAnswers, graph: TriggerGraph, settings: Settings) -> None:
        self._kept = kept
        self._graph = graph
        self._settings = asdict(settings)

    def _key(self, job: Job) -> str:
        """ "" for what is not kept."""
        if not job.digest or not registry.is_ours(job.backend):
            return ""
        around = surroundings(job.flow, self._graph)
        return "files/" + self._kept.key(job.backend, job.deployed_name, job.digest, around, self._settings)

    def emitted(
        self, jobs: Sequence[Job | Diagnostic], emit: Callable[[list[Job | Diagnostic]], list[Emitted]]
    ) -> list[Emitted]:
        """What the jobs give, in their order; `emit` makes what is not there."""
        keys = [self._key(job) if not isinstance(job, Diagnostic) else "" for job in jobs]
        rows = self._kept.rows(filter(None, keys))
        found = {
            number: self._restored(rows[key], job, emit)
            for number, (key, job) in enumerate(zip(keys, jobs, strict=True))
            if key in rows
        }
        left = [number for number in range(len(jobs)) if number not in found]
        for number, made in zip(left, emit([jobs[number] for number in left]), strict=True):
            found[number] = made
            if keys[number] and made.complete and not has_errors(made.diagnostics):
                self._keep(keys[number], made)
        return [found[number] for number in range(len(jobs))]

    def _keep(self, key: str, made: Emitted) -> None:
        row = {
            "diagnostics": [to_wire(item) for item in made.diagnostics],
            "open": [[item.setting, item.where, item.default] for item in made.open],
            "files": [[file.path, file.owner, file.ours, file.sha256] for file in made.files],
        }
        self._kept.put(key, json.dumps(row).encode())
        for file in made.files:
            if isinstance(file.packed, bytes):
                self._kept.put(f"text/{file.sha256}", file.packed)

    def _restored(
        self, row: dict[str, Any], job: Job | Diagnostic, emit: Callable[[list[Job | Diagnostic]], list[Emitted]]
    ) -> Emitted:
        from .compile import Emitted, File

        def made_again(path: str) -> File:
            (again,) = emit([job])
            return next(file for file in again.files if file.path == path)

        def packed(path: str, digest: str) -> bytes:
            found = self._kept.row(f"text/{digest}")
            if found is None:  # it went before what names it did
                found = made_again(path).bytes()
            return found

        files = [
            File(path, partial(packed, path, digest), owner, None, ours, digest)
            for path, owner, ours, digest in row["files"]
        ]
        return Emitted(
            [from_wire(item) for item in row["diagnostics"]], files, True, [Open(*item) for item in row["open"]]
        )
