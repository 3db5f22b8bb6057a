"""The hostile corpus with real flows: published by a run, through the log, into parameters of other runs.

One run publishes all values in one event; for each type of parameter one run takes those that fit, and keeps what it
got. Values of the wrong type each have a run of their own, which must not come to its first step.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import hostile, reading, real
from .hostile import DEFAULT, VALUES, WRONG, expected
from .rows import Observed, Row, same

KINDS = {"str": "type=str", "int": "type=int", "float": "type=float", "bool": "type=bool", "json": "type=JSONType"}
KINDS["separator"] = "separator=','"

PUBLISH = """
from metaflow import emit_event
from metaflow_extensions.triggers.plugins.emit_event import EmitError
from metaflow_extensions.triggers.contract.exact_json import loads
emit_event('hostile-all', loads({payload!r}))
self.refused = []
for text in {refused!r}:
    try:
        emit_event('hostile-all', {{'v': loads(text)}})
    except EmitError as error:
        self.refused.append(str(error))
"""
KEEP = """
from metaflow_extensions.triggers.contract.exact_json import dumps
self.payload_text = dumps(current.trigger.payload)
"""


def payload() -> str:
    """The event's payload: value number n is field `v<n>`."""
    return "{" + ",".join(f'"v{number}":{text}' for number, text in enumerate(VALUES.values())) + "}"


def fitting(kind: str) -> dict[int, object]:
    """Number of a value -> what arrives of it in a parameter of the type."""
    made = {number: expected(text, kind) for number, text in enumerate(VALUES.values())}
    return {number: value for number, value in made.items() if value is not WRONG}


def listener(kind: str) -> dict[str, object]:
    numbers = fitting(kind)
    mapping = {f"p{number}": f"v{number}" for number in numbers}
    return {
        "trigger": f"@trigger(event={{'name': 'hostile-all', 'parameters': {mapping!r}}})",
        "parameters": [f"p{number} = Parameter('p{number}', {KINDS[kind]})" for number in numbers],
        "start": KEEP,
    }


def hostile_row() -> Row:
    refused = list(hostile.REFUSED.values())
    publisher = {"start": PUBLISH.format(payload=payload(), refused=refused)}
    flows = {"HostilePublisher": publisher} | {f"Hostile{kind.title()}": listener(kind) for kind in KINDS}
    return Row("hostile", flows=flows, events=({"run": "HostilePublisher"},))


def files_below(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(f"*{hostile.TOUCHED}*")]


def test_every_value_arrives_equal_or_is_refused(tmp_path):
    row = hostile_row()
    (tmp_path / "flows").mkdir()
    check_arrived(real.observe([row], reading.read([row], tmp_path / "flows"), tmp_path)[row.rule])
    assert files_below(tmp_path) == []


def check_arrived(observed: Observed) -> None:
    """What a runner saw of `hostile_row`."""
    assert observed.problems == []
    by_flow = {start.flow: start for start in observed.starts}
    publisher = by_flow.pop("HostilePublisher")
    assert len(publisher.artifacts["refused"]) == len(hostile.REFUSED)
    assert set(by_flow) == {f"Hostile{kind.title()}" for kind in KINDS}
    told = []
    for kind in KINDS:
        start = by_flow[f"Hostile{kind.title()}"]
        assert start.fails is None and start.artifacts["payload_text"] == payload(), kind
        for number, value in fitting(kind).items():
            wanted = None if value is DEFAULT else value
            found = start.artifacts[f"p{number}"]
            if not same(found, wanted):
                told.append((kind, list(VALUES)[number], found, wanted))
    assert told == []


def wrong_row(kind: str, count: int | None) -> Row:
    """A row of values that do not fit: all, or `count` of them."""
    wrong = {name: text for name, text in VALUES.items() if expected(text, kind) is WRONG}
    chosen = list(wrong)[:count]
    flow = {
        "trigger": "@trigger(event={'name': 'hostile-wrong', 'parameters': ['v']})",
        "parameters": [f"v = Parameter('v', {KINDS[kind]})"],
        "start": f"open('{hostile.TOUCHED}', 'w').close()",
    }
    from metaflow_extensions.triggers.contract.exact_json import loads

    events = tuple({"name": "hostile-wrong", "payload": {"v": loads(wrong[name])}} for name in chosen)
    starts = tuple({"flow": "HostileWrong", "by": [number]} for number in range(1, len(chosen) + 1))
    return Row(f"hostile {kind}", flows={"HostileWrong": flow}, events=events, starts=starts)


def check_wrong(row: Row, folder: Path) -> None:
    (folder / "flows").mkdir()
    check_refused(row, real.observe([row], reading.read([row], folder / "flows"), folder)[row.rule])
    assert files_below(folder) == []


def check_refused(row: Row, observed: Observed) -> None:
    """What a runner saw of a `wrong_row`."""
    assert observed.problems == []
    assert len(observed.starts) == len(row.events)
    for start in observed.starts:
        assert start.fails is not None and "hostile-wrong" in start.fails and "'v'" in start.fails


def test_a_value_of_the_wrong_type_fails_before_user_code(tmp_path):
    check_wrong(wrong_row("int", 2), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["int", "float", "bool"])
def test_every_value_of_the_wrong_type_fails_before_user_code(kind, tmp_path):
    check_wrong(wrong_row(kind, None), tmp_path)
