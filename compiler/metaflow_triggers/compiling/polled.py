"""Polled: the poll triggers that an output folder has of its flows, and those that a compilation does away with.

In:   the folder's index and files, what the compilation has read (`Polled`).
Out:  poll triggers; those that are gone, each with the reason; FT515 for one that its file, which was not read, still
      declares.

Not here: what a file of a backend says of a trigger; when one is left out (`backends.left_out`).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backends import registry
from ..backends.left_out import There, left_out, place
from ..diagnostics import Diagnostic, DiagnosticError
from ..model.flows import Flow, PollTrigger
from .owned import GonePoll


@dataclass(frozen=True)
class Polled:
    """`flows` are those behind the owners of files. `files`: real paths of those that were read whole. `excluded`: real
    paths that the project file leaves out. `backends` are those that the command named."""

    flows: Mapping[str, Flow]
    files: frozenset[str]
    excluded: frozenset[str] = frozenset()
    backends: tuple[str, ...] = ()

    def command(self, name: str, *words: str) -> str:
        """A command for the same backends."""
        chosen = (word for backend in self.backends for word in ("--backend", backend))
        return shlex.join(["metaflow-triggers", name, *chosen, *words])

    def was_read(self, path: str) -> bool:
        return os.path.realpath(path) in self.files

    def is_excluded(self, path: str) -> bool:
        real = os.path.realpath(path)
        return any(real == one or Path(one) in Path(real).parents for one in self.excluded)


def folder_polls(folder: Path, paths: Iterable[str], owner: str) -> list[PollTrigger]:
    """The poll triggers that files of one owner declare; what cannot be read declares none."""
    return [poll for path in paths for poll in _declared(_text(folder / path), owner)]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


_DECLARING = ("kind: ConfigMap", "  PollMachine:")
"""One of them stands in each file that declares poll triggers; of others nothing more is read."""


def _declared(text: str, owner: str) -> list[PollTrigger]:
    """Those that a file declares."""
    if not any(word in text for word in _DECLARING):
        return []
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(text, loader)  # noqa: S506 - one of the safe ones
        return registry.declared_polls(owner.partition("/")[0], [content])
    except (ValueError, yaml.YAMLError):
        return []


def gone_polls(
    folder: Path, changed: Mapping[str, str], texts: Mapping[str, str], polled: Polled
) -> Iterator[GonePoll]:
    """Those that files of the folder declare which are `changed` or go, by their owners, and that `texts`, what will
    stand in them, do not. Raises DiagnosticError (FT515)."""
    refused: list[Diagnostic] = []
    help_ = f"compile both: {polled.command('compile', '--output', str(folder))}"
    there = There(f"stands in `{folder}`", "polled by its files there", help_)
    for owner in sorted(set(changed.values()) & set(polled.flows)):
        flow = polled.flows[owner]
        paths = [path for path, of in changed.items() if of == owner]
        polls = folder_polls(folder, paths, owner)
        if polls:
            kept = {poll.name for path in paths for poll in _declared(texts.get(path, ""), owner)}
            polls = [poll for poll in polls if poll.name not in kept]
        base = os.path.dirname(flow.file)
        refused += left_out(flow, base, polls, _ended(polled), there)
        for poll in polls:
            yield GonePoll(owner, flow.name, poll.name, _why(place(base, poll), polled))
    if refused:
        raise DiagnosticError(list({item.message: item for item in refused}.values()))


def unread_polls(  # noqa: PLR0917 - what is there, and what was read
    folder: Path, index: Mapping[str, Any], owner: str, flow: Flow, polls: Iterable[PollTrigger], polled: Polled
) -> Iterator[tuple[str, Diagnostic]]:
    """(name, FT515) of those that the folder has of an owner, beside `polls`, and of whose files none was read."""
    there = There(
        f"stands in `{folder}`",
        "not compared",
        f"compare both: {polled.command('diff', '--against', str(folder))}",
        "says nothing of its polls",
        "warning",
    )
    known = {poll.name for poll in polls}
    paths = (path for path, entry in index["files"].items() if entry["owner"] == owner)
    for poll in folder_polls(folder, paths, owner):
        if poll.name not in known:
            found = left_out(flow, os.path.dirname(flow.file), [poll], _ended(polled), there)
            yield from ((poll.name, item) for item in found)


def _ended(polled: Polled) -> Callable[[str], bool]:
    return lambda path: polled.was_read(path) or polled.is_excluded(path)


def _why(path: str, polled: Polled) -> str:
    shown = os.path.relpath(path)
    if not os.path.lexists(path):
        return f"{shown} is not there any more"
    return f"{shown} is excluded by the project file" if polled.is_excluded(path) else f"{shown} no longer has it"
