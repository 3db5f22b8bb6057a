"""When triggers are polled, and what becomes of what they say. No thread, no process and no real clock."""

import sqlite3
from datetime import datetime, timedelta, timezone

import pytest
from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_triggers.engine import store
from metaflow_triggers.engine.polls import claims, records
from metaflow_triggers.engine.retention import Retention
from metaflow_triggers.model.flows import Parameter, Span
from metaflow_triggers.poll import Context, TriggerNotFound
from metaflow_triggers.polling import fires

from .world import HandClock, Later, World, counter, fire, polled, skip

HERE = Span("flow.py", 1, 1, 1, 1)


def recording(world, answers=None):
    """(moments of its polls, a poll that gives `answers` in turn and then skips)."""
    moments = []
    left = list(answers or [])

    def watch():
        moments.append(round(world.clock.mono - 1000, 3))
        answer = left.pop(0) if left else skip()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return moments, watch


# time ---------------------------------------------------------------------------------------------------------------


def test_first_poll_is_at_the_start_and_then_one_per_interval(world):
    moments, watch = recording(world)
    world.poller(polled(watch, interval="2s"))
    world.pass_time(7)
    assert moments == [0, 2, 4, 6]


def test_intervals_below_a_second_are_kept(world):
    moments, watch = recording(world)
    world.poller(polled(watch, interval="100ms"))
    world.pass_time(1)
    assert moments == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_missed_ticks_become_one_poll_and_the_grid_stays(world):
    moments, watch = recording(world)
    poller = world.poller(polled(watch, interval="2s"))
    world.pass_time(1)
    world.clock.move(61.5)  # the machine slept
    world.pass_time(3, poller)
    assert moments == [0, 62.5, 64]


def test_a_wall_clock_that_steps_moves_no_poll(world):
    moments, watch = recording(world)
    poller = world.poller(polled(watch, interval="2s"))
    world.pass_time(3)
    world.clock.wall -= timedelta(hours=1)
    world.pass_time(3, poller)
    world.clock.wall += timedelta(hours=2)
    world.pass_time(3, poller)
    assert moments == [0, 2, 4, 6, 8]


def test_polls_of_one_trigger_never_overlap_and_another_is_on_time(world):
    hosts = Later()
    slow, quick = [], []

    def slow_poll():
        slow.append(1)
        return skip()

    def quick_poll():
        quick.append(1)
        return skip()

    poller = world.poller(polled(slow_poll, name="a"), polled(quick_poll, name="b"), hosts=hosts)
    for _ in range(4):
        world.pass_time(1, poller)
        for name in hosts.jobs[1:]:  # the first, the slow poll, is still at work
            hosts.call(name)
        del hosts.jobs[1:]
    assert (len(slow), len(quick)) == (0, 4)
    hosts.call(hosts.jobs.pop())
    world.pass_time(1, poller)
    assert len(hosts.jobs) == 2


def test_a_long_run_delays_no_poll(world):
    moments, watch = recording(world, [fire()])
    world.poller(polled(watch))
    world.pass_time(1)
    world.begin_runs()  # and it does not end
    world.pass_time(3)
    assert moments == [0, 1, 2, 3]


# errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RuntimeError("no route to host"), "RuntimeError: no route to host"),
        (SystemExit(3), "SystemExit: 3"),
        (None, "the poll returned NoneType; expected a TriggerResult"),
        (True, "the poll returned bool"),
        ({"fire": True}, "the poll returned dict"),
    ],
)
def test_a_poll_that_fails_starts_nothing_and_is_polled_again(world, answer, said, caplog):
    _, watch = recording(world, [answer, fire(Context({"after": 1}))])
    world.poller(polled(watch))
    world.pass_time(0.5)
    world.pass_time(0)
    assert world.starts() == []
    world.pass_time(1)
    record = world.schedule("watch")
    assert said in record["last_error"]  # still there after a later success
    assert (record["consecutive_errors"], record["last_result"]) == (0, "fire")
    assert world.contexts("watch") == [{"after": 1}]
    assert said in caplog.text


