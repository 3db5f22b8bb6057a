"""Refusals: what this backend cannot carry of a flow's triggers.

In:   a flow, settings.
Out:  diagnostics with the place in the user's file; empty when all of it can be carried.

Not here: what only the finished template shows, such as sizes (`checks.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ....diagnostics import Diagnostic
from ....model import facts
from ....model.flows import EventDependency, FinishDependency, Flow, PollTrigger, Span, Trigger, Written
from ....model.kinds import assert_never
from ....model.settings import Settings
from ...setting_forms import mistakes
from .. import NAME
from . import names
from .dependencies import finish_filter
from .event_patterns import CannotKeep, numbers_beyond
from .lower import EXPRESSION_LIMIT, PATTERN_LIMIT, deployed, event_pattern, outcome_pattern
from .machines import sender
from .options import option_mistakes, options, queue_arns
from .scheduler_cron import LIMIT as CRON_LIMIT
from .scheduler_cron import scheduler_expressions
from .setting_forms import FORMS, OF_ALARMS, OF_LOGS, OF_WHAT_IS_KEPT

_UNBUILT = {
    "parallel": "@parallel steps",
    "exit_hook": "@exit_hook",
    "switch": "switch steps",
}


def refusals(flow: Flow, settings: Settings) -> list[Diagnostic]:
    """Everything at once, in the order of the file."""
    return [
        *_names(flow, settings),
        *_features(flow),
        *_schedule(flow),
        *_triggers(flow, settings),
        *mistakes(settings, FORMS),
        *mistakes(settings, (*OF_WHAT_IS_KEPT, *OF_ALARMS) if flow.triggers or flow.schedule is not None else ()),
        *mistakes(settings, OF_LOGS if flow.triggers else ()),
    ]


def refused_polls(flow: Flow, polls: Sequence[PollTrigger], settings: Settings) -> Iterator[Diagnostic]:
    """Of the poll triggers that start the flow."""
    if not polls:
        return
    from ... import declared  # few flows are polled
    from .poller import LARGEST_DECLARED, poller

    product = "AWS Step Functions"
    yield from declared.refused(flow, polls, product, "each poll reads and writes DynamoDB", "a cloud")
    made = poller(flow, polls, None, settings)
    size = 0 if made is None else len(made.declared.encode("utf-8"))
    if size > LARGEST_DECLARED:
        yield Diagnostic(
            "FT405",
            f"the {len(polls)} poll triggers of `{flow.name}` are {size} bytes of declarations; {product} takes "
            f"{LARGEST_DECLARED}",
            polls[0].span,
            "would be refused",
            helps=("give some of them to a flow of its own, which starts this one by @trigger_on_finish",),
        )


def _names(flow: Flow, settings: Settings) -> Iterator[Diagnostic]:
    name = deployed(flow, settings)
    if names.VALID_STATE_MACHINE.fullmatch(name):
        return
    if len(name) > names.STATE_MACHINE_LIMIT:
        why = f"has {len(name)} characters; AWS Step Functions takes {names.STATE_MACHINE_LIMIT}"
    else:
        why = "has characters other than letters, digits, `_`, `.` and `-`"
    prefix = settings.state_machine_prefix
    by_setting = (f"or a shorter METAFLOW_SFN_STATE_MACHINE_PREFIX than `{prefix}`",) if prefix else ()
    yield Diagnostic(
        "FT401",
        f"the name `{name}` of `{flow.name}` on AWS Step Functions {why}",
        flow.span,
        "named with `--name`" if flow.deployed_as else "named after this class",
        helps=(
            "give another one with `--name`"
            if flow.deployed_as
            else "give the flow a shorter name of letters, digits and `_`",
            *by_setting,
        ),
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
    if flow.schedule is None:
        return
    from ....language.cron import CronError, parse

    try:
        parse(flow.schedule.cron)
    except CronError as error:  # with METAFLOW_TRIGGERS_COMPAT=upstream Argo's five fields come as far as this
        yield Diagnostic(
            "FT505",
            f"EventBridge Scheduler does not take the cron expression of `{flow.name}`: {error}",
            flow.schedule.span,
            "would never start the flow",
            helps=("write minute, hour, day of month, month, day of week, year: cron='0 8 ? * MON-FRI *'",),
        )
        return
    size = len(f"cron({flow.schedule.cron})")
    if size > CRON_LIMIT:
        yield Diagnostic(
            "FT505",
            f"the cron expression of `{flow.name}` has {size} characters; EventBridge Scheduler takes {CRON_LIMIT}",
            flow.schedule.span,
            "would be refused",
            helps=("write ranges and steps instead of lists",),
        )


def _triggers(flow: Flow, settings: Settings) -> Iterator[Diagnostic]:
    wrong = [(trigger, *mistake) for trigger in flow.triggers for mistake in option_mistakes(trigger)]
    for trigger, keys, told in wrong:
        place = trigger.options.place(NAME, *keys) or trigger.span
        yield Diagnostic("FT107", f"option '{NAME}' of `{flow.name}` is not understood", place, told)
    queues = [] if wrong else queue_arns(flow)
    if len(queues) > 1:
        yield Diagnostic(
            "FT107",
            f"the triggers of `{flow.name}` name {len(queues)} dead-letter queues on AWS, which has one for a flow",
            flow.triggers[-1].span,
            "names another one than the trigger before",
            helps=("write the same queue in both, or in one of them only",),
        )
    for trigger in flow.triggers:
        bound = trigger.options.max_active
        if bound is not None:
            yield Diagnostic(
                "FT506",
                f"`max_active` {bound} of `{flow.name}` cannot be kept on AWS Step Functions, where no execution "
                "waits for another",
                trigger.options.place("max_active") or trigger.span,
                "more would run at once",
                helps=("leave `max_active` out", "or let a step that cannot stand it take a lock of its own"),
            )
        if facts.is_set(trigger):
            yield from _set(flow, trigger, settings)
        for item in trigger.dependencies:
            if isinstance(item, FinishDependency):
                yield from _outcomes(flow, item, settings)
            elif isinstance(item, EventDependency):
                yield from _event(flow, item, settings)
            else:
                assert_never(item)


def _set(flow: Flow, trigger: Trigger, settings: Settings) -> Iterator[Diagnostic]:
    missing = facts.given_by_auto_map_alone(flow, trigger)
    if missing:
        yield Diagnostic(
            "FT501",
            f"whether a set of events gives `{missing[0]}` of `{flow.name}` a value is not known before it starts on "
            "AWS Step Functions",
            trigger.span,
            "`auto_map` may take it from any of the events, and each is judged when it arrives",
            helps=(f"map `{missing[0]}` from one of the events", f"or give `{missing[0]}` a default"),
        )
    reset = options(trigger).reset_at
    if reset is not None:
        from ....language.cron import CronError

        try:
            scheduler_expressions(reset.fields)
        except CronError as error:
            yield Diagnostic(
                "FT107",
                f"`reset_at` of `{flow.name}` cannot be scheduled on AWS: {error}",
                trigger.options.place("reset_at") or trigger.span,
                "would never forget",
                helps=("write {'cron': '0 0 * * *', 'timezone': 'Europe/Berlin'}",),
            )
    # Two claims in the longest expression for each dependency, and "SET ", " REMOVE ".
    longest = len(trigger.dependencies) * len("claim_000 = slot_000[0], slot_000[0], ") + 12
    if longest > EXPRESSION_LIMIT:
        most = (EXPRESSION_LIMIT - 12) // len("claim_000 = slot_000[0], slot_000[0], ")
        yield Diagnostic(
            "FT405",
            f"`{flow.name}` waits for all of {len(trigger.dependencies)} dependencies; AWS takes {most} in one set",
            trigger.span,
            "a condition over so many would be too long for DynamoDB",
            helps=("gather some of them in a flow of its own, joined by @trigger_on_finish",),
        )


def _event(flow: Flow, item: EventDependency, settings: Settings) -> Iterator[Diagnostic]:
    own = item.origin.plain() if item.origin else {}
    if own and NAME not in own:
        yield Diagnostic(
            "FT503",
            f"the `origin` of event `{item.name}` says nothing about AWS Step Functions",
            _at(item.origin, item.span),
            "would wait for an event that nobody publishes under this name",
            helps=("write 'origin': {'step-functions': {'source': ..., 'detail-type': ...}}",),
        )
        return
    keys, problem = _origin_problem(own.get(NAME))
    if problem:
        yield Diagnostic(
            "FT503",
            f"the `origin` of event `{item.name}` is not understood on AWS Step Functions: {problem}",
            _at(item.origin, item.span, NAME, *keys),
            "would wait for an event that nobody publishes",
            helps=("write {'step-functions': {'source': 'aws.s3', 'detail-type': 'Object Created'}}",),
        )
        return
    pattern = item.filter.plain() if item.filter else {}
    for number in numbers_beyond(pattern):
        yield Diagnostic(
            "FT502",
            f"the filter of event `{item.name}` has the number {number}, beyond what EventBridge's guide promises",
            _at(item.filter, item.span),
            "-5e9 to 5e9, 15 digits, at most 6 of them after the point",
            notes=("its matcher compares more; `create` asks AWS about the pattern before it writes anything",),
            helps=("to be sure, publish the value as text, and filter on the text",),
            severity="note",
        )
    whole = event_pattern(*_named(item, settings), pattern)
    size = len(json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode("utf-8"))
    if size > PATTERN_LIMIT:
        yield Diagnostic(
            "FT402",
            f"the filter of event `{item.name}` makes a pattern of {size} characters; EventBridge takes "
            f"{PATTERN_LIMIT}",
            _at(item.filter, item.span),
            "the rule would be refused",
            helps=("list fewer values, or let the publisher put them in one field",),
        )


def _named(item: EventDependency, settings: Settings) -> tuple[str, list[str]]:
    meant = sender(item, settings)
    assert meant.source is not None
    return meant.source, [meant.detail_type] if meant.detail_type else []


def _origin_problem(own: Any) -> tuple[tuple[str, ...], str]:
    """(the keys that lead to it, what it is)."""
    if own is None:
        return (), ""
    if not isinstance(own, dict) or "source" not in own:
        return (), "it has no `source`"
    unknown = sorted(set(own) - {"source", "detail-type"})
    if unknown:
        return (unknown[0], ""), f"unknown key {unknown[0]!r}"
    for key, value in own.items():
        if not isinstance(value, str) or not value or len(value) > 256:
            return (key,), f"{key!r} is not a text of 1 to 256 characters"
    return (), ""


def _at(said: Written | None, around: Span, *keys: str) -> Span:
    return (said.place(*keys) if said else None) or around


def _outcomes(flow: Flow, item: FinishDependency, settings: Settings) -> Iterator[Diagnostic]:
    machine = names.deployed_name(item.flow, item.project, item.branch, settings)
    if not names.VALID_STATE_MACHINE.fullmatch(machine):
        yield Diagnostic(
            "FT401",
            f"the name `{machine}` of `{item.flow}` does not fit AWS Step Functions",
            item.span,
            "no state machine can have this name",
        )
    try:
        left = finish_filter(item)
    except CannotKeep as error:
        yield Diagnostic(
            "FT502",
            f"a filter of `{flow.name}` cannot be kept exactly on AWS Step Functions: {error}",
            _at(item.filter, item.span),
            "would start on outcomes that the filter excludes",
        )
        return
    if not left.outcomes:
        yield Diagnostic(
            "FT502",
            f"no outcome of `{item.flow}` can pass the filter of `{flow.name}`",
            _at(item.filter, item.span),
            "would never start on it",
        )
        return
    size = len(json.dumps(outcome_pattern(("x" * 9,) * len(left.outcomes), [machine], left.runs)).encode("utf-8"))
    if size > PATTERN_LIMIT:
        yield Diagnostic(
            "FT402",
            f"the filter of `{flow.name}` makes a pattern of {size} characters; EventBridge takes {PATTERN_LIMIT}",
            _at(item.filter, item.span),
            "the rule would be refused",
        )
