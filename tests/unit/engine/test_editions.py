"""Flows whose files change while they are served: what is held, what goes on, what the new edition gets."""

from __future__ import annotations

import pytest
from metaflow_triggers.engine.editions import Edition
from metaflow_triggers.engine.store import transaction, waited_for
from metaflow_triggers.engine.waits import local_flow

from .flows import all_of, any_of, event, flow


class ByHand:
    """An editor whose files a test changes."""

    def __init__(self) -> None:
        self.now_changed: set[str] = set()
        self.reads = 0
        self.next: Edition | None = None
        self.is_closed = False

    def changed(self, keys):
        return self.now_changed & set(keys)

    def read(self):
        self.reads += 1

    def finished(self):
        found, self.next = self.next, None
        if found is not None:
            self.now_changed = set()
        return found

    def is_reading(self):
        return bool(self.now_changed) and self.next is None

    def close(self):
        self.is_closed = True

    def give(self, *flows, held=(), words=()):
        made = tuple(local_flow(item("f.py", 1) if callable(item) else item) for item in flows)
        self.next = Edition(made, frozenset(held), tuple(words))


@pytest.fixture
def editor():
    return ByHand()


def turns(engine, number=5):
    for _ in range(number):
        engine.turn()


OLD, NEW, OTHER = flow("A", any_of(event("x"))), flow("A", any_of(event("y"))), flow("B", any_of(event("x")))


def test_a_flow_that_has_changed_is_read_before_its_next_start_and_others_go_on(bench, editor):
    b = bench(OLD, OTHER)
    engine = b.engine(editor=editor)
    b.emit("x", identity="before")
    turns(engine)
    editor.now_changed = {"A"}
    b.emit("x", identity="during")
    b.emit("y", identity="also")
    turns(engine)
    assert b.rows("flow_key, start_key") == [("A", "event/x/before"), ("B", "event/x/before"), ("B", "event/x/during")]
    assert editor.reads == 1
    editor.give(NEW, OTHER, words=["A now starts on y"])
    turns(engine)
    # What came while it was held is matched by the flow as it is now; nothing before that is matched again.
    assert b.rows("flow_key, start_key", "flow_key = 'A'") == [("A", "event/x/before"), ("A", "event/y/also")]
    assert b.told.words == ["A now starts on y"]
    assert {state for (state,) in b.rows("state")} == {"succeeded"}


def test_a_start_that_was_matched_keeps_its_trigger_and_waits_until_the_flow_was_read(bench, editor):
    b = bench(OLD)
    engine = b.engine(editor=editor)
    b.emit("x", {"n": 1})
    batch = engine._matcher.read(engine.connection)
    with transaction(engine.connection):
        engine._matcher.apply(engine.connection, batch, b.clock.now())
    engine._matcher.passed(batch)
    editor.now_changed = {"A"}
    turns(engine)
    assert b.rows("state") == [("claimed",)]
    assert editor.reads == 1
    editor.give(NEW)
    turns(engine)
    assert b.rows("state") == [("succeeded",)]
    assert [item["name"] for item in b.documents()[0]["dependencies"]] == ["x"]


def test_starts_of_a_flow_that_cannot_be_read_wait_until_it_can(bench, editor):
    b = bench(OLD, OTHER)
    engine = b.engine(editor=editor)
    editor.now_changed = {"A"}
    b.emit("x")
    turns(engine)
    editor.give(OLD, OTHER, held={"A"}, words=["`f.py` cannot be read"])
    turns(engine)
    b.emit("x")
    engine.run(until_idle=True)  # what waits for a file does not keep an engine at work
    assert [key for (key,) in b.rows("flow_key")] == ["B", "B"]
    editor.give(NEW, OTHER)
    b.emit("y")
    turns(engine)
    assert b.rows("flow_key", "flow_key = 'A'") == [("A",)]
    assert editor.is_closed


def test_half_a_set_stays_when_the_file_changes_and_the_trigger_does_not(bench, editor):
    both = flow("A", all_of(event("x"), event("y")))
    b = bench(both)
    engine = b.engine(editor=editor)
    b.emit("x", identity="one")
    turns(engine)
    editor.now_changed = {"A"}
    b.emit("y", identity="two")
    turns(engine)
    assert b.rows() == []
    editor.give(both)
    turns(engine)
    assert b.rows() == [("A", "succeeded")]


def test_flows_come_and_go_with_an_edition(bench, editor):
    b = bench(OLD)
    engine = b.engine(editor=editor)
    b.emit("x", identity="old")
    turns(engine)
    editor.give(OTHER)
    turns(engine)
    b.emit("x", identity="new")
    turns(engine)
    # A new flow begins at the log's end, as any that an engine serves for the first time.
    assert b.rows("flow_key, start_key") == [("A", "event/x/old"), ("B", "event/x/new")]
    assert list(engine.flows) == ["B"]
    assert waited_for(engine.connection) == {"B": ["x"]}, "nobody tells `emit` that A waits for it"


def test_until_idle_waits_for_what_is_being_read(bench, editor):
    b = bench(OLD)
    engine = b.engine(editor=editor)
    editor.now_changed = {"A"}
    b.emit("x")
    engine.turn()
    assert not engine.is_idle()
    editor.give(OLD)
    engine.run(until_idle=True)
    assert b.rows("state") == [("succeeded",)]
