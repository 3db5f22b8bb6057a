"""Read again: the files of an engine's command, read in a process of its own while the engine works.

In:   on standard input, JSON: the paths and options of the command, the flows and polls that are served now, by file,
      and which files have changed; or, with `only`, that the catalogue is wanted.
Out:  JSON on a descriptor: `{"flows", "polls": [[index of the flow or null, poll]], "modules": {file: [path]},
      "failed": {file: why}, "gone": {flow: file}, "problems": [text]}`. Of a file that cannot be read, or is wrong as
      it is now, what is served stands there; so do flows that are gone, unless files are watched. Of the catalogue
      `{"catalogue": [event]}`; where the project file cannot be read, `{"refused": [diagnostic]}`.

Not here: serving. All files are read: a class may be a base in the light of another file, and a flow may wait for one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.flows import Flow, PollTrigger
from ..model.serialize import from_json, to_json

OPTIONS = (
    *("paths", "of_profile", "production", "branch", "timeout", "external_flow"),
    *("config", "config_value", "environment", "decorators", "flow_option"),
)
"""Those of `run` that say how files are read."""

COMMAND = (
    *(sys.executable, "-c"),
    "import sys; sys.path[:] = filter(None, sys.path); from metaflow_triggers.commands import read_again; "
    "read_again.main(int(sys.argv[1]))",
)
"""Runs it; the descriptor follows."""


def main(descriptor: int) -> None:
    """Answer on the descriptor."""
    told = json.load(sys.stdin)
    try:
        found = {"catalogue": catalogue(told)} if told.get("only") == "catalogue" else again(told)
    except DiagnosticError as error:
        from ..diagnostics.wire import to_wire

        found = {"refused": [to_wire(item) for item in error.diagnostics]}
    answer = json.dumps(found).encode()
    with os.fdopen(descriptor, "wb") as file:
        file.write(answer)


def catalogue(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of the project file as it is now. Raises DiagnosticError."""
    from .project_options import read_for, start_of

    return events_of(read_for(start_of(told["paths"]), told.get("of_profile"), os.environ))


def events_of(project: Any) -> list[dict[str, Any]]:
    """The events of a project file, or of none, as JSON values."""
    return [{**vars(event), "span": to_json(event.span)} for event in (project.events if project is not None else ())]


def again(told: dict[str, Any]) -> dict[str, Any]:
    """The answer. Raises DiagnosticError if the installation cannot read flows."""
    from ..graph.link import link
    from ..model.facts import identity, qualified_name
    from ..reading.paths import read_flows
    from ..rules.find import check
    from .arguments import flow_options
    from .project_options import read_for, start_of

    options = argparse.Namespace(**{key: told.get(key) for key in OPTIONS}, locally=True)
    options.project = read_for(start_of(options.paths), options.of_profile, os.environ)
    read = read_flows(options, given=flow_options(options))
    external = frozenset(options.external_flow)
    before: dict[str, list[Flow]] = {
        file: [from_json(item) for item in items] for file, items in told["before"].items()
    }
    polled: dict[str, list[PollTrigger]] = {
        file: [from_json(item) for item in items] for file, items in told["polls"].items()
    }
    flows: dict[str, list[Flow]] = {}
    polls: dict[str, list[PollTrigger]] = {}
    for item in read.flows:
        flows.setdefault(item.flow.file, []).append(item.flow)
    for poll in read.polls:
        polls.setdefault(poll.file, []).append(poll)
    failed = _errors(read.diagnostics)
    problems = [_said(item) for item in read.diagnostics if _is_error(item) and item.span is None]
    if not told["watch"]:  # what is new is not served, what is gone may come back
        flows = {file: found for file, found in flows.items() if file in before}
        polls = {file: found for file, found in polls.items() if file in before}
        failed = {file: why for file, why in failed.items() if file in before}
        failed.update({file: "it is not there any more" for file in before if not os.path.exists(file)})
    gone: dict[str, str] = {}
    if not told["watch"]:
        there = {identity(flow) for found in flows.values() for flow in found}
        for file, served in before.items():
            lost = [] if file in failed else [flow for flow in served if identity(flow) not in there]
            flows.setdefault(file, []).extend(lost)
            gone.update({qualified_name(identity(flow)): file for flow in lost})
    may_fail = {*told["changed"], *(flows.keys() - before.keys()), *(polls.keys() - before.keys())}
    while True:
        files = sorted(flows.keys() | polls.keys() | failed.keys())
        graph = link(
            [flow for file in files for flow in (before if file in failed else flows).get(file, [])],
            external,
            [poll for file in files for poll in (polled if file in failed else polls).get(file, [])],
        )
        judged = check(graph, True, external)
        wrong = {file: why for file, why in _errors(judged).items() if file in may_fail and file not in failed}
        if not wrong:
            break
        failed.update(wrong)
    # What is wrong elsewhere was right before: the flow that it waits for has gone. It goes on with what it has.
    problems += [f"{why} (`{file}`)" for file, why in _errors(judged).items() if file not in failed]
    return {
        "flows": [to_json(flow) for flow in graph.flows],
        "polls": [[target, to_json(poll)] for target, poll in graph.polls],
        "modules": read.modules,
        "failed": failed,
        "gone": gone,
        "problems": problems,
    }


def _is_error(item: Diagnostic) -> bool:
    from ..rules.weight import has_errors

    return has_errors([item])


def _errors(found: Any) -> dict[str, str]:
    """file -> the first error that stands in it."""
    errors: dict[str, str] = {}
    for item in found:
        if item.span is not None and _is_error(item):
            errors.setdefault(item.span.file, _said(item))
    return errors


def _said(item: Diagnostic) -> str:
    return f"{item.code}: {item.message}"
