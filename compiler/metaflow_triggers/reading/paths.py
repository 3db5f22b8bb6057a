"""Commands: what those over many flows have in common, reading them.

In:   the parsed arguments of a command.
Out:  what its files hold.

Not here: a command's own work. Heavy modules are imported when a command needs them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .flow_options import FlowOptions

if TYPE_CHECKING:
    from pathlib import Path

    from ..diagnostics import Diagnostic
    from ..project_file.shape import ProjectFile
    from .read import Read


def read_flows(
    options: argparse.Namespace,
    backends: tuple[str, ...] = (),
    *,
    code_package: bool = False,
    workflow: bool = False,
    given: FlowOptions | None = None,
    kept: str = "",
) -> Read:
    """What the files of `options.paths` hold, with all that is to say of them.

    `options` has paths, production, branch and timeout (seconds for one file), and may have workers (0: one per
    processor) and backend (those that the user named). `given` are options of the flows' own command lines, `kept`
    a folder for what a deployment of them uploads.
    Raises DiagnosticError if the installation cannot read flows.
    """
    import_metaflow()
    from .. import seams
    from ..backends import registry
    from ..project_file.ignored import Ignored
    from .files import flow_files
    from .project import read_project
    from .request import Request

    project = getattr(options, "project", None)
    request = Request(
        backends=backends,
        production=options.production,
        branch=options.branch,
        code_package=code_package,
        workflow=workflow,
        seconds=options.timeout,
        workers=workers(options),
        chosen=bool(getattr(options, "backend", None)),
        options=given or FlowOptions(),
        here=os.getcwd(),
        of_paths=project.backends_of_paths if project else (),
        roots=tuple(os.path.realpath(path if os.path.isdir(path) else os.path.dirname(path)) for path in options.paths),
        kept=kept,
        cached=not kept and not getattr(options, "no_cache", True),
    )
    seams.check_shape(registry.spec(name).upstream for name in backends)
    seams.prove_in_charge(item.upstream for item in registry.at_work(backends))
    files = flow_files(options.paths, Ignored(project) if project else None)
    read = read_project(files.all(), request, files.found)
    read.diagnostics[:0] = files.diagnostics
    if hasattr(options, "project") and not getattr(options, "locally", False):
        read.diagnostics += elsewhere(files.all(), options.project)
    read.skipped += files.skipped
    read.looked = files.looked - {os.path.realpath(file) for file in read.unread}
    read.unsearched, read.excluded = files.unsearched, files.excluded
    return read


def elsewhere(files: Sequence[str], project: ProjectFile | None) -> list[Diagnostic]:
    """FT034 for each project file but the command's own that holds for some of the files.

    `python FILE` takes that one, so it would compile them otherwise.
    """
    from ..diagnostics import Diagnostic
    from ..project_file.find import Finder, shown
    from .read import few

    finder, own = Finder(), project.file if project else None
    others: dict[Path, list[str]] = {}
    for file in files:
        found = finder.of(file)
        if found is not None and found != own:
            others.setdefault(found, []).append(file)
    its = f"`{project.shown}`" if project else "none"
    return [
        Diagnostic(
            "FT034",
            f"`{inside[0]}` belongs to the project of `{shown(file)}`, and this command has that of {its}",
            notes=(f"so do {few(inside[1:])}",) if inside[1:] else (),
            helps=(f"give a command to that project alone: `metaflow-triggers check {shown(file.parent)}`",),
        )
        for file, inside in others.items()
    ]


def import_metaflow() -> None:
    """Import Metaflow, before anything that touches it (`seams`)."""
    # Tells the extension's configuration, here and in the children, to leave open what is not configured.
    os.environ["METAFLOW_TRIGGERS_OFFLINE"] = "1"
    # Its plugins must be loaded before children start that read files: one import serves them all.
    import metaflow  # noqa: F401


def workers(options: argparse.Namespace) -> int:
    """How many files are read, or flows compiled, at once."""
    return getattr(options, "workers", 0) or os.cpu_count() or 1
