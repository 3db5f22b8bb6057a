"""API: what the commands over many flows do, as functions.

In:   paths of flow files and folders (none: those of the project file); `folder`, where the command is typed; options
      as the commands have them: `backend=["argo-workflows"]` is `--backend argo-workflows`, `production=True` is
      `--production`, `flow_option=["Train=--with retry"]` is `--flow-option 'Train=--with retry'`.
Out:  frozen values. Raises `Refused` for what ends a command with an error.

Not here: what a command does. Each call is a process of its own, as those of Metaflow's Runner and Deployer are: the
files are executed in it, and settings of one project do not meet those of another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Option = str | bool | int | float | Sequence[str]
Place = str | os.PathLike[str]


class Refused(Exception):
    """A command ended with an error. `code` is its exit code, `diagnostics` as in `Project`, `text` what it said."""

    def __init__(self, code: int, text: str, diagnostics: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__("; ".join(f"{item['code']}: {item['message']}" for item in diagnostics) or text.strip())
        self.code, self.text, self.diagnostics = code, text, tuple(diagnostics)


@dataclass(frozen=True)
class Project:
    """`graph`, and each of `diagnostics`, has the form that `metaflow-triggers schema` prints. `ok`: no error."""

    ok: bool
    graph: Mapping[str, Any]
    diagnostics: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Compiled:
    """`written` and `removed` are paths below the output folder that changed; `kept` what a part of a project left."""

    graph: Mapping[str, Any]
    diagnostics: tuple[Mapping[str, Any], ...]
    written: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """`text` says in words what starts differently, then which files or objects differ."""

    same: bool
    text: str


@dataclass(frozen=True)
class Deployed:
    """`text` is the plan, and unless only that was asked for, what was done."""

    text: str


def read(*paths: Place, folder: Place = ".", **options: Option) -> Project:
    """`check`: the flows, what starts what, and what is wrong. Mistakes in the flows are its answer, not an error."""
    code, said, _ = _run("check", paths, folder, {**options, "format": "json"})
    value = _value(code, said)
    return Project(code == 0, value["graph"], tuple(value["diagnostics"]))


def compile(*paths: Place, output: Place, folder: Place = ".", **options: Option) -> Compiled:
    """`compile --output`: write all that `create` would deploy. Raises Refused; then nothing was written."""
    code, said, _ = _run("compile", paths, folder, {**options, "output": os.fspath(output), "format": "json"})
    value = _value(code, said)
    if code:
        raise Refused(code, said, value["diagnostics"])
    files = value["files"]
    kept = tuple(files["kept"])
    return Compiled(value["graph"], tuple(value["diagnostics"]), tuple(files["written"]), tuple(files["removed"]), kept)


def diff(
    *paths: Place, against: Place | None = None, live: bool = False, folder: Place = ".", **options: Option
) -> Difference:
    """`diff --against` a folder that `compile` wrote, or `--live` with what is deployed. Raises Refused."""
    given = {**options, "live": live} if against is None else {**options, "against": os.fspath(against), "live": live}
    code, said, error = _run("diff", paths, folder, given)
    if code > 1:
        raise Refused(code, error)
    return Difference(code == 0, said)


def create(*paths: Place, plan: bool = False, folder: Place = ".", **options: Option) -> Deployed:
    """`create`: deploy all flows; with `plan` only say what that would do. Raises Refused, with what was done."""
    code, said, error = _run("create", paths, folder, {**options, "plan": plan})
    if code:
        raise Refused(code, said + error)
    return Deployed(said)


def _value(code: int, said: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(said)
    except ValueError:
        raise Refused(code, said) from None
    return value


def _run(command: str, paths: Sequence[Place], folder: Place, options: Mapping[str, Option]) -> tuple[int, str, str]:
    words = [sys.executable, "-m", "metaflow_triggers.commands.cli", command]
    for name, value in options.items():
        words += _words(f"--{name.replace('_', '-')}", value)
    done = subprocess.run(
        [*words, "--", *[os.fspath(path) for path in paths]],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode < 0 or (done.returncode and not done.stdout and "usage: " in done.stderr):
        raise Refused(done.returncode, done.stderr)
    return done.returncode, done.stdout, done.stderr


def _words(option: str, value: Option) -> list[str]:
    if value is True:
        return [option]
    if value is False:
        return []
    if isinstance(value, (str, int, float)):
        return [f"{option}={value}"]
    return [word for item in value for word in _words(option, item)]
