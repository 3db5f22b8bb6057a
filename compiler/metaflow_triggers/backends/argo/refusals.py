"""Refusals: what this backend cannot carry, or not yet.

In:   a flow.
Out:  diagnostics, each at the user's own words.

Not here: mistakes that hold on every backend (`metaflow_triggers.check`).
"""

from __future__ import annotations

import json

from ...diagnostics import Diagnostic
from ...model import Dependency, EventDependency, Flow, Trigger
from . import names

OUTCOMES = ("success", "failure")


def refusals(flow: Flow) -> list[Diagnostic]:
    """In the order in which they stand in the file's model."""
    found: list[Diagnostic] = []
    deployed = names.own_name(flow)
    if not names.is_valid(deployed, flow.project):
        found.append(
            Diagnostic(
                "FT401",
                f"`{flow.name}` cannot be deployed as `{deployed}`: Argo Workflows takes at most {names.LIMIT} "
                "lower-case letters, digits, hyphens and dots",
                flow.span,
                label=f"{len(deployed)} characters",
                helps=("give the flow class a shorter name of ASCII letters and digits",),
            )
        )
    if "parallel" in flow.features:
        found.append(
            Diagnostic(
                "FT510",
                f"`{flow.name}` has a @parallel step, whose pods are not given what triggers need on Argo Workflows "
                "yet",
                flow.span,
            )
        )
    if flow.schedule is not None:
        found.append(
            Diagnostic(
                "FT505",
                f"the schedule of `{flow.name}` is not translated for Argo Workflows yet",
                flow.schedule.span,
                label="would never start the flow",
            )
        )
    for trigger in flow.triggers:
        found += _of_trigger(flow, trigger)
    return found


def _of_trigger(flow: Flow, trigger: Trigger) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    if trigger.join == "all" and len(trigger.dependencies) > 1:
        found.append(
            Diagnostic(
                "FT501",
                f"`{flow.name}` waits for all of {len(trigger.dependencies)} dependencies, which is not built yet on "
                "Argo Workflows",
                trigger.span,
                helps=("write require='any' if each of them alone shall start the flow",),
            )
        )
    options = json.loads(trigger.options) if trigger.options else {}
    unknown = sorted(set(options) - {"auto_map"})
    if unknown:
        found.append(
            Diagnostic(
                "FT506",
                f"the option `{unknown[0]}` of `{flow.name}` is not built yet on Argo Workflows",
                trigger.span,
            )
        )
    for dependency in trigger.dependencies:
        found += _of_dependency(flow, dependency)
    return found


def _of_dependency(flow: Flow, dependency: Dependency) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    if dependency.filter is not None:
        found.append(
            Diagnostic("FT502", f"the filter of `{flow.name}` is not built yet on Argo Workflows", dependency.span)
        )
    if isinstance(dependency, EventDependency):
        if dependency.origin is not None:
            found.append(
                Diagnostic(
                    "FT503",
                    f"the origin of event `{dependency.name}` is not built yet on Argo Workflows",
                    dependency.span,
                )
            )
    else:
        found += [
            Diagnostic(
                "FT504",
                f"the outcome `{outcome}` of `{dependency.flow}` cannot start `{flow.name}` on Argo Workflows yet",
                dependency.span,
                notes=(f"built are {' and '.join(OUTCOMES)}",),
            )
            for outcome in dependency.match
            if outcome not in OUTCOMES
        ]
    return found
