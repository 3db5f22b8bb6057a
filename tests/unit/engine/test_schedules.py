"""Schedules on the local engine: which times start a run, whatever the clock does and however many engines ask."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from metaflow_triggers.engine.schedules import Schedules
from metaflow_triggers.engine.store import connect
from metaflow_triggers.engine.waits import LocalFlow
from metaflow_triggers.language import cron
from metaflow_triggers.model.flows import Flow, Schedule, Span

UTC = timezone.utc
HERE = Span("flow.py", 1, 1, 1, 1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class HandClock:
    """A clock that a test sets."""

    def __init__(self, text: str) -> None:
        self.time = moment(text)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.is_set()


def scheduled(text: str, zone: str | None = None, key: str = "Report") -> LocalFlow:
    schedule = Schedule(text, zone, HERE)
    return LocalFlow(key, Flow(key, "flow.py", None, None, (), (), schedule, (), (), HERE))


class Story:
    """One database, engines on it, and a clock."""

    def __init__(self, folder: Path, start: str, *flows: LocalFlow) -> None:
        self.path = str(folder / "triggers.db")
        self.clock = HandClock(start)
        self.flows = flows
        self.connection = connect(self.path)
        self.engines: list[Schedules] = []
        self.engine()

    def engine(self, *flows: LocalFlow) -> Schedules:
        """One more engine on the same file."""
        self.engines.append(Schedules(flows or self.flows, self.clock))
        self.engines[-1].turn(self.connection)
        return self.engines[-1]

    def at(self, text: str) -> None:
        """The clock shows this time; every engine looks at it."""
        self.clock.time = moment(text)
        for engine in self.engines:
            engine.turn(self.connection)

    def walk(self, start: str, end: str, step: timedelta = timedelta(minutes=1)) -> None:
        """The clock goes from one time to the other."""
        now = moment(start)
        while now <= moment(end):
            self.at(now.isoformat()[:19])
            now += step

    def fired(self) -> list[str]:
        """The scheduled times of all starts, in the order of their claims."""
        rows = self.connection.execute("SELECT start_key, document FROM starts ORDER BY id").fetchall()
        assert all('"events":[]' in document for _, document in rows)  # so `current.trigger` is None
        return [key.rsplit("/", 1)[1] for key, _ in rows]


@pytest.fixture
def story(tmp_path: Path):
    return lambda start, *flows: Story(tmp_path, start, *flows)


def test_each_time_starts_once(story):
    told = story("2024-03-01T09:58:30", scheduled("0/5 * * * ? *"))
    told.walk("2024-03-01T09:58:30", "2024-03-01T10:11:00", timedelta(seconds=30))
    assert told.fired() == ["2024-03-01T10:00Z", "2024-03-01T10:05Z", "2024-03-01T10:10Z"]


def test_a_new_schedule_begins_now(story):
    told = story("2024-03-01T10:00:00", scheduled("0 10 * * ? *"))
    told.at("2024-03-01T10:00:01")
    assert told.fired() == []  # ten o'clock was there before the schedule
    told.at("2024-03-02T10:00:00")
    assert told.fired() == ["2024-03-02T10:00Z"]


def test_several_engines_on_one_file_start_it_once(story):
    told = story("2024-03-01T09:59:00", scheduled("* * * * ? *"), scheduled("0 * * * ? *", key="Other"))
    told.engine()
    told.engine()
    told.walk("2024-03-01T09:59:00", "2024-03-01T10:01:00", timedelta(seconds=20))
    assert sorted(told.fired()) == ["2024-03-01T10:00Z", "2024-03-01T10:00Z", "2024-03-01T10:01Z"]


def test_engines_in_threads_of_their_own_start_it_once(tmp_path: Path):
    flows = [scheduled("* * * * ? *", key=f"Flow{number}") for number in range(5)]
    told = Story(tmp_path, "2024-03-01T09:59:30", *flows)
    together = threading.Barrier(4)

    def serve() -> None:
        connection = connect(told.path)
        engine = Schedules(flows, told.clock)
        engine.turn(connection)
        for minute in range(30):
            together.wait()
            told.clock.time = moment(f"2024-03-01T10:{minute:02}:00")
            together.wait()
            engine.turn(connection)
        connection.close()

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told.fired()) == sorted(f"2024-03-01T10:{minute:02}Z" for minute in range(30) for _ in flows)


def test_what_was_missed_is_one_start_of_the_latest_time(story):
    told = story("2024-03-01T09:59:00", scheduled("0/10 * * * ? *"))
    told.engines.clear()  # the engine ends; another one comes an hour later
    told.clock.time = moment("2024-03-01T11:05:00")
    told.engine()
    assert told.fired() == ["2024-03-01T11:00Z"]
    (reason,) = told.connection.execute("SELECT reason FROM starts").fetchone()
    assert reason.endswith("also for 6 earlier times")
    told.at("2024-03-01T11:10:00")
    assert told.fired() == ["2024-03-01T11:00Z", "2024-03-01T11:10Z"]


@pytest.mark.parametrize("held", ["Report", "*"])
def test_times_of_a_paused_flow_become_one_start_when_it_goes_on(held, story):
    told = story("2024-03-01T09:59:00", scheduled("0/10 * * * ? *"))
    told.connection.execute("INSERT INTO paused VALUES (?, 'now')", (held,))
    told.walk("2024-03-01T10:00:00", "2024-03-01T11:05:00")
    assert told.fired() == [] and told.engines[0].is_idle()
    told.connection.execute("DELETE FROM paused")
    told.walk("2024-03-01T11:06:00", "2024-03-01T11:10:00")
    assert told.fired() == ["2024-03-01T11:00Z", "2024-03-01T11:10Z"]


def test_another_flow_that_is_paused_holds_up_nothing(story):
    told = story("2024-03-01T09:59:00", scheduled("0/10 * * * ? *"), scheduled("0/10 * * * ? *", key="Other"))
    told.connection.execute("INSERT INTO paused VALUES ('Other', 'now')")
    told.at("2024-03-01T10:00:00")
    assert told.connection.execute("SELECT flow_key FROM starts").fetchall() == [("Report",)]


def test_what_was_missed_more_than_a_day_ago_is_not_caught_up(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 1 * ? *"))
    told.at("2024-03-02T10:00:01")
    assert told.fired() == []
    told.at("2024-04-02T10:00:00")  # to the second as late as it may be
    assert told.fired() == ["2024-04-01T10:00Z"]


def test_the_clock_goes_forward_an_hour(story):
    told = story("2024-03-01T09:59:00", scheduled("0/20 * * * ? *"))
    told.at("2024-03-01T10:00:00")
    told.at("2024-03-01T11:01:00")  # 10:20 and 10:40 never were
    told.walk("2024-03-01T11:01:00", "2024-03-01T11:21:00")
    assert told.fired() == ["2024-03-01T10:00Z", "2024-03-01T11:00Z", "2024-03-01T11:20Z"]


def test_the_clock_goes_back_an_hour(story):
    told = story("2024-03-01T09:59:00", scheduled("0/20 * * * ? *"))
    told.engine()
    told.walk("2024-03-01T10:00:00", "2024-03-01T10:45:00")
    told.walk("2024-03-01T09:45:00", "2024-03-01T11:00:00")
    # 10:00 to 10:40 come again and have been; nothing after them is lost.
    assert told.fired() == [f"2024-03-01T{time}Z" for time in ("10:00", "10:20", "10:40", "11:00")]


def test_a_clock_that_was_ahead_and_is_set_right_loses_no_time(story):
    told = story("2024-03-01T09:59:00", scheduled("0/20 * * * ? *"))
    told.at("2024-03-01T11:01:00")
    told.walk("2024-03-01T10:05:00", "2024-03-01T11:25:00")
    assert told.fired() == [f"2024-03-01T{time}Z" for time in ("11:00", "10:20", "10:40", "11:20")]


def test_a_clock_that_was_set_back_while_no_engine_ran(story):
    told = story("2024-03-01T09:59:00", scheduled("0/20 * * * ? *"))
    told.at("2024-03-01T11:01:00")
    told.engines.clear()
    told.clock.time = moment("2024-03-01T10:05:00")
    told.engine()
    told.walk("2024-03-01T10:05:00", "2024-03-01T10:25:00")
    assert told.fired() == ["2024-03-01T11:00Z", "2024-03-01T10:20Z"]


# Berlin, 2024: on March 31 two to three o'clock is skipped; on October 27 it comes twice.
DAYS = {
    "a time that is skipped does not fire": (
        "30 2 * * ? *",
        ("2024-03-30T00:00:00", "2024-04-01T12:00:00"),
        ["2024-03-30T01:30Z", "2024-04-01T00:30Z"],
    ),
    "the times around the gap do": (
        "0/30 1-3 31 3 ? *",
        ("2024-03-30T12:00:00", "2024-03-31T12:00:00"),
        ["2024-03-31T00:00Z", "2024-03-31T00:30Z", "2024-03-31T01:00Z", "2024-03-31T01:30Z"],
    ),
    "a time that comes twice fires once, the first time": (
        "30 2 * * ? *",
        ("2024-10-26T12:00:00", "2024-10-28T12:00:00"),
        ["2024-10-27T00:30Z", "2024-10-28T01:30Z"],
    ),
    "every hour pauses where an hour comes again": (
        "0 * 27 10 ? *",
        ("2024-10-26T23:30:00", "2024-10-27T03:30:00"),
        ["2024-10-27T00:00Z", "2024-10-27T02:00Z", "2024-10-27T03:00Z"],
    ),
}


@pytest.mark.parametrize("name", DAYS)
def test_days_on_which_the_clocks_change(name, story):
    text, (start, end), expected = DAYS[name]
    told = story(start, scheduled(text, "Europe/Berlin"))
    told.walk(start, end, timedelta(minutes=5))
    assert told.fired() == expected


def test_a_changed_expression_counts_from_now(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 * * ? *"))
    told.engines.clear()
    told.clock.time = moment("2024-03-01T12:00:00")
    told.engine(scheduled("0 13 * * ? *"))
    told.walk("2024-03-01T12:00:00", "2024-03-01T13:00:00")
    assert told.fired() == ["2024-03-01T13:00Z"]


def test_an_engine_with_an_older_version_of_the_flow_stands_back(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 * * ? *"))
    told.engine(scheduled("30 10 * * ? *"))
    told.walk("2024-03-01T09:59:00", "2024-03-01T11:00:00")
    assert told.fired() == ["2024-03-01T10:30Z"]


def test_a_flow_that_another_engine_serves_is_left_alone(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 * * ? *", key="Mine"))
    told.engine(scheduled("0 11 * * ? *", key="Theirs"))
    told.engines.pop()
    told.walk("2024-03-01T09:59:00", "2024-03-01T11:30:00")
    assert told.fired() == ["2024-03-01T10:00Z"]
    told.engine(scheduled("0 11 * * ? *", key="Theirs"))
    assert told.fired() == ["2024-03-01T10:00Z", "2024-03-01T11:00Z"]


def test_a_schedule_that_never_fires_again_is_idle(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 * * ? 2023"))
    told.at("2025-03-01T09:59:00")
    assert told.fired() == [] and told.engines[0].is_idle() and told.engines[0].next_due() is None


def test_nothing_is_lost_when_the_database_cannot_be_written(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 * * ? *"))
    told.connection.execute("PRAGMA query_only = 1")
    with pytest.raises(sqlite3.Error):
        told.at("2024-03-01T10:00:00")
    told.connection.execute("PRAGMA query_only = 0")
    told.at("2024-03-01T10:00:01")
    assert told.fired() == ["2024-03-01T10:00Z"]


def test_looking_at_the_clock_costs_no_database(story):
    told = story("2024-03-01T09:59:00", scheduled("0 10 * * ? *"))
    statements: list[str] = []
    told.connection.set_trace_callback(statements.append)
    told.walk("2024-03-01T09:59:00", "2024-03-01T09:59:59", timedelta(seconds=1))
    assert statements == []


# --- one time out of many -----------------------------------------------------------------------------


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
TEXTS = ("0/7 * * * ? *", "30 2 * * ? *", "0 0 L 2 ? *", "15 1-3 ? * SUN *", "0 12 29 2 ? *", "59 23 31 12 ? 2025")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", TEXTS)
def test_next_and_last_agree_with_all_times(text, zone):
    start, end = moment("2024-01-01T00:00"), moment("2024-12-31T00:00")
    before = start - timedelta(microseconds=1)
    every = list(cron.fires(text, zone, start, end))
    for index in range(0, max(len(every) - 1, 0), max(1, len(every) // 50)):
        here, following = every[index], every[index + 1]
        assert cron.next_fire(text, zone, here) == following
        assert cron.next_fire(text, zone, following - timedelta(microseconds=1)) == following
        assert cron.last_fire(text, zone, before, following - timedelta(microseconds=1)) == here
        assert cron.last_fire(text, zone, here, following) == following
        assert cron.last_fire(text, zone, here, following - timedelta(seconds=1)) is None


def test_the_end_of_the_years():
    assert cron.next_fire("0 0 1 1 ? 2199", None, moment("2024-01-01T00:00")) == moment("2199-01-01T00:00")
    assert cron.next_fire("0 0 1 1 ? 2199", None, moment("2199-01-01T00:00")) is None
    assert cron.last_fire("0 0 1 1 ? 2030", None, moment("2024-01-01T00:00"), moment("2029-01-01T00:00")) is None