def test_errors_in_a_row_are_counted_and_the_traceback_shows_the_users_line(world, caplog):
    _, watch = recording(world, [ValueError("bad")] * 3)
    world.poller(polled(watch))
    world.pass_time(3)
    record = world.schedule("watch")
    assert (record["last_result"], record["last_error"], record["consecutive_errors"]) == (
        "error",
        "ValueError: bad",
        3,
    )
    assert "raise answer" in caplog.text
    assert caplog.text.count("Traceback") == 1


def test_a_coroutine_is_a_wrong_answer(world, recwarn):
    async def later():
        return fire()

    world.poller(polled(lambda: later(), name="lazy"))
    world.pass_time(1)
    assert "returned coroutine" in world.schedule("lazy")["last_error"]
    assert [str(item.message) for item in recwarn if "never awaited" in str(item.message)] == []


def test_a_payload_of_240_kib_passes_and_one_byte_more_is_an_error_without_a_claim(world):
    now = world.clock.now()
    target = polled(skip, name="big").target
    room = fires.PAYLOAD_LIMIT - len(exact_json.dumps(fires.payload_of(target, {"text": ""}, now)).encode())
    _, watch = recording(world, [fire(Context({"text": "x" * (room + 1)})), fire(Context({"text": "x" * room}))])
    world.poller(polled(watch, name="big"))
    world.pass_time(0.5)
    assert world.starts() == []
    world.pass_time(1)
    assert f"the payload is {fires.PAYLOAD_LIMIT + 1} bytes" in world.schedule("big")["last_error"]
    assert [len(item["text"]) for item in world.contexts("big")] == [room]


def test_a_required_parameter_without_a_value_is_an_error_of_the_poll(world):
    needed = Parameter("path", "str", True, False, False, HERE)
    _, watch = recording(world, [fire(), fire(Context({"path": "a.csv"}))])
    world.poller(polled(watch, parameters=(needed,)))
    world.pass_time(2)
    assert "required parameter path has no value" in world.schedule("watch")["last_error"]
    assert world.contexts("watch") == [{"path": "a.csv"}]


# equal contexts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["succeeded", "failed", "aborted", "timed_out", "lost"])
def test_an_equal_context_is_suppressed_while_its_run_is_active_and_fires_after_it(world, state):
    world.poller(polled(lambda: fire(Context({"order": 7})), name="orders"))
    world.pass_time(1)
    world.pass_time(1)  # claimed
    world.begin_runs()
    world.pass_time(1)  # started
    assert len(world.starts()) == 1
    assert world.schedule("orders")["suppressed_count"] == 2
    world.end_runs(state)
    world.pass_time(1)
    assert [item["state"] for item in world.history("orders")] == ["claimed", state]


def test_another_context_is_not_suppressed(world):
    world.poller(polled(counter()))
    world.pass_time(3)
    assert world.contexts("count") == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_bare_fires_have_one_active_run(world):
    world.poller(polled(lambda: fire(), name="bare"))
    world.pass_time(3)
    assert len(world.starts()) == 1


def test_the_order_of_keys_makes_no_other_context(world):
    _, watch = recording(world, [fire(Context({"a": 1, "b": 2})), fire(Context({"b": 2, "a": 1}))])
    world.poller(polled(watch))
    world.pass_time(2)
    assert len(world.starts()) == 1


def test_concurrent_fires_of_one_payload_are_runs_of_their_own(world):
    world.poller(polled(lambda: fire(Context({"msg": 1})), name="queue", allow_concurrent=True))
    world.pass_time(3)
    assert world.contexts("queue") == [{"msg": 1}] * 3
    assert world.schedule("queue")["last_error"] is None


def test_once_means_once_also_after_the_run(world):
    world.poller(polled(lambda: fire(Context({"order": 7})), name="orders", dedup="once"))
    world.pass_time(1)
    world.end_runs()
    world.pass_time(3)
    assert len(world.starts()) == 1


def test_only_the_named_keys_count(world):
    calls = [0]

    def watch():
        calls[0] += 1
        return fire(Context({"path": "a.csv", "seen_at": calls[0]}))

    world.poller(polled(watch, dedup_keys=("path",)))
    world.pass_time(3)
    assert world.contexts("watch") == [{"path": "a.csv", "seen_at": 1}]


