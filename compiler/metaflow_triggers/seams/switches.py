"""Switches: which backends of Metaflow are on.

In:   Metaflow's plugins, of which an extension or the user's configuration may switch some off.
Out:  whether a backend is on; the command through which flows are read; DiagnosticError (FT008).

Not here: a backend that something else took the place of (`shape`). One that is off is left alone: nothing of
Metaflow's is there for it, so nothing could be deployed, and the other works as ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostic, DiagnosticError

if TYPE_CHECKING:
    from .upstream import Upstream

_READING = ["metaflow-triggers", "read"]
"""The command of the extension that is there whatever backend is off (`reading_cli`)."""


def is_on(backend: Upstream) -> bool:
    """Whether Metaflow has what it needs: its command group, and what its compiler attaches to every step."""
    from metaflow import plugins

    wanted = {name for name in (*backend.attaches, backend.bookkeeping) if name}
    groups = plugins.get_plugin_cli_path()
    return (not backend.group or backend.group in groups) and wanted <= {cls.name for cls in plugins.STEP_DECORATORS}


def reading_command(backends: Iterable[Upstream]) -> list[str]:
    """The command of a flow that leads to our reading of it.

    Not through a backend's group, which holds the flow's name against what that backend takes. Where a configuration
    lists Metaflow's groups one by one, and not ours, through the first of these that is on.
    """
    from metaflow import plugins

    if _READING[0] in plugins.get_plugin_cli_path():
        return list(_READING)
    groups = (backend.group for backend in backends if backend.group and is_on(backend))
    first = next(groups, None)
    return list(_READING) if first is None else [first, "compile"]


def switched_off(name: str, severity: str = "") -> Diagnostic:
    """FT008 for a backend that is off."""
    return Diagnostic(
        "FT008",
        f"{name} is switched off in this installation of Metaflow, so nothing is compiled for it",
        helps=("look for TOGGLE_ and ENABLED_ settings of installed extensions, and METAFLOW_ENABLED_... of your own",),
        severity=severity,
    )


def prove_switched_on(name: str, backend: Upstream) -> None:
    """Raise DiagnosticError(FT008) for a backend that is off."""
    if not is_on(backend):
        raise DiagnosticError([switched_off(name)])
