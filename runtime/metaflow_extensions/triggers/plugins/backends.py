"""Backends: what of each backend of ours travels into runs, in one table; the groups of a command line.

In:   the words of a command line.
Out:  names, and paths below this package.

Not here: what they lead to. Imports the standard library alone: Metaflow's configuration asks, before it has plugins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Travels(NamedTuple):
    """`product` is its name for people; `group` of commands; `decorator` of its tasks, (name, class); `parameters`: a
    function of `parameters_of_run`."""

    product: str
    group: str
    decorator: tuple[str, str]
    parameters: str


BACKENDS = {
    "step-functions": Travels(
        "AWS Step Functions",
        ".step_functions_cli.cli",
        ("step_functions_internal", ".internal_decorators.StepFunctionsInternalDecorator"),
        "of_step_functions",
    ),
    "argo-workflows": Travels(
        "Argo Workflows",
        ".argo_workflows_cli.cli",
        ("argo_workflows_internal", ".internal_decorators.ArgoWorkflowsInternalDecorator"),
        "of_argo_workflows",
    ),
}

_COMMANDS = {"compile", "diff", "create", "delete", "--help"}


def installed(arguments: Sequence[str]) -> list[str]:
    """The backends of other packages that the command line of a flow may mean, which names none of ours.

    To look for them takes some ten milliseconds, so it is not done for the commands of a run.
    """
    words = set(arguments)
    if words & BACKENDS.keys() or not words & _COMMANDS:
        return []
    from importlib.metadata import entry_points

    # As `metaflow_triggers.backends.registry` finds them; the compiler does not travel.
    return sorted({item.name for item in entry_points(group="metaflow_triggers.backends")} - BACKENDS.keys())
