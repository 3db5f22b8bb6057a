"""Rows: the scenario table, read, and what a runner has to say about a row.

In:   `table/*.yaml`.
Out:  `Row`s; flow files of a row; the differences between what a row expects and what a runner observed.

Not here: running anything.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


_FLOW = """\
from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, current
from metaflow import project, schedule, step, trigger, trigger_on_finish
from metaflow.plugins.namespaced_events import namespaced_event_name
{imports}

def seen():
    given = current.trigger
    if given is None:
        return None
    assert given.event_name == given.event.name and given.payload == given.event.payload
    assert given.timestamp is None or given.timestamp.tzinfo is not None
    events = [(event.name, event.payload, event.id, event.timestamp) for event in given.events]
    return {{"events": events, "latest": (given.event_name, given.payload, given.id, given.timestamp)}}


{module}
{trigger}
class {name}(FlowSpec):
{parameters}
    @step
    def start(self):
        self.seen_at_start = seen()
{start}
        self.next(self.end)

    @step
    def end(self):
        self.seen_at_end = seen()


if __name__ == "__main__":
    {name}()
"""


@dataclass(frozen=True)
class Row:
    """One row of the table; the keys are those of `table/README.md`."""

    rule: str
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    starts: tuple[dict[str, Any], ...] = ()
    not_started: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    refused: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()
    mistakes: tuple[str, ...] = ()
    refusals: dict[str, list[str]] = field(default_factory=dict)
    production: bool = False
    clock: bool = False
    injected: bool = False
    own: tuple[int, ...] = ()
    polls: str = ""


@dataclass(frozen=True)
class Seen:
    """One event as a run saw it. `id` is None where a runner cannot know it."""

    name: str
    payload: dict[str, Any]
    id: str | None


@dataclass(frozen=True)
class ObservedStart:
    """One run. `events` in the order of the dependencies, empty without a trigger.

    `parameters` are those that the events gave, or None where the runner sees only all of them (`arrived`); `arrived`
    is None where the runner runs nothing. `fails` is the message with which the run failed before user code.
    """

    flow: str
    events: tuple[Seen, ...]
    parameters: dict[str, Any] | None
    arrived: dict[str, Any] | None = None
    artifacts: dict[str, Any] = field(default_factory=dict)
    fails: str | None = None


@dataclass
class Observed:
    """What a runner saw of a row. None: this runner cannot see it. `cloud`: it takes the ids of other events."""

    starts: list[ObservedStart] = field(default_factory=list)
    not_started: list[str] | None = None
    waiting: list[str] | None = None
    forgotten: list[str] | None = None
    refused: list[int] | None = None
    repeated: list[int] | None = None
    problems: list[str] = field(default_factory=list)
    cloud: bool = False


def rows() -> list[Row]:
    """The whole table, in the order of the files."""
    found = []
    for path in sorted((HERE / "table").glob("*.yaml")):
        for value in yaml.safe_load(path.read_text("utf-8")):
            sequences = {key: tuple(item) for key, item in value.items() if isinstance(item, list)}
            found.append(
                Row(**{**_expanded(value), **{key: tuple(_expanded(list(v))) for key, v in sequences.items()}})
            )
    return found


def _expanded(value: Any) -> Any:
    """`{repeat: text, times: n}` is a long text, so that the table stays readable."""
    if isinstance(value, dict):
        if set(value) == {"repeat", "times"}:
            return value["repeat"] * value["times"]
        return {key: _expanded(item) for key, item in value.items()}
    return [_expanded(item) for item in value] if isinstance(value, list) else value


def slug(row: Row) -> str:
    """A name for files of the row."""
    return "".join(char if char.isalnum() else "-" for char in row.rule.lower())


def items(row: Row) -> list[dict[str, Any]]:
    """The row's events as items of an events file, each event with an id. Starts by hand (`run`) are left in."""
    out = []
    for number, event in enumerate(row.events, 1):
        item = dict(event)
        if "name" in item:
            item.setdefault("id", f"{slug(row)}-{number}")
            item.setdefault("payload", {})
        out.append(item)
    return out


def flow_files(row: Row, folder: Path) -> list[Path]:
    """Write the row's flows, one file each, and return the files; those of `examples/` where it names them."""
    found = [file for name in row.files for file in sorted((ROOT / name).glob("*.py"))]
    for name, spec in row.flows.items():
        path = folder / f"{name.lower()}.py"
        path.write_text(flow_text(name, **spec), "utf-8")
        found.append(path)
    if row.polls:
        path = folder / f"{slug(row).replace('-', '_')}.py"
        path.write_text(f"import metaflow_triggers.poll as cloaca\n\n\n{row.polls}", "utf-8")
        found.append(path)
    return found


def flow_text(name: str, trigger: str = "", parameters: Sequence[str] = (), start: str = "", module: str = "") -> str:
    """The text of a flow file whose steps keep what `current.trigger` shows."""
    return _FLOW.format(
        name=name,
        imports="from metaflow import exit_hook\n" if "@exit_hook" in trigger else "",
        module=module.strip() + "\n\n" if module else "",
        trigger=trigger.strip() or "# started by hand",
        parameters="".join(f"    {line}\n" for line in parameters),
        start=textwrap.indent(start.strip(), " " * 8),
    )


