"""Ignored: what a search of folders leaves out, as `.gitignore` files and the project file's `exclude` say it.

In:   the project file; paths below its folder.
Out:  who leaves a path out: "exclude", ".gitignore", or nobody.

Not here: walking. Patterns are git's: the last one that matches counts, `!` takes a path in again, `/` at the beginning
or inside ties it to its own folder, `/` at the end means folders. What a left-out folder holds is never looked at, so
nothing below it is taken in again. Git compares bytes: `?` is one of the two of an `é`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .. import regular
from .shape import ProjectFile

GIT = ".gitignore"


@dataclass(frozen=True)
class _Pattern:
    matches: re.Pattern[str]
    takes_in: bool
    only_folders: bool


def pattern(line: str) -> _Pattern | None:
    """One line of a `.gitignore`; None for one that says nothing."""
    line = re.sub(r"(?<!\\)(?:\\\\)*[ \t]+$", lambda found: found[0].rstrip(" \t"), line.rstrip("\r\n"))
    if not line or line.startswith("#"):
        return None
    takes_in = line.startswith("!")
    line = line[1:] if takes_in else line
    only_folders = line.endswith("/")
    line = line.rstrip("/") if only_folders else line
    tied = "/" in line
    line = line.removeprefix("/")
    if not line:
        return None
    try:
        matches = re.compile(("" if tied else "(?:.*/)?") + _regular(_bytes(line)), re.DOTALL)
    except re.error:  # git takes a range that is none for one that matches nothing
        return None
    return _Pattern(matches, takes_in, only_folders)


def _bytes(text: str) -> str:
    """A character for each byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _regular(line: str) -> str:
    out, at = "", 0
    while at < len(line):
        rest = line[at:]
        if rest.startswith("**/") and (at == 0 or line[at - 1] == "/"):
            out, at = f"{out}(?:.*/)?", at + 3
        elif rest == "**" and (at == 0 or line[at - 1] == "/"):
            out, at = f"{out}.+", at + 2
        elif rest[0] == "*":
            out, at = f"{out}[^/]*", at + len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            out, at = f"{out}[^/]", at + 1
        elif rest[0] == "[" and (found := re.match(r"\[([!^]?)(\]?(?:\\.|[^\]\\])*)\]", rest)):
            inside = re.sub(r"([\[&~|^])", r"\\\1", found[2])
            out, at = f"{out}(?!/)[{'^' if found[1] else ''}{inside}]", at + found.end()
        elif rest[0] == "\\" and len(rest) > 1:
            out, at = out + re.escape(rest[1]), at + 2
        else:
            out, at = out + re.escape(rest[0]), at + 1
    return out


def _patterns(lines: Iterable[str]) -> list[_Pattern]:
    return [found for line in lines if (found := pattern(line)) is not None]


class Ignored:
    """Of one project; reads each `.gitignore` once."""

    def __init__(self, project: ProjectFile) -> None:
        self._folder = str(project.folder)
        self._excluded = _patterns(project.exclude)
        self._git: dict[str, list[_Pattern]] = {}
        self._root = self._repository()

    def _repository(self) -> str | None:
        """The root of the git repository; without one no `.gitignore` counts."""
        folder = self._folder
        while not os.path.lexists(os.path.join(folder, ".git")):
            above = os.path.dirname(folder)
            if above == folder:
                return None
            folder = above
        return folder

    def by(self, path: str, *, is_folder: bool) -> str:
        """Who leaves out the path, whose folder is not left out itself: "exclude", ".gitignore" or ""."""
        path = os.path.abspath(path)
        if _leaves_out(self._excluded, self._folder, path, is_folder):
            return "exclude"
        if self._root is None or not path.startswith(self._root.rstrip(os.sep) + os.sep):
            return ""
        folder, verdict = os.path.dirname(path), None
        while verdict is None and len(folder) >= len(self._root):  # the nearest file that says something counts
            verdict = _leaves_out(self._of(folder), folder, path, is_folder)
            folder = os.path.dirname(folder)
        return GIT if verdict else ""

    def _of(self, folder: str) -> list[_Pattern]:
        if folder not in self._git:
            try:
                lines = regular.text(os.path.join(folder, GIT)).splitlines()
            except regular.Unreadable:
                lines = []
            self._git[folder] = _patterns(lines)
        return self._git[folder]


def _leaves_out(patterns: list[_Pattern], folder: str, path: str, is_folder: bool) -> bool | None:
    """What the last pattern that matches says; None where none does."""
    if not patterns or not path.startswith(folder.rstrip(os.sep) + os.sep):
        return None
    name = _bytes(path[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/"))
    for item in reversed(patterns):
        if (is_folder or not item.only_folders) and item.matches.fullmatch(name):
            return not item.takes_in
    return None
