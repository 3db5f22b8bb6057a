"""Refusals: what this backend cannot carry of a flow's triggers.

In:   a flow, settings.
Out:  diagnostics with the place in the user's file; empty when all of it can be carried.

Not here: what only the finished template shows, such as sizes (`checks.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model import EventDependency, FinishDependency, Flow, Trigger
from ...settings import Settings
from . import names
from .lower import STATUS, deployed

_UNBUILT = {
    "parallel": "@parallel steps",
    "exit_hook": "@exit_hook",
    "switch": "switch steps",
}


def refusals(flow: Flow, settings: Settings) -> list[Diagnostic]:
    """Everything at once, in the order of the file."""
    return [*_names(flow, settings), *_features(flow), *_schedule(flow), *_triggers(flow, settings)]


def _names(flow: Flow, settings: Settings) -> Iterator[Diagnostic]:
    name = deployed(flow, settings)
    if names.VALID_STATE_MACHINE.fullmatch(name):
        return
    if len(name) > names.STATE_MACHINE_LIMIT:
        why = f"has {len(name)} characters; AWS Step Functions takes {names.STATE_MACHINE_LIMIT}"
    else:
        why = "has characters other than letters, digits, `_`, `.` and `-`"
    yield Diagnostic(
        "FT401",
        f"the name `{name}` of `{flow.name}` on AWS Step Functions {why}",
        flow.span,
        "named after this class",
        helps=("give the flow a shorter name of letters, digits and `_`",),
    )


def _features(flow: Flow) -> Iterator[Diagnostic]:
    for feature in flow.features:
        if feature in _UNBUILT:
            yield Diagnostic(
                "FT510",
                f"`{flow.name}` uses {_UNBUILT[feature]}, which Metaflow does not run on AWS Step Functions",
                flow.span,
                "could be started, but not run",
                helps=("deploy the flow on argo-workflows, or take it out of the flow",),
            )


def _schedule(flow: Flow) -> Iterator[Diagnostic]:
    if flow.schedule is not None:
        yield Diagnostic(
            "FT505",
            f"the @schedule of `{flow.name}` is not built yet on AWS Step Functions",
            flow.schedule.span,
            "would never start the flow",
            helps=("start the flow by an event, or deploy it on argo-workflows",),
        )


def _triggers(flow: Flow, settings: Settings) -> Iterator[Diagnostic]:
    for trigger in flow.triggers:
        if trigger.join == "all" and len(trigger.dependencies) > 1:
            what = "events" if trigger.kind == "event" else "flows"
            yield Diagnostic(
                "FT501",
                f"`{flow.name}` waits for all of {len(trigger.dependencies)} {what}, which is not built yet "
                "on AWS Step Functions",
                trigger.span,
                "waits for all",
                notes=() if trigger.join_is_stated else ("several events mean all unless `require=` says otherwise",),
                helps=("write require='any' if each of them should start the flow",),
            )
        yield from _options(flow, trigger)
        for item in trigger.dependencies:
            if item.filter is not None:
                yield Diagnostic(
                    "FT502",
                    f"a filter of `{flow.name}` is not built yet on AWS Step Functions",
                    item.span,
                    "would start on events that the filter excludes",
                )
            if isinstance(item, EventDependency) and item.origin is not None:
                yield Diagnostic(
                    "FT503",
                    f"the `origin` of event `{item.name}` is not built yet on AWS Step Functions",
                    item.span,
                    "would wait for an event that nobody publishes",
                )
            if isinstance(item, FinishDependency):
                yield from _outcomes(flow, item, settings)


def _options(flow: Flow, trigger: Trigger) -> Iterator[Diagnostic]:
    for key in sorted(json.loads(trigger.options or "{}")):
        if key != "auto_map":
            yield Diagnostic(
                "FT506",
                f"option `{key}` of `{flow.name}` is not built yet on AWS Step Functions",
                trigger.span,
                "would be without effect",
            )


def _outcomes(flow: Flow, item: FinishDependency, settings: Settings) -> Iterator[Diagnostic]:
    unbuilt = [outcome for outcome in item.match if outcome not in STATUS]
    if unbuilt:
        yield Diagnostic(
            "FT504",
            f"`{flow.name}` waits for {' and '.join(unbuilt)} of `{item.flow}`, which is not built yet "
            "on AWS Step Functions",
            item.span,
            "would never start on it",
            helps=("match='success', match='failure', or both",),
        )
    machine = names.deployed_name(item.flow, item.project, item.branch, settings)
    if not names.VALID_STATE_MACHINE.fullmatch(machine):
        yield Diagnostic(
            "FT401",
            f"the name `{machine}` of `{item.flow}` does not fit AWS Step Functions",
            item.span,
            "no state machine can have this name",
        )
