"""Toplevel: what `from metaflow import ...` gains, and the proof that the plugins loaded.

In:   Metaflow, with all plugins loaded; this module comes last.
Out:  `ParameterContext` and `Flow` in `metaflow`. (`emit_event` and `namespaced_event_name` are plugins.)

The options that a project file says are given from here on (`plugins/project_file.py`).

Not here: anything else. Metaflow goes on without a plugin module that fails, and only warns; a flow would then be
deployed without its triggers. So that is an error here.
"""

# A name here is a name of `metaflow`.
from metaflow.parameters import ParameterContext  # noqa: F401
from metaflow_extensions.triggers.plugins.triggering_flow import Flow  # noqa: F401

__mf_extensions__ = "triggers"
__version__ = "0.1.0"


def __prove_that_the_plugins_loaded():
    from metaflow import plugins
    from metaflow_extensions.triggers.plugins.backends import BACKENDS

    ours = {"trigger", "trigger_on_finish", "project", *(backend.decorator[0] for backend in BACKENDS.values())}
    registered = [*plugins.FLOW_DECORATORS, *plugins.STEP_DECORATORS]
    # Another extension may replace a decorator on purpose; Metaflow's own class under the name means ours is missing.
    missing = sorted(c.name for c in registered if c.name in ours and c.__module__.startswith("metaflow.plugins."))
    # What is switched off is under no name; that is its owner's choice.
    if missing:
        names = ", ".join(f"@{name}" for name in missing)
        raise ImportError(
            f"FT001: metaflow-triggers is installed, but Metaflow did not load its plugins ({names}). Look above for "
            "'Plugins did not load': an installed extension fails when it is imported. Repair or remove that one."
        )


__prove_that_the_plugins_loaded()


def __take_the_project_file():
    import sys

    # Only the configuration imports it, for a command of a backend (`config/mfextinit_triggers.py`).
    taken = sys.modules.get("metaflow_extensions.triggers.plugins.project_file")
    if taken is not None:
        taken.give_options()


__take_the_project_file()