def test_the_third_failure_in_a_row_fires_and_a_success_begins_anew(world):
    healthy = [False, False, True, False, False, False, False, False, False]
    state = {"misses": 0}

    def health_check():
        state["misses"] = 0 if healthy.pop(0) else state["misses"] + 1
        if state["misses"] < 3:
            return skip()
        state["misses"] = 0
        return fire(Context({"service": "api", "failures": 3}))

    world.poller(polled(health_check, interval="30s"))
    world.pass_time(30 * 5.5)
    world.end_runs()
    world.pass_time(30 * 3)
    assert world.contexts("health_check") == [{"service": "api", "failures": 3}] * 2


# what a run is given ------------------------------------------------------------------------------------------------


def test_the_start_has_payload_and_parameters_and_the_triggers_name_wins(world):
    declared = tuple(
        Parameter(name, kind, False, False, False, HERE)
        for name, kind in (("path", "str"), ("trigger_name", "str"), ("trigger_context", "json"))
    )
    context = Context({"path": "a.csv", "trigger_name": "mine", "no_parameter": [1, {"deep": None}]})
    world.poller(polled(lambda: fire(context), name="inbox", parameters=declared))
    world.pass_time(1)
    (start,) = world.starts()
    (event,) = event_reader.select(start["document"])
    moment = world.history("inbox")[0]["started_at"]
    payload = {
        "path": "a.csv",
        "trigger_name": "inbox",
        "no_parameter": [1, {"deep": None}],
        "triggered_at": moment,
    }
    assert (event.name, event.payload, event.timestamp) == ("inbox", payload, world.clock.wall - timedelta(seconds=1))
    texts = parameter_values.parameters_for(start["document"], {item.name: item.type for item in declared})
    assert texts["path"] == "a.csv"
    assert texts["trigger_name"] == "inbox"
    assert exact_json.loads(texts["trigger_context"]) == payload


def test_what_is_changed_after_the_fire_is_not_sent(world):
    inside = [1]
    context = Context({"list": inside})

    def watch():
        result = fire(context)
        inside.append(2)
        context.set("late", True)
        return result

    world.poller(polled(watch))
    world.pass_time(1)
    assert world.contexts("watch") == [{"list": [1]}]


# enabling -----------------------------------------------------------------------------------------------------------


def test_a_disabled_trigger_is_not_polled_and_what_was_claimed_still_starts(world):
    moments, watch = recording(world, [fire()])
    world.poller(polled(watch))
    world.pass_time(1.5)
    records.set_enabled(world.connection, "watch", False)
    world.pass_time(5)
    assert moments == [0, 1]
    assert [item["state"] for item in world.starts()] == ["claimed"]
    records.set_enabled(world.connection, "watch", True)
    world.pass_time(1)
    assert moments == [0, 1, 7]


def test_a_disabled_trigger_stays_disabled_when_it_is_deployed_again(world):
    moments, watch = recording(world)
    world.stop(world.poller(polled(watch)))
    records.set_enabled(world.connection, "watch", False)
    before = world.schedule("watch")
    world.poller(polled(watch, interval="2s", workflow="Other"))
    world.pass_time(5)
    after = world.schedule("watch")
    assert moments == []
    assert after["enabled"] is False
    assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
    assert (after["workflow_name"], after["poll_interval_ms"]) == ("Other", 2000)


def test_nobody_can_enable_what_is_not_there(world):
    world.poller(polled(counter()))
    with pytest.raises(TriggerNotFound, match="did you mean `count`"):
        records.set_enabled(world.connection, "coumt", True)


def test_a_trigger_that_left_the_code_is_polled_no_more_and_its_history_stays(world):
    world.stop(world.poller(polled(counter(), name="gone"), polled(counter(), name="stays", allow_concurrent=True)))
    poller = world.poller(polled(counter(), name="gone"), polled(counter(), name="stays", allow_concurrent=True))
    world.pass_time(1, poller)
    world.stop(poller)
    world.poller(polled(counter(), name="stays", allow_concurrent=True))
    world.pass_time(3)
    assert len(world.history("gone")) == 1
    assert len(world.history("stays")) == 4
    assert {item["trigger_name"] for item in records.schedules(world.connection)} == {"gone", "stays"}


