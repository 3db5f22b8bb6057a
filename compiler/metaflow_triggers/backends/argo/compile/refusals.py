"""Refusals: what this backend cannot carry.

In:   a flow, the settings.
Out:  diagnostics, each at the user's own words.

Not here: mistakes that hold on every backend (`metaflow_triggers.rules.find`), what only the finished objects show
(`argo.checks`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from metaflow_extensions.triggers.plugins import webhook

from ....diagnostics import Diagnostic
from ....model import facts
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, PollTrigger, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from ...setting_forms import mistakes
from .. import NAME
from . import event_delivery, names
from .options import option_mistakes, origin_mistakes
from .patterns import PatternRefused
from .setting_forms import FORMS
from .trust import Trust, unproven, without_proof

_PARAMETER = re.compile(r"[-a-zA-Z0-9_]+")
"""`paramOrArtifactNameRegex` of Argo Workflows 4.0.5 (workflow/validate/validate.go)."""


def refused_polls(flow: Flow, polls: Sequence[PollTrigger]) -> Iterator[Diagnostic]:
    """Of the poll triggers that start the flow."""
    if polls:
        from ... import declared  # few flows are polled

        yield from declared.refused(flow, polls, "Argo Workflows", "each poll asks the Kubernetes API", "a cluster")


def refusals(flow: Flow, settings: Settings, believed: Trust) -> list[Diagnostic]:
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
                helps=(
                    "give another one with `--name`"
                    if flow.deployed_as
                    else "give the flow class a shorter name of ASCII letters and digits",
                ),
            )
        )
    for item in flow.parameters:
        if not item.is_config and not _PARAMETER.fullmatch(item.name):
            found.append(
                Diagnostic(
                    "FT401",
                    f"the parameter `{item.name}` of `{flow.name}` cannot be an argument of a Workflow",
                    item.span,
                    label="Argo Workflows takes ASCII letters, digits, `_` and `-`",
                    helps=("give it another name",),
                )
            )
    told = [webhook.accepted_mistake(settings.argo_webhook_accepted or "")]
    for setting, url in (
        ("METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL", settings.argo_webhook_url),
        ("METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL", settings.argo_outcome_webhook_url),
    ):
        wrong = webhook.address_mistake(url) if url else None
        # The text of `webhook` is part of the exit handler, which knows one variable.
        told.append(wrong and wrong.replace(webhook.URL_VARIABLE, setting))
    found += [Diagnostic("FT017", mistake) for mistake in told if mistake]
    found += mistakes(settings, FORMS)
    found += _schedule(flow, settings)
    for trigger in flow.triggers:
        found += _of_trigger(flow, trigger)
    found += [unproven(flow, item, believed) for item in without_proof(flow, settings, believed)]
    return found


def _schedule(flow: Flow, settings: Settings) -> Iterator[Diagnostic]:
    if flow.schedule is None:
        return
    from ....language.cron import cut_to_five_fields, parse_five, to_five_fields

    if settings.compatibility == "upstream":
        try:
            parse_five(cut_to_five_fields(flow.schedule.cron))
        except ValueError as unknown:
            yield Diagnostic(
                "FT505",
                f"Argo Workflows does not read the first five fields of the schedule of `{flow.name}`: {unknown}",
                flow.schedule.span,
                label="deployed as Metaflow alone deploys it, and would never start the flow",
                helps=("unset METAFLOW_TRIGGERS_COMPAT to have it translated or refused",),
                severity="warning",
            )
        return
    try:
        to_five_fields(flow.schedule.cron)
    except ValueError as refused:  # CronError: what is no cron, and what five fields cannot say
        yield Diagnostic(
            "FT505",
            f"the schedule of `{flow.name}` cannot be kept on Argo Workflows: {refused}",
            flow.schedule.span,
            label="would fire at other times",
            helps=("use no `L`, `W`, `#` and no year", "or deploy the flow on step-functions"),
        )


def _of_trigger(flow: Flow, trigger: Trigger) -> Iterator[Diagnostic]:
    options = trigger.options
    bound = options.max_active
    if bound is not None and bound > 1:
        yield Diagnostic(
            "FT506",
            f"`max_active` {bound} of `{flow.name}` cannot be kept on Argo Workflows, whose mutex lets one run "
            "at a time",
            options.place("max_active") or trigger.span,
            label="more would run at once",
            helps=("write options={'max_active': 1}", "or leave it out"),
        )
    if facts.is_set(trigger):
        if options.join == "queue":
            yield Diagnostic(
                "FT501",
                f"`{flow.name}` pairs its events oldest with oldest (`join='queue'`), and Argo Events keeps the "
                "newest of each only",
                options.place("join") or trigger.span,
                label="would lose events",
                helps=("leave `join` out to start with the newest of each", "or deploy the flow on step-functions"),
            )
        missing = facts.given_by_auto_map_alone(flow, trigger)
        if missing:
            yield Diagnostic(
                "FT501",
                f"whether a set of events gives `{missing[0]}` of `{flow.name}` a value is not known before it starts "
                "on Argo Workflows",
                trigger.span,
                label="`auto_map` may take it from any of the events, and a Sensor looks at one at a time",
                helps=(f"map `{missing[0]}` from one of the events", f"or give `{missing[0]}` a default"),
            )
        yield from _reset(flow, trigger)
    for keys, told, helps in option_mistakes(trigger):
        place = options.place(NAME, *keys) or trigger.span
        yield Diagnostic("FT107", f"an option of `{flow.name}` {told}", place, helps=helps)
    for dependency in trigger.dependencies:
        yield from _of_dependency(flow, dependency)


def _reset(flow: Flow, trigger: Trigger) -> Iterator[Diagnostic]:
    reset = trigger.options.reset_at
    if reset is None:
        return
    from .clock_changes import parted

    told = parted(reset.cron, reset.timezone or "UTC")
    if told:
        yield Diagnostic(
            "FT505",
            f"`reset_at` of `{flow.name}` is not kept on Argo Workflows through a change of the clocks",
            trigger.options.place("reset_at") or trigger.span,
            label="a Sensor's reset has nothing that could hold it back",
            notes=tuple(told),
            helps=("give it a time of the day, or the timezone UTC",),
            severity="warning",
        )


def _of_dependency(flow: Flow, dependency: Dependency) -> Iterator[Diagnostic]:
    if isinstance(dependency, EventDependency) and dependency.origin is not None:
        told = list(origin_mistakes(dependency.origin))
        for keys, text, helps in told:
            place = dependency.origin.place(*keys) or dependency.span
            yield Diagnostic("FT503", f"the origin of event `{dependency.name}` {text}", place, helps=helps)
        if told:
            return
    try:
        if isinstance(dependency, EventDependency):
            event_delivery.event_transform(dependency)
        elif isinstance(dependency, FinishDependency):
            event_delivery.outcome_transform(dependency)
        else:
            assert_never(dependency)
    except PatternRefused as refused:
        yield Diagnostic(
            "FT502",
            f"the filter of `{flow.name}` is not understood: {refused}",
            (dependency.filter.place() if dependency.filter else None) or dependency.span,
            label="would match other events",
        )
