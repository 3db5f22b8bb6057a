"""Compare: a compilation with what an output folder holds, as a report and as text.

In:   the folder, the compiled files, the flow and the inputs behind each owner.
Out:  `Report`; its text for people, Markdown or JSON.

Not here: compiling, writing, exit codes. What a change of a flow is called is said in
`metaflow_triggers.graph.differences`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backends import registry
from ..diagnostics import Diagnostic, DiagnosticError
from ..graph.differences import Change, added, between, changes, restored, restored_polls
from ..graph.explain import qualified_name
from ..model.flows import Flow, PollTrigger
from . import journal
from .compile import File
from .folder import INDEX, settled
from .polled import Polled, folder_polls, unread_polls

_PACKAGE = re.compile(r"/data/[0-9a-f]{2}/([0-9a-f]{40})\b")
"""Where Metaflow's datastore has a code package, or a part of one: below the name of its flow, by its SHA-1."""


@dataclass(frozen=True)
class Input:
    """Something besides the flows that differs: `branch`, or `settings.batch_job_queue`."""

    owners: tuple[str, ...]
    name: str
    was: Any
    now: Any


@dataclass(frozen=True)
class Report:
    """What differs. `changes` come with the backends that have them; `files` are (path, how); `diff` is unified.

    `only_package`: the files name another code package, and are the same otherwise. `pairs` are (a flow as the folder
    has it, as it is), for each backend; None where there is none. `polled` are (flow, poll trigger) that the folder
    has, `may_poll` the qualified names of the flows that are for a backend that polls. `unread` tells of poll triggers
    that are not compared.
    """

    inputs: tuple[Input, ...]
    changes: tuple[tuple[Change, tuple[str, ...]], ...]
    files: tuple[tuple[str, str], ...]
    diff: str
    backends: tuple[str, ...]
    only_package: bool = False
    pairs: tuple[tuple[Flow | None, Flow | None], ...] = ()
    polled: tuple[tuple[Flow, PollTrigger], ...] = ()
    may_poll: frozenset[str] = frozenset()
    unread: tuple[Diagnostic, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing would change. Inputs alone change nothing."""
        return not self.changes and not self.files


def compare(
    folder: Path,
    files: Iterable[File],
    flows: Mapping[str, Flow],
    inputs: Mapping[str, Mapping[str, Any]],
    *,
    whole: bool,
    backends: Iterable[str] = (),
    polls: Mapping[str, Sequence[PollTrigger]] | None = None,
    read: Polled | None = None,
) -> Report:
    """The folder against `files` and `flows` (by owner). Raises DiagnosticError(FT003) for no folder of ours.

    `whole`: what the folder has of `backends` and these flows do not is gone; else other flows do not count. `polls`
    are the poll triggers that start the flow of an owner; those of files that were not `read` are not compared.
    """
    require(folder)
    files, backends, started = list(files), list(backends), polls or {}
    return settled(
        folder,
        lambda index: _report(
            folder, index, files, flows, inputs, whole=whole, backends=backends, polls=started, read=read
        ),
    )


def require(folder: Path) -> None:
    """Raise DiagnosticError(FT003) where there is nothing that could be compared with: before anything is compiled."""
    if not (folder / INDEX).exists() and not journal.is_there(folder):
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT003",
                    f"`{folder}` cannot be compared with: it has no {INDEX}",
                    helps=("name a folder that `compile --output` wrote",),
                )
            ]
        )


def _report(
    folder: Path,
    index: dict[str, Any],
    files: Sequence[File],
    flows: Mapping[str, Flow],
    inputs: Mapping[str, Mapping[str, Any]],
    *,
    whole: bool,
    backends: Sequence[str],
    polls: Mapping[str, Sequence[PollTrigger]],
    read: Polled | None,
) -> Report:
    known, polled = _known(folder, index)
    then = _counterparts(flows, known)
    unread: dict[str, Diagnostic] = {}
    if read is not None:
        for owner, was in then.items():
            others = dict(unread_polls(folder, index, was, flows[owner], polls.get(owner, ()), read))
            polled[was] = [poll for poll in polled[was] if poll.name not in others]
            unread.update({item.message: item for item in others.values()})
    names = sorted({owner.partition("/")[0] for owner in flows} | set(backends))
    found: dict[Change, list[str]] = {}
    for name in names:
        for change in _changes(name, flows, known, then, whole, polled, polls):
            found.setdefault(change, []).append(name)
    wanted = {file.path: file.text for file in files}
    before = {
        path: text_of(folder, path)
        for path, entry in index["files"].items()
        if path in wanted or entry["owner"] in then.values() or (whole and entry["owner"].partition("/")[0] in names)
    }
    listed, diff = _files(before, wanted)
    return Report(
        _inputs(index["inputs"], inputs, then),
        tuple((change, tuple(found[change])) for change in sorted(found, key=lambda item: item.flow)),
        tuple(listed),
        diff,
        tuple(names),
        bool(listed and not found)
        and all(without_package(before.get(path, "")) == without_package(wanted.get(path, "")) for path, _ in listed),
        tuple(_pairs(flows, known, then, names if whole else ())),
        tuple(_polled_before(flows, known, then, names if whole else (), polled)),
        frozenset(qualified_name(flow) for owner, flow in flows.items() if registry.may_poll(owner.partition("/")[0])),
        tuple(unread.values()),
    )


def _pairs(
    flows: Mapping[str, Flow], known: Mapping[str, Flow], then: Mapping[str, str], names: Sequence[str]
) -> Iterator[tuple[Flow | None, Flow | None]]:
    for owner, flow in flows.items():
        yield (known[then[owner]] if owner in then else None), flow
    for owner, flow in known.items():
        if owner not in then.values() and owner.partition("/")[0] in names:
            yield flow, None


def _polled_before(
    flows: Mapping[str, Flow],
    known: Mapping[str, Flow],
    then: Mapping[str, str],
    names: Sequence[str],
    polled: Mapping[str, Sequence[PollTrigger]],
) -> Iterator[tuple[Flow, PollTrigger]]:
    """The poll triggers of the flows that `_pairs` has, with the flow as it is, or was where it is no more."""
    for owner, flow in flows.items():
        yield from ((flow, poll) for poll in polled.get(then.get(owner, ""), ()))
    for owner, flow in known.items():
        if owner not in then.values() and owner.partition("/")[0] in names:
            yield from ((flow, poll) for poll in polled[owner])


def recorded_polls_of(folder: Path, index: Mapping[str, Any], owner: str) -> Sequence[PollTrigger]:
    """The poll triggers of a recorded flow; where an earlier version recorded none, those that its files declare."""
    found = restored_polls(index["flows"].get(owner))
    if found is not None:
        return found
    return folder_polls(folder, (path for path, entry in index["files"].items() if entry["owner"] == owner), owner)


def _known(folder: Path, index: dict[str, Any]) -> tuple[dict[str, Flow], dict[str, Sequence[PollTrigger]]]:
    """The flows of the folder, and what polls them, by owner."""
    try:
        flows = {owner: restored(value) for owner, value in index["flows"].items()}
        return flows, {owner: recorded_polls_of(folder, index, owner) for owner in flows}
    except ValueError as error:
        why = f"`{folder}` cannot be compared with: its {INDEX} was written by another version"
        raise DiagnosticError([Diagnostic("FT003", why, helps=("compile into it again",))]) from error


def _counterparts(flows: Mapping[str, Flow], known: Mapping[str, Flow]) -> dict[str, str]:
    """The folder's owner for each of ours: the same, else the only one of that backend with the flow's name.

    Another user or branch gives another deployed name; it is still the same flow to the reader of a diff.
    """
    out = {owner: owner for owner in flows if owner in known}
    free: dict[tuple[str, str], list[str]] = {}
    for owner, flow in known.items():
        if owner not in flows:
            free.setdefault((owner.partition("/")[0], flow.name), []).append(owner)
    for owner, flow in flows.items():
        near = free.get((owner.partition("/")[0], flow.name), [])
        if owner not in out and len(near) == 1:
            out[owner] = near.pop()
    return out


def _changes(  # noqa: PLR0917 - what was and is
    backend: str,
    flows: Mapping[str, Flow],
    known: Mapping[str, Flow],
    then: Mapping[str, str],
    whole: bool,
    polled: Mapping[str, Sequence[PollTrigger]],
    polls: Mapping[str, Sequence[PollTrigger]],
) -> list[Change]:
    found: list[Change] = []
    for owner, flow in flows.items():
        if owner.partition("/")[0] != backend:
            continue
        if owner in then:
            found.extend(between(known[then[owner]], flow, polled[then[owner]], polls.get(owner, ())))
        else:
            found.append(added(flow, polls.get(owner, ())))
    if whole:
        gone = [flow for owner, flow in known.items() if owner.startswith(f"{backend}/") and owner not in then.values()]
        found.extend(changes(gone, []))
    return found


def _inputs(
    then: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]], owners: Mapping[str, str]
) -> tuple[Input, ...]:
    found: dict[tuple[str, str, str], list[str]] = {}
    values: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    for owner, told in now.items():
        old = then.get(owners.get(owner, owner))
        if old is None:
            continue
        for name, was, is_now in differing(old, told):
            key = (name, json.dumps(was, sort_keys=True), json.dumps(is_now, sort_keys=True))
            found.setdefault(key, []).append(owner)
            values[key] = (was, is_now)
    return tuple(Input(tuple(sorted(found[key])), key[0], *values[key]) for key in sorted(found))


def differing(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[tuple[str, Any, Any]]:
    """The inputs of one owner that differ: name, what it was, what it is."""
    before, after = _flat(then or {}), _flat(now or {})
    names = sorted(set(before) | set(after))
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _flat(told: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, dict):
            out.update({f"{name}.{key}": item for key, item in value.items()})
        else:
            out[name] = value
    return out


def text_of(folder: Path, path: str) -> str:
    """The text of a file of the folder; "" where it has none."""
    try:
        return (folder / path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def without_package(text: str) -> str:
    """The text without names of packages. YAML has quotes around one that looks like a number."""
    for sha in sorted(set(_PACKAGE.findall(text))):
        text = text.replace(f"{sha[:2]}/{sha}", "PACKAGE").replace(f'"{sha}"', "PACKAGE").replace(sha, "PACKAGE")
    return text


def _files(before: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[list[tuple[str, str]], str]:
    listed: list[tuple[str, str]] = []
    lines: list[str] = []
    for path in sorted(set(before) | set(wanted)):
        old, new = before.get(path, ""), wanted.get(path, "")
        if old == new:
            continue
        listed.append((path, "added" if not old else "removed" if not new else "changed"))
        lines += difflib.unified_diff(
            old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path}"
        )
    return listed, "".join(lines)


# --- text -------------------------------------------------------------------------------------------


def render(report: Report, form: str, *, full: bool) -> str:
    """The report as "text", "markdown" or "json"; with `full` also the unified diff."""
    if form == "json":
        return _json(report, full)
    return (_markdown if form == "markdown" else _plain)(report, full)


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value) if isinstance(value, (str, int)) else json.dumps(value)


def said(name: str, was: Any, now: Any) -> str:
    """An input that differs, in words."""
    return f"{name} differs: was {_shown(was)}, is {_shown(now)}"


def _input(item: Input) -> str:
    return said(item.name, item.was, item.now)


def _words(change: Change, names: tuple[str, ...], report: Report) -> str:
    return change.text if names == report.backends else f"{change.text} ({', '.join(names)})"


_SAME, _ONLY_PACKAGE = "the triggers are the same; the text of the files is not", "only the code package differs"


def remarks(report: Report) -> list[str]:
    """What is said beside the changes of flows: inputs that differ, and what else does where no flow does."""
    out = [f"input {_input(item)}" for item in report.inputs]
    if report.same:
        return [*out, "no difference"]
    return out if report.changes else [*out, _SAME if not report.only_package else _ONLY_PACKAGE]


def changes_by_flow(report: Report) -> dict[str, list[str]]:
    """The words of the changes by the qualified name of their flow."""
    found: dict[str, list[str]] = {}
    for change, names in report.changes:
        found.setdefault(change.flow.partition(" (")[0], []).append(_words(change, names, report))
    return found


def _plain(report: Report, full: bool) -> str:
    out = remarks(report)
    if report.same:
        return "\n".join([*out, ""])
    out += [_words(change, names, report) for change, names in report.changes]
    if report.files:
        out += ["", f"{len(report.files)} {'file differs' if len(report.files) == 1 else 'files differ'}:"]
        out += [f"  {how:<7}  {path}" for path, how in report.files]
    text = "\n".join([*out, ""])
    return f"{text}\n{report.diff}" if full else text


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", text)


def _markdown(report: Report, full: bool) -> str:
    out: list[str] = []
    if report.inputs:
        out += ["### Inputs", "", *(f"- {_escaped(_input(item))}" for item in report.inputs), ""]
    out += ["### Triggers", ""]
    out += [f"- {_escaped(_words(change, names, report))}" for change, names in report.changes] or ["No difference."]
    if report.only_package:
        out += ["", f"{_ONLY_PACKAGE.capitalize()}."]
    if report.files:
        out += ["", "### Files", "", *(f"- {how}: {_escaped(path)}" for path, how in report.files)]
    if full and report.diff:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", report.diff)), default=0))
        out += ["", f"{fence}diff", report.diff.rstrip("\n"), fence]
    return "\n".join([*out, ""])


def _json(report: Report, full: bool) -> str:
    document: dict[str, Any] = {
        "version": 1,
        "same": report.same,
        "only_code_package": report.only_package,
        "inputs": [
            {"input": item.name, "was": item.was, "is": item.now, "of": list(item.owners)} for item in report.inputs
        ],
        "changes": [
            {"flow": change.flow, "kind": change.kind, "text": change.text, "backends": list(names)}
            for change, names in report.changes
        ],
        "files": [{"path": path, "change": how} for path, how in report.files],
    }
    if full:
        document["diff"] = report.diff
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
