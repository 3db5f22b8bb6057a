"""Explain: what starts what, in words.

In:   a trigger graph.
Out:  rows of text, one per reason to start; `table` lays them out for a terminal.

Not here: backends, colour, printing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..model.facts import is_set
from ..model.flows import (
    Constant,
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    Mapping,
    PayloadField,
    PollTrigger,
    Schedule,
    Source,
    Trigger,
    TriggerGraph,
)
from ..model.kinds import assert_never

_OUTCOME_WORDS = {"success": "succeeds", "failure": "fails", "timeout": "times out", "aborted": "is aborted"}


def qualified_name(flow: Flow) -> str:
    """`project.branch.Flow`, or the flow's name alone."""
    return f"{flow.project}.{flow.branch}.{flow.name}" if flow.project else flow.name


def upstream_name(dependency: FinishDependency) -> str:
    """The qualified name of the flow that is waited for."""
    if dependency.project:
        return f"{dependency.project}.{dependency.branch}.{dependency.flow}"
    return dependency.flow


def dependency_words(dependency: Dependency) -> str:
    """`event order-placed arrives` or `DataIngestion succeeds or fails`."""
    if isinstance(dependency, EventDependency):
        return f"event {dependency.name} arrives"
    if not isinstance(dependency, FinishDependency):
        assert_never(dependency)
    return f"{upstream_name(dependency)} {outcome_words(dependency.match)}"


def outcome_words(match: tuple[str, ...]) -> str:
    """`succeeds or fails`; `finishes` for all outcomes."""
    if len(match) == len(_OUTCOME_WORDS):
        return "finishes"
    return " or ".join(words for outcome, words in _OUTCOME_WORDS.items() if outcome in match)


def words_of(trigger: Trigger) -> list[str]:
    """`dependency_words` of each dependency; those of one name also say which events of it they take."""
    words = [dependency_words(item) for item in trigger.dependencies]
    return [
        f"{text} and matches {item.filter.text}" if words.count(text) > 1 and item.filter is not None else text
        for text, item in zip(words, trigger.dependencies, strict=True)
    ]


def awaited(trigger: Trigger) -> list[str]:
    """What each dependency waits for: `event order-placed`, `the end of DataIngestion`; those of one name with their
    filter."""
    words = [_awaited(item) for item in trigger.dependencies]
    return [
        f"{text} that matches {item.filter.text}" if words.count(text) > 1 and item.filter is not None else text
        for text, item in zip(words, trigger.dependencies, strict=True)
    ]


def _awaited(dependency: Dependency) -> str:
    if isinstance(dependency, EventDependency):
        return f"event {dependency.name}"
    if not isinstance(dependency, FinishDependency):
        assert_never(dependency)
    return f"the end of {upstream_name(dependency)}"


def mapping_words(mappings: tuple[Mapping, ...]) -> str:
    """`order_id <- orderId, env <- "production"`."""
    return ", ".join(f"{mapping.parameter} <- {source_words(mapping.source)}" for mapping in mappings)


def source_words(source: Source) -> str:
    """The field, or the constant as JSON."""
    if isinstance(source, PayloadField):
        return source.path
    if isinstance(source, Constant):
        return source.json
    assert_never(source)


def poll_words(poll: PollTrigger) -> tuple[str, str]:
    """When a poll trigger starts its flow, and what that gets."""
    return f"poll {poll.name} fires ({polled_words(poll)})", "parameters named by its context"


def polled_words(poll: PollTrigger) -> str:
    """How often it is polled, and which of its fires start a run where that is not the default."""
    often = f"every {interval_words(poll.interval_milliseconds)}"
    if poll.allow_concurrent:
        return f"{often}, also while it runs"
    each = "context" if poll.dedup_keys is None else " and ".join(f"`{key}`" for key in poll.dedup_keys)
    if poll.dedup == "once":
        return f"{often}, once for each {each}"
    return often if poll.dedup_keys is None else f"{often}, one run at a time for each {each}"


def schedule_words(schedule: Schedule) -> str:
    """`0 6 * * ? * (Europe/Berlin)`."""
    return f"{schedule.cron} ({schedule.timezone})" if schedule.timezone else schedule.cron


def interval_words(milliseconds: int) -> str:
    """The shortest text of a length: `interval_words(90_000) == "90s"`."""
    for unit, factor in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % factor == 0:
            return f"{milliseconds // factor}{unit}"
    return f"{milliseconds}ms"


def reasons(flow: Flow, polls: Iterable[PollTrigger] = ()) -> list[tuple[str, str]]:
    """(when the flow starts, what it gets) for each independent reason. `polls` are those that start the flow."""
    rows: list[tuple[str, str]] = []
    for trigger in flow.triggers:
        rows.extend(_trigger_rows(trigger))
    if flow.schedule is not None:
        rows.append((f"schedule {schedule_words(flow.schedule)}", ""))
    rows.extend(poll_words(poll) for poll in polls)
    return rows


def _all_reasons(graph: TriggerGraph) -> Iterator[tuple[Flow, list[tuple[str, str]]]]:
    polls: dict[int | None, list[PollTrigger]] = {}
    for target, poll in graph.polls:
        polls.setdefault(target, []).append(poll)
    for number, flow in enumerate(graph.flows):
        yield flow, reasons(flow, polls.get(number, ()))


def _trigger_rows(trigger: Trigger) -> list[tuple[str, str]]:
    automatic = "every parameter by its own name" if trigger.auto_map else ""
    words = words_of(trigger)
    if not is_set(trigger):
        gets = [mapping_words(item.mappings) or automatic for item in trigger.dependencies]
        return list(zip(words, gets, strict=True))
    when = " and ".join(words)
    what = ", ".join(filter(None, (mapping_words(item.mappings) for item in trigger.dependencies)))
    return [(when, what or automatic)]


def table(graph: TriggerGraph) -> str:
    """All flows with their reasons to start, in columns; flows that only people start come last."""
    rows = [("FLOW", "STARTS WHEN", "GETS")]
    by_hand = []
    for flow, found in _all_reasons(graph):
        if not found:
            by_hand.append((qualified_name(flow), "it is started by hand", ""))
        rows.extend(
            (qualified_name(flow) if index == 0 else "", when, what) for index, (when, what) in enumerate(found)
        )
    rows.extend(by_hand)
    # A flow that is deployed from elsewhere.
    rows.extend((poll.flow, *poll_words(poll)) for target, poll in graph.polls if target is None)
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows) + "\n"


def as_json(graph: TriggerGraph) -> str:
    """The same as a JSON document: `{"flows": [{"flow", "file", "starts": [{"when", "gets"}]}], "edges": [...]}`."""
    return json.dumps(as_value(graph), indent=2, ensure_ascii=False) + "\n"


def as_value(graph: TriggerGraph) -> dict[str, Any]:
    """The JSON value: the flows in the graph's order, and which of them starts which after what outcomes."""
    flows = [
        {
            "flow": qualified_name(flow),
            "file": flow.file,
            "starts": [{"when": when, "gets": what} for when, what in found],
        }
        for flow, found in _all_reasons(graph)
    ]
    names = [qualified_name(flow) for flow in graph.flows]
    edges = [
        {"from": names[edge.upstream], "to": names[edge.downstream], "match": list(edge.match)} for edge in graph.edges
    ]
    return {"flows": flows, "edges": edges}
