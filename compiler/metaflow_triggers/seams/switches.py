"""Switches: which backends of Metaflow are on.

In:   Metaflow's plugins, of which an extension or the user's configuration may switch some off.
Out:  the backends that are on; the command through which flows are read; DiagnosticError (FT008).

Not here: a backend that something else took the place of (`shape`). One that is off is left alone: nothing of
Metaflow's is there for it, so nothing could be deployed, and the other works as ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics import Diagnostic, DiagnosticError

_STEPS = {
    "step-functions": ("batch", "step_functions_internal"),
    "argo-workflows": ("kubernetes", "argo_workflows_internal"),
}
"""Backend, which is also the name of its command group -> what its compiler attaches to every step."""

_READING = ["metaflow-triggers", "read"]
"""The command of the extension that is there whatever is off (`reading_cli`)."""


def switched_on(backends: Iterable[str]) -> tuple[str, ...]:
    """Those of `backends` that Metaflow has; one that is none of Metaflow's is on."""
    from metaflow import plugins

    groups = plugins.get_plugin_cli_path()
    steps = {cls.name for cls in plugins.STEP_DECORATORS}
    return tuple(
        name
        for name in backends
        if name not in _STEPS or (name in groups and all(decorator in steps for decorator in _STEPS[name]))
    )


def reading_command(backends: Iterable[str]) -> list[str]:
    """The command of a flow that leads to our reading of it."""
    on = switched_on([*(name for name in backends if name in _STEPS), *_STEPS])
    return [on[0], "compile"] if on else list(_READING)


def switched_off(name: str, severity: str = "") -> Diagnostic:
    """FT008 for a backend that is off."""
    return Diagnostic(
        "FT008",
        f"{name} is switched off in this installation of Metaflow, so nothing is compiled for it",
        helps=("look for TOGGLE_ and ENABLED_ settings of installed extensions, and METAFLOW_ENABLED_... of your own",),
        severity=severity,
    )


def prove_switched_on(name: str) -> None:
    """Raise DiagnosticError(FT008) for a backend that is off."""
    if not switched_on([name]):
        raise DiagnosticError([switched_off(name)])
