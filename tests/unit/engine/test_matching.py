"""From events to starts: which flows start, with which events, and what is refused visibly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from metaflow_extensions.triggers.plugins import local_events

from .flows import all_of, any_of, event, filtered, finished, flow, needed, parameter, with_options


def test_each_matching_event_starts_one_run_of_each_flow_that_waits(bench):
    b = bench(flow("A", any_of(event("x"), event("y"))), flow("B", any_of(event("x"))), flow("C", any_of(event("z"))))
    engine = b.engine()
    for name in ("x", "y", "x", "X", "x "):
        b.emit(name)
    engine.run(until_idle=True)
    assert sorted(b.rows()) == [("A", "succeeded")] * 3 + [("B", "succeeded")] * 2


def test_equal_payloads_are_two_starts_and_an_equal_id_is_one(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    b.emit("x", {"k": 1}, "one")
    b.emit("x", {"k": 1}, "two")
    b.emit("x", {"k": 1}, "one")
    engine.run(until_idle=True)
    assert b.payloads() == [[{"k": 1}], [{"k": 1}]]
    assert b.rows("start_key") == [("event/x/one",), ("event/x/two",)]


def test_a_flow_seen_for_the_first_time_begins_at_the_logs_end(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(event("x"))))
    first = b.engine(flows=b.flows[:1])
    b.emit("x")
    first.run(until_idle=True)
    assert b.rows("flow_key") == [("A",)]
    both = b.engine()
    b.emit("x")
    both.run(until_idle=True)
    assert sorted(b.rows("flow_key")) == [("A",), ("A",), ("B",)]


def test_what_was_accepted_before_any_flow_was_seen_starts_the_first_ones(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(event("x"))))
    b.emit("x")
    b.engine(flows=b.flows[:1]).run(until_idle=True)
    assert b.rows("flow_key") == [("A",)]
    b.engine().run(until_idle=True)
    assert b.rows("flow_key") == [("A",)]


def test_one_id_under_two_names_is_two_starts(bench):
    b = bench(flow("A", any_of(event("x"), event("y"))), flow("B", all_of(event("x"), event("y"))))
    engine = b.engine()
    for name in ("x", "y", "x", "y"):
        b.emit(name, {"of": name}, "one")
    engine.run(until_idle=True)
    assert sorted(b.rows("flow_key")) == [("A",), ("A",), ("B",)]
    assert [item["event"]["id"] for document in b.documents() for item in document["events"]] == ["one"] * 4


def test_events_of_an_earlier_version_keep_their_ids_and_start_nothing_twice(bench):
    """Its rows have the id alone; one was started, the other not yet read when the new version came."""
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    old = "INSERT INTO events (id, name, kind, body, timestamp) VALUES (?, 'x', 'event', '{\"n\":1}', '2026-01-01')"
    engine.connection.execute(old, ("started",))
    engine.run(until_idle=True)
    assert b.rows("start_key") == [("event/started",)]
    engine.connection.execute(old, ("waiting",))
    for identity in ("started", "waiting"):
        assert not local_events.append(b.path, "x", '{"n": 1}', identity, "2026-01-02")
        with pytest.raises(local_events.Taken, match="another payload"):
            local_events.append(b.path, "x", '{"n": 2}', identity, "2026-01-02")
    assert local_events.append(b.path, "y", '{"n": 2}', "started", "2026-01-02")
    engine.run(until_idle=True)
    assert b.rows("start_key") == [("event/started",), ("event/waiting",)]
    assert [item["events"][0]["event"]["id"] for item in b.documents()] == ["started", "waiting"]


def test_what_came_while_no_engine_ran_is_started_later(bench):
    b = bench(flow("A", any_of(event("x"))))
    b.engine().run(until_idle=True)
    b.emit("x")
    b.engine().run(until_idle=True)
    assert b.rows() == [("A", "succeeded")]


def test_a_set_starts_when_all_have_come_and_latest_uses_the_newest(bench):
    b = bench(flow("A", all_of(event("x"), event("y"))))
    engine = b.engine()
    for number, name in enumerate("xxyyx"):
        b.emit(name, {"n": number})
        engine.run(until_idle=True)
    # The second y waits for the last x; the first x was replaced.
    assert b.payloads() == [[{"n": 1}, {"n": 2}], [{"n": 4}, {"n": 3}]]


def test_a_queue_pairs_oldest_with_oldest_and_loses_none(bench):
    b = bench(flow("A", with_options(all_of(event("x"), event("y")), join="queue")))
    engine = b.engine()
    for number, name in enumerate("xxxyyyy"):
        b.emit(name, {"n": number})
    engine.run(until_idle=True)
    assert b.payloads() == [[{"n": 0}, {"n": 3}], [{"n": 1}, {"n": 4}], [{"n": 2}, {"n": 5}]]
    b.emit("x", {"n": 7})
    engine.run(until_idle=True)
    assert b.payloads()[3] == [{"n": 7}, {"n": 6}]


def test_half_sets_outlive_the_engine(bench):
    b = bench(flow("A", all_of(event("x"), event("y"))))
    engine = b.engine()
    b.emit("x")
    engine.run(until_idle=True)
    engine = b.engine()
    b.emit("y")
    engine.run(until_idle=True)
    assert b.rows() == [("A", "succeeded")]


@pytest.mark.parametrize(
    ("gap", "starts"),
    [
        (timedelta(minutes=29), 1),  # 12:29
        (timedelta(minutes=30), 0),  # at the moment itself the set is forgotten, and what comes then is kept
        (timedelta(hours=30), 0),
    ],
)
def test_reset_at_forgets_half_sets_of_before(bench, gap, starts):
    trigger = with_options(all_of(event("x"), event("y")), reset_at={"cron": "30 12 * * *", "timezone": "UTC"})
    b = bench(flow("A", trigger))
    engine = b.engine()
    b.emit("x")
    engine.run(until_idle=True)
    b.emit("y", at=b.clock.now() + gap)
    engine.run(until_idle=True)
    assert len(b.rows()) == starts
    b.emit("x", at=b.clock.now() + gap + timedelta(minutes=1))
    engine.run(until_idle=True)
    assert len(b.rows()) == 1


def test_reset_at_speaks_of_local_time(bench):
    trigger = with_options(
        all_of(event("x"), event("y")), reset_at={"cron": "30 7 * * *", "timezone": "America/New_York"}
    )
    b = bench(flow("A", trigger))  # 12:00 UTC is 7:00 there
    engine = b.engine()
    b.emit("x")
    b.emit("y", at=b.clock.now() + timedelta(minutes=31))
    engine.run(until_idle=True)
    assert b.rows() == []


def test_filters_choose_events(bench):
    b = bench(flow("A", any_of(filtered(event("x"), {"size": [{"numeric": [">", 3]}]}))))
    engine = b.engine()
    for payload in ({"size": 3}, {"size": 4}, {"size": "4"}, {}, {"size": [1, 9]}):
        b.emit("x", payload)
    engine.run(until_idle=True)
    assert b.payloads() == [[{"size": 4}], [{"size": [1, 9]}]]


def test_a_filter_decides_what_enters_a_set(bench):
    b = bench(flow("A", all_of(filtered(event("x"), {"ok": [True]}), event("y"))))
    engine = b.engine()
    b.emit("x", {"ok": True, "n": 1})
    b.emit("x", {"ok": False})
    b.emit("y", {"n": 2})
    engine.run(until_idle=True)
    assert b.payloads() == [[{"ok": True, "n": 1}, {"n": 2}]]


def test_two_dependencies_on_one_event_keep_their_own_mappings(bench):
    b = bench(
        flow(
            "A",
            all_of(
                filtered(event("x", ("left", "v")), {"side": ["l"]}),
                filtered(event("x", ("right", "v")), {"side": ["r"]}),
            ),
            parameters=[needed("left"), needed("right")],
        )
    )
    engine = b.engine()
    b.emit("x", {"side": "r", "v": "R"})
    b.emit("x", {"side": "l", "v": "L"})
    engine.run(until_idle=True)
    from metaflow_extensions.triggers.contract import parameter_values

    (document,) = b.documents()
    assert parameter_values.parameters_for(document, {"left": "str", "right": "str"}) == {"left": "L", "right": "R"}


@pytest.mark.parametrize(
    ("match", "started"),
    [
        (("success",), ["success"]),
        (("failure",), ["failure"]),
        (("aborted", "failure", "success", "timeout"), ["success", "failure", "timeout", "aborted"]),
    ],
)
def test_an_outcome_starts_what_asks_for_it(bench, match, started):
    b = bench(flow("B", any_of(finished("A", match=match))))
    engine = b.engine()
    for number, outcome in enumerate(("success", "failure", "timeout", "aborted")):
        b.finish_run_of("A", outcome, str(number))
    b.finish_run_of("p.prod.A", "success")
    engine.run(until_idle=True)
    assert [payload["outcome"] for (payload,) in b.payloads()] == started


def test_production_is_the_branch_prod(bench):
    b = bench(
        flow("B", any_of(finished("A", project="p", branch="production")), project="p", branch="prod"),
        flow("A", any_of(event("x")), project="p", branch="prod"),
        flow("A", any_of(event("other")), project="p", branch="user.me"),
    )
    engine = b.engine()
    b.emit("x")
    b.emit("other")
    engine.run(until_idle=True)
    assert sorted(b.rows()) == [
        ("p.prod.A", "succeeded"),
        ("p.prod.B", "succeeded"),
        ("p.user.me.A", "succeeded"),
    ]


def test_a_chain_runs_by_itself_once_per_run(bench):
    b = bench(
        flow("A", any_of(event("x"))),
        flow("B", any_of(finished("A"))),
        flow("C", any_of(finished("B", ("run", "run_id"))), parameters=[needed("run")]),
        flow("D", any_of(finished("C", match=("failure",)))),
    )
    engine = b.engine(lambda order: "failed" if order.flow_key == "C" else "succeeded")
    b.emit("x")
    b.emit("x")
    engine.run(until_idle=True)
    assert sorted(b.rows()) == [
        *[("A", "succeeded")] * 2,
        *[("B", "succeeded")] * 2,
        *[("C", "failed")] * 2,
        *[("D", "succeeded")] * 2,
    ]


def test_an_event_cannot_pass_for_an_outcome_nor_take_its_id(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(finished("A"))))
    engine = b.engine()
    b.emit("metaflow.outcome.A.success", {"flow": "A", "run_id": "1", "outcome": "success"})
    b.emit("y", identity="A/run-1/success")
    engine.run(until_idle=True)
    assert b.rows() == []
    b.emit("x")
    engine.run(until_idle=True)
    assert b.rows() == [("A", "succeeded"), ("B", "succeeded")]


@pytest.mark.parametrize("payload", [{}, {"id": None}, {"order": {}}])
def test_a_missing_required_value_refuses_the_start_and_shows_it(bench, payload):
    b = bench(
        flow(
            "A", any_of(event("x", ("order", "id"), ("note", "note"))), parameters=[needed("order"), parameter("note")]
        )
    )
    engine = b.engine()
    b.emit("x", payload)
    b.emit("x", {"id": 0})
    engine.run(until_idle=True)
    assert b.rows("state, error") == [
        ("refused", "the required parameter order has no value: event x has no field id"),
        ("succeeded", None),
    ]
    assert [change.what for change in b.told.changes] == ["refused", "started", "succeeded"]
    assert len(b.launcher.orders) == 1


def test_an_event_without_its_required_field_does_not_enter_a_set(bench):
    b = bench(flow("A", all_of(event("x", ("order", "id")), event("y")), parameters=[needed("order")]))
    engine = b.engine()
    b.emit("x", {"id": 1})
    b.emit("x", {})
    b.emit("y")
    engine.run(until_idle=True)
    assert b.rows("state") == [("refused",), ("succeeded",)]
    assert b.payloads()[1] == [{"id": 1}, {}]


def test_a_paused_flow_keeps_what_comes(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(event("x"))))
    engine = b.engine()
    engine.connection.execute("INSERT INTO paused VALUES ('A', 'now')")
    b.emit("x")
    engine.run(until_idle=True)
    assert b.rows() == [("A", "claimed"), ("B", "succeeded")]
    engine.connection.execute("DELETE FROM paused")
    b.engine().run(until_idle=True)
    assert b.rows() == [("A", "succeeded"), ("B", "succeeded")]


@pytest.mark.parametrize("body", ["not json", "[1]", "[" * 100_000, '{"a": NaN}'])
def test_a_row_that_somebody_else_wrote_stops_nothing(bench, body):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    engine.connection.execute(
        "INSERT INTO events (id, name, kind, body, timestamp) VALUES ('1', 'x', 'event', ?, 'soon')", (body,)
    )
    b.emit("x")
    engine.run(until_idle=True)
    assert b.rows("state")[-1] == ("succeeded",)


def test_changing_a_trigger_forgets_its_half_sets_and_a_mapping_does_not(bench):
    b = bench(flow("A", all_of(event("x"), event("y"))))
    engine = b.engine()
    b.emit("x")
    engine.run(until_idle=True)
    from metaflow_triggers.engine.waits import local_flow

    changed = [local_flow(flow("A", all_of(event("x"), event("z"))))]
    mapped = [local_flow(flow("A", all_of(event("x", ("p", "f")), event("y")), parameters=[parameter("p")]))]
    engine = b.engine(flows=changed)
    b.emit("z")
    engine.run(until_idle=True)
    assert b.rows() == []
    engine = b.engine(flows=mapped)
    b.emit("y")
    engine.run(until_idle=True)
    assert b.rows() == [("A", "succeeded")]