# several engines, crashes -------------------------------------------------------------------------------------------


def test_two_engines_poll_a_trigger_once_per_tick(world):
    moments, watch = recording(world)
    for _ in range(2):
        world.poller(polled(watch, allow_concurrent=True))
    world.pass_time(3)
    assert moments == [0, 1, 2]


def test_when_one_engine_stops_another_polls(world):
    moments, watch = recording(world)
    first = world.poller(polled(watch))
    second = world.poller(polled(watch))
    world.pass_time(1.5)
    world.stop(first)
    world.pass_time(4, second)
    assert moments[:2] == [0, 1]
    assert len(moments) > 3


def test_an_engine_that_stands_still_loses_its_triggers_and_its_late_fire(world):
    """The first engine is held up between its poll and its claim, for so long that the second takes over."""
    hosts = Later()
    first = world.poller(polled(counter(), name="watch", allow_concurrent=True), hosts=hosts)
    world.pass_time(0.5, first)
    second = world.poller(polled(lambda: fire(Context({"by": "second"})), name="watch", allow_concurrent=True))
    world.pass_time(20, second)
    hosts.call(hosts.jobs.pop())
    assert {"n": 1} not in world.contexts("watch")
    assert {"by": "second"} in world.contexts("watch")


def test_an_old_answer_that_comes_back_to_its_owner_spoils_no_later_one(world):
    """Its fire could not be stored, another engine had the trigger meanwhile, and now it is ours again."""
    answers = [fire(Context({"old": 1})), fire(Context({"new": 1})), fire(Context({"new": 2}))]
    poller = world.poller(polled(lambda: answers.pop(0) if answers else skip(), name="watch", allow_concurrent=True))
    poller._claims.execute("PRAGMA query_only = 1")
    world.pass_time(0.5, poller)
    world.connection.execute("UPDATE poll_triggers SET epoch = epoch + 1")  # away, and back
    poller._claims.execute("PRAGMA query_only = 0")
    world.pass_time(8, poller)
    assert world.contexts("watch") == [{"new": 1}, {"new": 2}]


@pytest.mark.parametrize("allow_concurrent", [True, False])
def test_a_tick_that_is_delivered_again_starts_one_run(world, allow_concurrent):
    poller = world.poller(polled(skip, name="watch", allow_concurrent=allow_concurrent))
    world.pass_time(0.5)
    target = polled(skip, name="watch", allow_concurrent=allow_concurrent).target
    again = claims.Fire(target, {"a": 1}, 1, 99, world.clock.now())
    owner = poller._owner
    assert claims.claim(world.connection, owner, again, world.clock.now()) == "claimed"
    world.end_runs()
    assert claims.claim(world.connection, owner, again, world.clock.now()) == "taken"
    assert len(world.starts()) == 1


def test_a_claim_survives_the_engine_and_keeps_its_input(world):
    """The engine dies right after the claim; the next one polls a condition that no longer holds."""
    first = world.poller(polled(lambda: fire(Context({"n": 1})), name="watch"))
    world.pass_time(0.5)
    before = world.starts()
    world.stop(first)
    world.poller(polled(skip, name="watch"))
    world.pass_time(2)
    assert world.starts() == before
    assert before[0]["state"] == "claimed"


def test_a_run_that_goes_on_while_the_engine_is_replaced_is_not_started_twice(world):
    first = world.poller(polled(lambda: fire(), name="watch"))
    world.pass_time(0.5)
    world.begin_runs()
    world.stop(first)
    world.poller(polled(lambda: fire(), name="watch"))
    world.pass_time(3)
    assert len(world.starts()) == 1


