"""Dependency: an element of `event=`, `events=`, `flow=` or `flows=` becomes the event or the outcome that it names.

In:   the element as written, its path.
Out:  the dependency with every deploy-time function called, or a diagnostic and None.

Not here: how dependencies are joined (`trigger`), whether such a flow exists (`graph.link`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..model.flows import OUTCOMES, EventDependency, Filter, FinishDependency, Mapping, Origin
from .mapping import read_mappings
from .values import Path, Reader, did_you_mean, kind

EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
FLOW_NAME = re.compile(r"[A-Za-z0-9_]{1,128}\Z")
PROJECT_NAME = re.compile(r"[a-z0-9_-]{1,128}\Z")
BRANCH_NAME = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9_@+-]+(\.[A-Za-z0-9_@+-]+)*\Z")
"""What Metaflow's @project lets be (project_decorator.py), and hyphens; a user's name may be a mail address."""
_EVENT_KEYS = ("name", "parameters", "filter", "origin")
_FLOW_KEYS = ("name", "project", "project_branch", "match")


def read_event(reader: Reader, event: Any, path: Path) -> EventDependency | None:
    """An element of `event=` or `events=`."""
    if callable(event):
        called, event = reader.call(event, path)
        if not called:
            return None
        if not isinstance(event, (str, dict)):
            reader.returned(path, event, "an event name or a dict")
            return None
    if isinstance(event, str):
        return _event_named(reader, event, {}, path, path)
    if not isinstance(event, dict):
        reader.report(
            "FT102",
            f"an event of `{reader.flow.name}` is {kind(event)}",
            path,
            "expected a name, a dict with `name`, or a function that returns one of these",
        )
        return None
    for key in event:
        if key not in _EVENT_KEYS:
            reader.report(
                "FT103",
                f"an event of `{reader.flow.name}` has an unknown key {key!r}",
                (*path, key),
                "unknown key, it would have no effect",
                key=True,
                helps=did_you_mean(str(key), _EVENT_KEYS),
                severity=reader.ignored,
            )
    if "name" not in event:
        reader.report("FT102", f"an event of `{reader.flow.name}` has no `name`", path, "expected a key `name`")
        return None
    name = event["name"]
    if callable(name):
        called, name = reader.call(name, (*path, "name"))
        if not called:
            return None
        if not isinstance(name, str):
            reader.returned((*path, "name"), name, "an event name")
            return None
    return _event_named(reader, name, event, (*path, "name"), path)


def _event_named(
    reader: Reader, name: Any, event: dict[str, Any], name_path: Path, path: Path
) -> EventDependency | None:
    if not isinstance(name, str) or not EVENT_NAME.match(name):
        shown = repr(name) if isinstance(name, str) else kind(name)
        reader.report(
            "FT104",
            f"the event name {shown} of `{reader.flow.name}` is not valid",
            name_path,
            "expected 1 to 128 letters, digits, `_`, `-` or `.`",
        )
        return None
    return EventDependency(
        name=name,
        mappings=read_mappings(reader, event.get("parameters"), (*path, "parameters")),
        filter=reader.read_filter(event.get("filter"), (*path, "filter")),
        origin=reader.read_json(Origin, event.get("origin"), (*path, "origin")),
        span=reader.span(name_path),
    )


class _Beside(NamedTuple):
    """What stands beside `flow=` or `flows=` and holds for each of them."""

    match: tuple[str, ...]
    mappings: tuple[Mapping, ...]
    filter: Filter | None


def finish_reader(reader: Reader, arguments: dict[str, Any]) -> Callable[[Any, Path], FinishDependency | None]:
    """Reads an element of `flow=` or `flows=`; what stands beside it in the decorator holds for each."""
    match = _match(reader, arguments.get("match"), ("match",)) if "match" in arguments else None
    beside = _Beside(
        match or ("success",),
        read_mappings(reader, arguments.get("parameters"), ("parameters",)),
        reader.read_filter(arguments.get("filter"), ("filter",)),
    )

    def read(flow: Any, path: Path) -> FinishDependency | None:
        return _finish(reader, flow, path, beside)

    return read


def _finish(reader: Reader, flow: Any, path: Path, beside: _Beside) -> FinishDependency | None:
    if callable(flow):
        called, flow = reader.call(flow, path)
        if not called:
            return None
        if not isinstance(flow, (str, dict)):
            reader.returned(path, flow, "a flow name or a dict")
            return None
    project = branch = None
    match, name_path = beside.match, path
    if isinstance(flow, str):
        name: Any = flow
        if flow.count(".") >= 2:
            project, rest = flow.split(".", 1)
            branch, name = rest.rsplit(".", 1)
    elif isinstance(flow, dict):
        for key in flow:
            if key not in _FLOW_KEYS:
                reader.report(
                    "FT103",
                    f"a flow that `{reader.flow.name}` waits for has an unknown key {key!r}",
                    (*path, key),
                    "unknown key, it would have no effect",
                    key=True,
                    helps=did_you_mean(str(key), _FLOW_KEYS),
                    severity=reader.ignored,
                )
        name, project, branch = flow.get("name"), flow.get("project"), flow.get("project_branch")
        name_path = (*path, "name")
        if "match" in flow:
            match = _match(reader, flow["match"], (*path, "match")) or match
        for key, value in (("project", project), ("project_branch", branch)):
            if value is not None and (not isinstance(value, str) or not value):
                reader.report("FT108", f"{key!r} of `{reader.flow.name}` is {kind(value)}, expected text", (*path, key))
                return None
    else:
        reader.report(
            "FT108",
            f"a flow that `{reader.flow.name}` waits for is {kind(flow)}",
            path,
            "expected a flow name, 'project.branch.Flow', a dict, or a function that returns one of these",
        )
        return None
    if not isinstance(name, str) or not FLOW_NAME.match(name):
        reader.report(
            "FT108",
            f"`{reader.flow.name}` waits for {name!r}, which is not the name of a flow",
            name_path,
            "expected `Flow` or `project.branch.Flow`",
        )
        return None
    for what, given, pattern in (("project", project, PROJECT_NAME), ("branch", branch, BRANCH_NAME)):
        if given is not None and not pattern.match(given):
            reader.report(
                "FT108",
                f"`{reader.flow.name}` waits for a flow of {what} {given!r}, which is not the name of a {what}",
                path,
                "no flow can be deployed there",
            )
            return None
    project, branch = project or reader.project, branch or reader.branch
    if bool(project) != bool(branch):
        reader.report(
            "FT115",
            f"`{reader.flow.name}` waits for `{name}` of {'project' if project else 'branch'} "
            f"`{project or branch}`, but the {'branch' if project else 'project'} is not known",
            path,
            "would wait for a flow that is never deployed",
            helps=("write 'project.branch.Flow', or give both `project` and `project_branch`",),
        )
        return None
    return FinishDependency(
        flow=name,
        project=project,
        branch="prod" if branch == "production" and not reader.as_upstream else branch,
        match=match,
        mappings=beside.mappings,
        filter=beside.filter,
        span=reader.span(name_path),
    )


def _match(reader: Reader, match: Any, path: Path) -> tuple[str, ...] | None:
    wanted = list(match) if isinstance(match, (list, tuple)) else [match]
    known = (*OUTCOMES, "finish")
    found: set[str] = set()
    for index, outcome in enumerate(wanted):
        if not isinstance(outcome, str) or outcome not in known:
            at = (*path, index) if isinstance(match, (list, tuple)) else path
            reader.report(
                "FT109",
                f"`match={outcome!r}` of `{reader.flow.name}` is not an outcome",
                at,
                f"expected one of {', '.join(known)}",
                helps=did_you_mean(str(outcome), known),
            )
            continue
        found.update(OUTCOMES if outcome == "finish" else (outcome,))
    if not wanted:
        reader.report("FT109", f"`match=[]` of `{reader.flow.name}` names no outcome", path, "would never start")
    return tuple(sorted(found)) or None
