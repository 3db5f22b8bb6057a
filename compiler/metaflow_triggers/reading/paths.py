"""Commands: what those over many flows have in common, reading them.

In:   the parsed arguments of a command.
Out:  what its files hold.

Not here: a command's own work. Heavy modules are imported when a command needs them.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from .flow_options import FlowOptions

if TYPE_CHECKING:
    from .read import Read


def read_flows(
    options: argparse.Namespace,
    backends: tuple[str, ...] = (),
    *,
    code_package: bool = False,
    workflow: bool = False,
    given: FlowOptions | None = None,
) -> Read:
    """What the files of `options.paths` hold, with all that is to say of them.

    `options` has paths, production, branch and timeout (seconds for one file), and may have workers (0: one per
    processor) and backend (those that the user named). `given` are options of the flows' own command lines.
    Raises DiagnosticError if the installation cannot read flows.
    """
    import_metaflow()
    from .. import seams
    from ..backends import registry
    from .files import flow_files
    from .project import read_project
    from .request import Request

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
        roots=tuple(os.path.realpath(path if os.path.isdir(path) else os.path.dirname(path)) for path in options.paths),
    )
    seams.check_shape(registry.spec(name).upstream for name in backends)
    seams.prove_in_charge(item.upstream for item in registry.at_work(backends))
    files = flow_files(options.paths)
    read = read_project(files.all(), request, files.found)
    read.diagnostics[:0] = files.diagnostics
    read.skipped += files.skipped
    read.looked = files.looked - {os.path.realpath(file) for file in read.unread}
    read.unsearched = files.unsearched
    return read


def import_metaflow() -> None:
    """Import Metaflow, before anything that touches it (`seams`)."""
    # Tells the extension's configuration, here and in the children, to leave open what is not configured.
    os.environ["METAFLOW_TRIGGERS_OFFLINE"] = "1"
    # Its plugins must be loaded before children start that read files: one import serves them all.
    import metaflow  # noqa: F401


def workers(options: argparse.Namespace) -> int:
    """How many files are read, or flows compiled, at once."""
    return getattr(options, "workers", 0) or os.cpu_count() or 1