def test_no_generation_is_used_twice_also_after_pruning(world):
    world.poller(polled(counter()))
    world.pass_time(3)
    world.end_runs()
    later = HandClock()
    later.wall = datetime.now(timezone.utc) + timedelta(days=40)
    assert Retention(world.path, [], None, later).step(world.connection) == 3
    world.pass_time(2)
    assert [item["generation"] for item in world.history("count")] == [5, 4]
    assert [item["start_key"][-3:] for item in world.starts()] == ["-g4", "-g5"]


def test_a_context_that_never_starts_again_does_not_after_its_run_was_pruned_either(world):
    world.poller(polled(lambda: fire(Context({"order": 7})), name="orders", dedup="once"))
    world.pass_time(1)
    world.end_runs()
    later = HandClock()
    later.wall = datetime.now(timezone.utc) + timedelta(days=40)
    assert Retention(world.path, [], None, later).step(world.connection) == 1
    world.pass_time(3)
    assert world.starts() == []


def test_a_context_with_keys_of_ours_is_told_as_it_was_fired(world):
    fired = {"trigger_name": "mine", "n": 1, "triggered_at": None}
    world.poller(polled(lambda: fire(Context(fired)), name="odd"))
    world.pass_time(0.5)
    assert world.contexts("odd") == [fired]
    (payload,) = [item["document"]["events"][0]["event"]["payload"] for item in world.starts()]
    assert payload["trigger_name"] == "odd"


def test_a_database_that_takes_nothing_keeps_the_fire_and_no_other_poll_waits(world):
    """SQLite says "full" to every claim for a while: the answer of the poll is kept, the condition may be gone."""
    _, watch = recording(world, [fire(Context({"once": True}))])
    other, quick = recording(world)
    poller = world.poller(polled(watch, name="watch"), polled(quick, name="quick"))
    poller._claims.execute("PRAGMA query_only = 1")
    world.pass_time(2.5)
    assert world.starts() == []
    assert "OperationalError" in world.schedule("watch")["last_error"]
    assert len(other) == 3
    poller._claims.execute("PRAGMA query_only = 0")
    world.pass_time(1)
    assert world.contexts("watch") == [{"once": True}]


def test_the_row_of_the_log_says_poll_and_starts_no_flow_that_waits_for_an_event(world):
    world.poller(polled(counter()))
    world.pass_time(0.5)
    rows = world.connection.execute("SELECT kind, name, id FROM events").fetchall()
    assert [tuple(row) for row in rows] == [("poll", "count", world.starts()[0]["start_key"])]


def test_a_newer_database_is_refused(tmp_path):
    path = tmp_path / "engine.db"
    store.connect(str(path)).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={store.USER_VERSION + 1}")
    connection.close()
    content = path.read_bytes()
    world = World(tmp_path)
    with pytest.raises(Exception, match="FT751"):
        world.poller(polled(counter()))
    assert path.read_bytes() == content


@pytest.mark.parametrize("before", [{"allow_concurrent": True}, {"dedup": "active"}])
def test_what_started_under_another_declaration_is_equal_all_the_same(world, before):
    def same():
        return fire(Context({"n": 1}))

    world.poller(polled(same, **before))
    world.pass_time(0.5)
    world.begin_runs()
    for later in ({}, {"dedup": "once"}):
        world.stop(world.pollers[0])
        world.poller(polled(same, **later))
        world.pass_time(2.5)
        assert len(world.starts()) == 1
    world.end_runs()
    world.pass_time(2)
    assert len(world.starts()) == 1  # once, also of what was before
    world.stop(world.pollers[0])
    world.poller(polled(same))
    world.pass_time(0.5)
    assert len(world.starts()) == 2


def test_a_fire_that_was_not_stored_is_stored_though_its_trigger_is_disabled_by_then(world, monkeypatch):
    moments, watch = recording(world, [fire(Context({"n": 1}))])
    poller = world.poller(polled(watch, name="one"))

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(claims, "claim", full)
        world.pass_time(0.5)
    assert world.starts() == []
    assert world.schedule("one")["last_error"].startswith("the fire is not stored yet: ")
    records.set_enabled(world.connection, "one", False)
    world.pass_time(1, poller)
    assert world.contexts("one") == [{"n": 1}] and moments == [0]
