"""Events taken again: refused starts once the flow was mended, and a range of the log for flows that came later."""

from __future__ import annotations

import pytest
from metaflow_triggers.dead_letters.letter import Letter
from metaflow_triggers.engine import again, dead_letters

from .flows import all_of, any_of, event, filtered, flow, needed, parameter, with_options

NEEDS = flow("A", any_of(event("x", ("p", "field"))), parameters=(needed("p"),))
MENDED = flow("A", any_of(event("x", ("p", "field"))), parameters=(parameter("p"),))


def box(engine, flows):
    return dead_letters.Refused(engine.connection, "A", "file", lambda: {one.key: one.flow for one in flows})


def letters(engine) -> tuple[Letter, ...]:
    return dead_letters.letters_of(engine.connection, "A", "file")


def test_a_refused_start_is_sent_again_once_under_its_id(bench):
    b = bench(NEEDS)
    engine = b.engine()
    b.emit("x", {"other": "\u202e"}, "one")
    engine.run(until_idle=True)
    (letter,) = letters(engine)
    assert (letter.name, letter.event_id, letter.kind, letter.payload) == ("x", "one", "event", '{"other":"\u202e"}')
    assert letter.reason == "the required parameter p has no value: event x has no field field"
    (same,) = box(engine, b.flows).send([letter.id])
    assert (same.verdict, same.told) == ("refused", letter.reason)
    assert letters(engine) == (letter,), "it lies there as before"
    mended = bench(MENDED).flows
    (sent,) = box(engine, mended).send([letter.id])
    assert sent.verdict == "started" and letters(engine) == ()
    assert list(box(engine, mended).send([letter.id])) == []
    engine.run(until_idle=True)
    assert b.rows("state, start_key") == [("succeeded", "event/x/one")]
    assert b.documents()[0]["events"][0]["event"]["id"] == "one"


def test_one_that_nobody_waits_for_stays_and_can_be_dropped(bench):
    b = bench(NEEDS)
    engine = b.engine()
    b.emit("x", {}, "one")
    b.emit("x", {}, "two")
    engine.run(until_idle=True)
    first, second = letters(engine)
    for flows in ([], bench(flow("A", any_of(event("y")))).flows):
        (done,) = box(engine, flows).send([first.id])
        assert done.verdict == "stays" and done.told
    filters = bench(flow("A", any_of(filtered(event("x"), {"k": ["v"]})))).flows
    assert [one.verdict for one in box(engine, filters).send([first.id])] == ["stays"]
    assert list(box(engine, []).drop([second.id, "99"])) == [second.id]
    assert letters(engine) == (first,)


def test_what_was_dropped_is_not_taken_again(bench):
    """By itself, as an event of a set, and as a whole set; the marks are those that retention keeps of ids."""
    alone = flow("A", any_of(event("x", ("p", "field"))), parameters=(needed("p"),))
    place = flow("B", all_of(event("x", ("p", "field")), event("y")), parameters=(needed("p"),))
    whole = flow("C", all_of(event("x"), event("y")), parameters=(needed("p"),))
    b = bench(alone, place, whole)
    engine = b.engine()
    b.emit("x", {}, "o3")
    b.emit("x", {}, "o4")
    b.emit("y", {}, "o3")
    engine.run(until_idle=True)
    box_of = {one.key: dead_letters.Refused(engine.connection, one.key, "file", dict) for one in b.flows}
    dropped = {key: list(box.drop([letter.id for letter in box.look().letters])) for key, box in box_of.items()}
    assert all(dropped.values()) and len(dropped["A"]) == 2 and b.rows("state") == []
    optional = (parameter("p"),)
    mended = bench(
        flow("A", any_of(event("x", ("p", "field"))), parameters=optional),
        flow("B", all_of(event("x", ("p", "field")), event("y")), parameters=optional),
        flow("C", all_of(event("x"), event("y")), parameters=optional),
        flow("D", any_of(event("x"))),
    ).flows
    counts = again.accepted_again(engine.connection, mended, b.clock.now(), since="2026")
    assert {key for (key,) in b.rows("flow_key")} == {"D"}, "of another flow nothing was dropped"
    assert (counts.started, counts.refused, counts.known) == (2, 0, 8), counts
    assert engine.connection.execute("SELECT DISTINCT flow_key FROM waiting").fetchall() == [("B",)]
    counts = again.accepted_again(engine.connection, mended, b.clock.now(), since="2026")
    assert counts.started == counts.taken == 0


def test_an_event_of_a_set_that_was_refused_joins_it(bench):
    b = bench(flow("A", all_of(event("x", ("p", "field")), event("y")), parameters=(needed("p"),)))
    engine = b.engine()
    b.emit("x", {}, "one")
    engine.run(until_idle=True)
    (letter,) = letters(engine)
    mended = bench(flow("A", all_of(event("x", ("p", "field")), event("y")), parameters=(parameter("p"),))).flows
    (sent,) = box(engine, mended).send([letter.id])
    assert sent.verdict == "taken" and letters(engine) == ()
    later = b.engine(flows=mended)
    b.emit("y", {}, "two")
    later.run(until_idle=True)
    assert [len(document["events"]) for document in b.documents()] == [2]


def test_a_range_is_taken_again_for_flows_that_came_later(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(event("x"))))
    first = b.engine(flows=b.flows[:1])
    for name in ("one", "two"):
        b.emit("x", {}, name)
    b.emit("z", {}, "three")
    first.run(until_idle=True)
    counts = again.accepted_again(first.connection, b.flows, b.clock.now(), identity="one")
    assert (counts.events, counts.heard, counts.started, counts.known) == (1, 1, 1, 1)
    counts = again.accepted_again(first.connection, b.flows, b.clock.now(), since="2026")
    assert (counts.events, counts.heard, counts.started, counts.known) == (3, 2, 1, 3)
    counts = again.accepted_again(first.connection, b.flows, b.clock.now(), since="2026")
    assert (counts.started, counts.known) == (0, 4)
    assert again.accepted_again(first.connection, b.flows, b.clock.now(), since="9").events == 0
    b.engine().run(until_idle=True)
    assert sorted(b.rows("flow_key, start_key")) == [
        (name, f"event/x/{identity}") for name in "AB" for identity in ("one", "two")
    ]


@pytest.mark.parametrize("join", ["latest", "queue"])
def test_a_set_is_not_made_of_the_same_events_again(bench, join):
    both = with_options(all_of(event("x"), event("y")), join=join)
    b = bench(flow("A", both))
    engine = b.engine()
    for name, identity in (("x", "1"), ("x", "2"), ("y", "1")):
        b.emit(name, {}, identity)
    engine.run(until_idle=True)
    before = b.rows("start_key"), engine.connection.execute("SELECT * FROM waiting").fetchall()
    counts = again.accepted_again(engine.connection, b.flows, b.clock.now(), since="2026")
    assert (counts.started, counts.taken, counts.known) == (0, 0, 3)
    assert (b.rows("start_key"), engine.connection.execute("SELECT * FROM waiting").fetchall()) == before


def test_what_no_engine_has_read_yet_is_left_to_it(bench):
    b = bench(flow("A", any_of(event("x"))))
    b.emit("x", {}, "one")
    engine = b.engine()
    assert again.accepted_again(engine.connection, b.flows, b.clock.now(), since="2026").known == 1
    engine.run(until_idle=True)
    assert b.rows("state") == [("succeeded",)]