# what a row expects ------------------------------------------------------------------------------------------------


def differences(row: Row, observed: Observed) -> list[str]:
    """In words; empty when all is as the row says."""
    found = list(observed.problems)
    for name in ("not_started", "waiting", "forgotten", "refused", "repeated"):
        seen, expected = getattr(observed, name), list(getattr(row, name))
        if name == "refused" and not observed.cloud:
            expected += row.taken
        if seen is not None and sorted(seen) != sorted(expected):
            found.append(f"{name}: expected {expected}, found {seen}")
    open_ = list(observed.starts)
    for number, expected in enumerate(row.starts, 1):
        near = [(_start_differences(row, expected, start), start) for start in open_ if start.flow == expected["flow"]]
        match = next((start for told, start in near if not told), None)
        if match is not None:
            open_.remove(match)
        elif near:
            found.append(f"start {number} of {expected['flow']}: {min(near, key=lambda item: len(item[0]))[0]}")
        else:
            found.append(f"start {number}: no start of {expected['flow']} is left")
    for start in open_:
        if not any(start.flow == item["flow"] for item in row.starts) or len(observed.starts) > len(row.starts):
            found.append(f"unexpected start of {start.flow} by {[event.name for event in start.events]}")
    return found


def _start_differences(row: Row, expected: dict[str, Any], start: ObservedStart) -> list[str]:
    found = []
    by = [expected_event(row, number) for number in expected["by"]]
    if len(by) != len(start.events):
        return [f"{len(start.events)} events, expected {len(by)}"]
    for one, other in zip(by, start.events, strict=True):
        found += _event_differences(one, other)
    if expected.get("no_file") and start.arrived is None and start.artifacts == {}:
        return found  # only a run looks for the file, and this one has not come to its first step
    if ("fails" in expected) != (start.fails is not None):
        found.append(f"fails: {start.fails!r}, expected {expected.get('fails')!r}")
    elif start.fails is not None:
        return found if expected["fails"] in start.fails else [*found, f"fails: {start.fails!r}"]
    parameters = expected.get("parameters", {})
    if start.parameters is not None and not same(start.parameters, parameters):
        found.append(f"parameters: {start.parameters!r}, expected {parameters!r}")
    if start.arrived is not None:
        for name, value in expected.get("arrives", parameters).items():
            if name not in start.arrived or not same(start.arrived[name], value):
                found.append(f"parameter {name} arrived as {start.arrived.get(name)!r}, expected {value!r}")
        for name, value in expected.get("artifacts", {}).items():
            if not same(start.artifacts.get(name), value):
                found.append(f"artifact {name}: {start.artifacts.get(name)!r}, expected {value!r}")
    return found


def expected_event(row: Row, number: int) -> dict[str, Any]:
    """Name, payload and id of an event as its run sees it. An outcome's run id is the backend's own."""
    item = items(row)[number - 1]
    if "name" in item:
        return {"name": item["name"], "payload": item["payload"], "id": None if number in row.own else item["id"]}
    if "poll" in item:
        told = {"trigger_name": item["poll"], "triggered_at": moment(item["at"]).isoformat(timespec="microseconds")}
        return {"name": item["poll"], "payload": {**item.get("context", {}), **told}, "id": None}
    payload = {key: item.get(key) for key in ("flow", "outcome", "project", "branch", "step", "error")}
    end = "end" if item["outcome"] == "success" else item["outcome"]
    name = ".".join(filter(None, ("metaflow", item.get("project"), item.get("branch"), item["flow"], end)))
    made = {"name": name, "payload": payload, "id": None}
    if row.injected:
        payload["run_id"] = item.get("run_id")
        made["id"] = f"{item['flow']}/{item['run_id']}/{item['outcome']}"
    return made


def _event_differences(expected: dict[str, Any], event: Seen) -> list[str]:
    found = []
    if event.name != expected["name"]:
        found.append(f"event {event.name}, expected {expected['name']}")
    if expected["id"] is not None and event.id is not None and event.id != expected["id"]:
        found.append(f"id {event.id}, expected {expected['id']}")
    payload = event.payload
    if "run_id" not in expected["payload"] and event.name.startswith("metaflow."):
        payload = {key: value for key, value in payload.items() if key != "run_id"}
        if expected["payload"].get("error"):  # a run's own words
            payload = {**payload, "error": expected["payload"]["error"]} if payload.get("error") else payload
    if not same(payload, expected["payload"]):
        found.append(f"payload {_short(payload)}, expected {_short(expected['payload'])}")
    return found


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types: True is not 1, and 1 is not 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return one == other
    return type(one) is type(other) and bool(one == other)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 200 else text[:197] + "..."


def moment(text: str) -> datetime:
    """The time of an item."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def of_flows(every: Iterable[Row]) -> dict[str, str]:
    """Class name -> rule of the row that has it. Two rows must not share one."""
    found: dict[str, str] = {}
    for row in every:
        for name in row.flows:
            assert name not in found, (name, row.rule, found[name])
            found[name] = row.rule
    return found
