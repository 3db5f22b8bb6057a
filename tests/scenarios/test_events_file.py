"""Events files: what a person may write, and what is told of the rest."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from metaflow_triggers.simulate.events_file import EventsFileError, parse
from metaflow_triggers.simulate.items import Item


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{]", "neither JSON nor JSON lines"),
        ('{"name": "a"}\n{"name": \n', "neither JSON nor JSON lines"),
        ('{"nam": "order-placed"}', "did you mean `name`?"),
        ('{"name": "a", "paylod": {}}', "did you mean `payload`?"),
        ('{"name": "a", "flow": "B"}', "has both `name` and `flow`"),
        ('{"flow": "A", "outcome": "succeeded"}', "has no outcome out of success, failure, timeout, aborted"),
        ('{"at": "yesterday"}', "has an `at` that is no time"),
        ('{"poll": "p", "context": 1}', "has a `context` that is no object"),
        ('["order-placed"]', "item 1 is not an object"),
        ('{"name": "a", "payload": {"x": NaN}}', "NaN is not JSON"),
    ],
)
def test_what_is_no_item_is_told(text, told):
    with pytest.raises(EventsFileError) as error:
        parse(text)
    assert told in " ".join((str(error.value), *error.value.helps))


def test_a_list_and_lines_are_the_same():
    lines = '{"name": "a", "payload": {"x": "\u2028"}}\n\n{"poll": "p"}\n'
    assert parse(lines) == parse('[{"name": "a", "payload": {"x": "\u2028"}}, {"poll": "p"}]')
    assert parse("") == parse("[]") == []


def test_an_item_of_each_kind():
    found = parse(
        '[{"name": "a", "payload": {"x": 1}, "id": "e", "at": "2026-01-05T09:00:00Z"},'
        ' {"flow": "F", "outcome": "failure", "run_id": "1", "step": "s", "error": "e"},'
        ' {"poll": "p", "context": {"y": 2}}, {"at": "2026-01-05T10:00:00+01:00"}]'
    )
    nine = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
    assert found == [
        Item("event", "a", {"x": 1}, "e", nine),
        Item("finish", "F", {}, "1", None, "failure", step="s", error="e"),
        Item("poll", "p", {"y": 2}),
        Item("tick", at=nine),
    ]


def test_a_file_that_is_nested_too_deeply_is_told():
    with pytest.raises(EventsFileError, match="nested too deeply"):
        parse("[" * 100_000)
