"""Current: flows and catalogue as their files are now, for acts.

In:   the command that reads files again with what it is told, and what the engine serves.
Out:  the flows by key, and why others cannot be had; the catalogue's events.

Not here: reading, which runs users' code, in a process of its own (the command's). The engine reads a file again when
something of it starts; an act is about what did not start, so what is served may be older than what the act is for.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError
from ...diagnostics.wire import from_wire
from ...model.flows import Flow
from ...model.serialize import from_json, to_json
from ...project_file.shape import Event
from ..waits import local_flow
from .state import Served


@dataclass(frozen=True)
class Current:
    """Flows by key. `unread`: why a flow that is served cannot be had as it is now, by key."""

    flows: Mapping[str, Flow]
    unread: Mapping[str, str]


class Files:
    """Of the flows that are served. Without a `command`, what is served is what there is."""

    def __init__(self, served: Served, command: Sequence[str] = (), told: Mapping[str, Any] | None = None) -> None:
        self._served, self._command, self._told = served, command, told or {}

    def flows(self) -> Current:
        """Read all of them. Raises DiagnosticError."""
        graph = self._served.graph
        if not self._command or graph is None:
            return Current(self._served.flows, {})
        polls = [poll for _, poll in graph.polls]
        files = sorted({flow.file for flow in graph.flows} | {poll.file for poll in polls})
        told = {
            "changed": files,
            "before": {file: [to_json(flow) for flow in graph.flows if flow.file == file] for file in files},
            "polls": {file: [to_json(poll) for poll in polls if poll.file == file] for file in files},
        }
        answer = self._ask(told)
        flows: dict[str, Flow] = {}
        unread: dict[str, str] = {}
        for item in answer["flows"]:
            flow = from_json(item)
            key = local_flow(flow).key
            if flow.file in answer["failed"]:
                unread[key] = f"`{flow.file}` cannot be read as it is now: {answer['failed'][flow.file]}"
            elif key in answer["gone"]:
                unread[key] = f"{key} is not in `{flow.file}` any more"
            else:
                flows[key] = flow
        return Current(flows, unread)

    def catalogue(self) -> Sequence[Event]:
        """The project file's events. Raises DiagnosticError."""
        if not self._command:
            return self._served.catalogue
        found = self._ask({"only": "catalogue"})["catalogue"]
        return [Event(**{**item, "span": from_json(item["span"])}) for item in found]

    def _ask(self, told: Mapping[str, Any]) -> dict[str, Any]:
        with tempfile.TemporaryFile() as answer:
            subprocess.run(
                [*self._command, str(answer.fileno())],
                input=json.dumps({**self._told, **told}).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(answer.fileno(),),
                check=False,
            )
            answer.seek(0)
            text = answer.read()
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            why = "the files cannot be read: the process that reads them has ended without an answer"
            raise DiagnosticError([Diagnostic("FT759", why)]) from None
        if "refused" in found:
            raise DiagnosticError([from_wire(item) for item in found["refused"]])
        return found
