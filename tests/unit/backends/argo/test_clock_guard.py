"""Clock guard: what is emitted fires on Argo when AWS fires, in every timezone and through every change of the clocks.

The judge is robfig/cron itself, with the guard's expression evaluated as the controller does (`robfig/main.go`). Where
there is no Go, the short campaign is held to what it answered (`robfig/recorded.json`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import available_timezones

import pytest
from metaflow_triggers.backends.argo.compile.clock_changes import parted
from metaflow_triggers.backends.argo.compile.clock_guard import SET_BACK, kept
from metaflow_triggers.backends.argo.verify import schedules
from metaflow_triggers.language import cron
from metaflow_triggers.language.cron import clocks

from tests.go_programs import NoProgram

from .robfig import ask

UTC = timezone.utc
SPARSE = (
    *("30 1 * * ? *", "0 9 ? * SAT *", "0 9 24 * ? *", "0 9 ? * SUN *", "0 0 * * ? *", "0 0 ? * SUN *", "0 0 1 * ? *"),
    *("30 0 * * ? *", "15 0 ? * SAT *", "30 2 * * ? *", "0 3 ? * SUN *", "59 1 * * ? *", "0 1 ? * SUN *"),
    *("30 23 * * ? *", "45 23 ? * SAT-SUN *", "0 23 31 * ? *", "0 22 ? * SAT *", "5 4 1,15 * ? *", "0 12 * * ? *"),
    *("0 9 ? * MON-FRI *", "30 9 ? * 2-6 *", "0 0 ? * MON *", "0 1 1 4,9,10 ? *", "0 5 6 9 ? *", "0 17 * APR-OCT ? *"),
    *("10,40 0,1,2,3 * * ? *", "*/20 0-3 ? * SUN *", "0 21,22,23,0,1 * * ? *", "0 0-23/6 ? * FRI,SAT,SUN *"),
    *("30 */2 ? * SAT-SUN *", "7 8-18 ? * SUN *", "0 6,18 25-31 3,10 ? *"),
)
DENSE = (
    *("0 * * * ? *", "*/5 * * * ? *", "* 1 * * ? *", "* * * * ? *", "30 * ? * SUN *", "*/15 0-2 * * ? *"),
    *("0-10 23 * * ? *", "* * ? * SAT-SUN *"),
)
EXPRESSIONS = SPARSE + DENSE
CASES = [  # shared with the description of the fault: expression, zone, a time that has to be there, one that has not
    ("30 1 * * ? *", "America/New_York", "2026-11-01T05:30", "2026-11-01T06:30"),
    ("0 9 ? * SAT *", "America/Santiago", "2026-09-05T13:00", "2026-09-06T12:00"),
    ("0 9 24 * ? *", "Africa/Cairo", "2026-04-24T06:00", "2026-04-25T06:00"),
    ("0 9 ? * SUN *", "Australia/Lord_Howe", "2026-04-04T22:30", "2026-04-04T22:00"),
]
SHORT = ("America/New_York", "Africa/Cairo", "America/Santiago", "Atlantic/Azores", "Pacific/Chatham")
SHORT += ("Antarctica/Troll", "Australia/Lord_Howe", "Asia/Kolkata")


def zones() -> list[str]:
    return sorted(name for name in available_timezones() if cron.is_timezone(name))


def question(six: str, zone: str, begin: datetime, end: datetime, **more: int) -> dict[str, Any]:
    meant = kept(six, zone)
    span = {"from": int(begin.timestamp()), "until": int(end.timestamp())}
    return {"schedules": [meant.cron], "timezone": zone, "when": meant.when or "", **span, **more}


def spans(six: str, zone: str, year: int) -> Iterator[tuple[datetime, datetime]]:
    """The year; of dense expressions three days around each change of the clocks, and some others."""
    if six in SPARSE:
        yield datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        return
    days = [change.before.replace(tzinfo=UTC) for change in clocks.changes(zone, year, year)]
    for day in [*days, datetime(year, 6, 15, tzinfo=UTC)]:
        begin = day.replace(hour=0, minute=0) - timedelta(days=1)
        yield begin, begin + timedelta(days=3)


def asked(expressions: Iterable[str], names: Iterable[str], year: int, **more: int) -> list[tuple[str, str, Any]]:
    return [
        (six, zone, question(six, zone, begin, end, **more))
        for zone in names
        for six in expressions
        for begin, end in spans(six, zone, year)
    ]


def meant(six: str, zone: str, told: dict[str, Any]) -> list[int]:
    begin, end = (datetime.fromtimestamp(told[key], UTC) for key in ("from", "until"))
    return [int(moment.timestamp()) for moment in cron.fires(six, zone, begin, end)]


def unexplained(questions: list[tuple[str, str, Any]]) -> Iterator[str]:
    try:
        answers = ask.ask([item for _, _, item in questions])
    except NoProgram as reason:
        pytest.skip(f"{reason}; the recorded answers are tested all the same")
    for (six, zone, item), answer in zip(questions, answers, strict=True):
        if "error" in answer:
            yield f"{six} {zone}: {answer['error']}"
            continue
        wanted = set(meant(six, zone, item))
        for moment in sorted(wanted.symmetric_difference(answer["fires"])):
            verb = "is missing" if moment in wanted else "is too much"
            yield f"{six} {zone}: {datetime.fromtimestamp(moment, UTC).isoformat()} {verb} ({item['when']})"
        for moment in answer["restarted"]:
            yield f"{six} {zone}: other times after a start at {datetime.fromtimestamp(moment, UTC).isoformat()}"


@pytest.mark.parametrize(("six", "zone", "there", "absent"), CASES)
def test_the_times_that_robfig_loses_or_doubles(six: str, zone: str, there: str, absent: str) -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    try:
        (answer,) = ask.ask([question(six, zone, begin, end)])
    except NoProgram as reason:
        pytest.skip(str(reason))
    fires = {datetime.fromtimestamp(moment, UTC).isoformat()[:16] for moment in answer["fires"]}
    assert there in fires and absent not in fires


def test_a_year_in_some_zones() -> None:
    assert list(unexplained(asked(EXPRESSIONS[::3], SHORT, 2026)))[:5] == []


def test_a_controller_may_start_at_any_time_around_a_change() -> None:
    restarts("America/Santiago", "Australia/Lord_Howe", expressions=SPARSE[::4])


def test_a_controller_may_start_within_the_hour_of_a_change() -> None:
    """After a change at a quarter to three, or before two hours come twice, robfig/cron counts from another time."""
    expressions = ("0 3 ? * SUN *", "30 */2 ? * SAT-SUN *", "50 2 * * ? *", "50 3 * * ? *", "0 4 * * ? *")
    restarts("Pacific/Chatham", "Antarctica/Troll", expressions=expressions, every=890)


@pytest.mark.long
def test_a_controller_may_start_at_any_time_everywhere() -> None:
    restarts(*zones()[::7], *SHORT, *clocks.MIDNIGHT, expressions=SPARSE)


def restarts(*names: str, expressions: Iterable[str], every: int = 1860) -> None:
    questions = []
    for zone in names:
        for change in clocks.changes(zone, 2026, 2026):
            day = change.before.replace(tzinfo=UTC, hour=0, minute=0)
            begin, end = day - timedelta(days=2), day + timedelta(days=9)
            questions += [(six, zone, question(six, zone, begin, end, restarts=every)) for six in expressions]
    assert list(unexplained(questions))[:5] == []


def test_a_controller_may_be_late() -> None:
    """By as much as lies between two times of the fields, and no more than `startingDeadlineSeconds`."""
    sparse = ("30 1 * * ? *", "0 9 ? * SAT *", "0 9 ? * SUN *", "0 0 ? * SUN *", "59 1 * * ? *", "0 1 ? * SUN *")
    assert list(unexplained(asked(sparse, SHORT[:5], 2026, lateness=3500)))[:5] == []
    assert list(unexplained(asked(("*/5 * * * ? *", "*/15 0-2 * * ? *"), SHORT[:5], 2026, lateness=280)))[:5] == []


def digest(fires: list[int]) -> str:
    return f"{len(fires)} {hashlib.sha256(json.dumps(fires).encode()).hexdigest()[:16]}"


def record() -> None:
    """Write what robfig/cron answers to the short campaign."""
    questions = asked(EXPRESSIONS, SHORT, 2026)
    answers = ask.ask([item for _, _, item in questions])
    rows = [
        json.dumps([six, zone, item["from"], item["schedules"][0], item["when"], digest(answer["fires"])])
        for (six, zone, item), answer in zip(questions, answers, strict=True)
    ]
    ask.RECORDED.write_text("[\n" + ",\n".join(rows) + "\n]\n", "utf-8")


def test_what_was_recorded_is_what_is_emitted_and_what_it_means() -> None:
    """Wherever there is no Go. Times are compared by their number and a hash of all of them."""
    kept_rows = json.loads(ask.RECORDED.read_text("utf-8"))
    today = [
        [six, zone, item["from"], item["schedules"][0], item["when"], digest(meant(six, zone, item))]
        for six, zone, item in asked(EXPRESSIONS, SHORT, 2026)
    ]
    assert len(today) > 400
    assert [row for row in today if row not in kept_rows][:3] == [], "record again, if it is meant"
    assert len(kept_rows) == len(today)


@pytest.mark.long
@pytest.mark.parametrize("year", [2026, 2027])
def test_forty_expressions_in_all_zones(year: int) -> None:
    assert len(EXPRESSIONS) == 40
    names = zones()
    assert len(names) > 400
    count = 0
    for start in range(0, len(names), 20):
        questions = asked(EXPRESSIONS, names[start : start + 20], year)
        count += len(questions)
        assert list(unexplained(questions))[:5] == []
    print(f"{len(names)} zones, {count} questions")


# the names that what is emitted depends on


def test_the_zones_whose_midnight_is_changed_are_known() -> None:
    known_changes(2026, 2027)


@pytest.mark.long
def test_they_are_known_for_years() -> None:
    known_changes(2028, 2037)


def known_changes(first: int, last: int) -> None:
    found, uneven, sizes, hours = set(), set(), set(), set()
    for zone in zones():
        for change in clocks.changes(zone, first, last):
            early, late = sorted((change.before, change.after))
            if early.date() != late.date() or early.hour == early.minute == 0:
                found.add(zone)
            size = abs(change.after - change.before)
            twice = change.after < change.before and size > timedelta(hours=1)
            if size % timedelta(hours=1) or early.minute or twice:
                uneven.add(zone)
            if change.after < change.before:
                sizes.add({30: "30m", 60: "1h", 120: "2h"}[int(size / timedelta(minutes=1))])
                hours.update((early + timedelta(minutes=step)).hour for step in range(0, int(size.seconds / 60), 15))
        assert not (clocks.never_changes(zone) and list(clocks.changes(zone, first, last)))
    assert found == clocks.MIDNIGHT
    assert uneven == clocks.UNEVEN
    assert sizes <= set(SET_BACK)
    assert hours <= clocks.NIGHT


# what is emitted


def test_by_day_and_in_utc_nothing_is_added() -> None:
    assert kept("0 9 ? * MON-FRI *", "Europe/Berlin") == kept("0 9 ? * MON-FRI *", "UTC")
    assert kept("30 1 * * ? *", "UTC").when is None
    assert kept("30 1 * * ? *", "Etc/GMT+5").when is None
    assert kept("0 9 ? * SAT *", "America/Santiago").cron == "0 9 * * *"


def test_the_guard_is_read_back() -> None:
    for six in EXPRESSIONS:
        for zone in (*SHORT, "Etc/GMT-3"):
            made = kept(six, zone)
            spec = {"schedules": [made.cron], "timezone": zone, **({"when": made.when} if made.when else {})}
            assert schedules.said(spec) == schedules.meant(six, zone), (six, zone)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ 30) % 60", "+ 31) % 60"),
        ("+ 30) % 60", "+ 30) % 30"),
        ("all(", "any("),
        ("'America/New_York'", "'America/Chicago'"),
        ("#.Hour() in [1]", "#.Hour() in [2]"),
        (" and #.Add(duration('-2h')).Format('15:04') != #.Format('15:04')", ""),
        ("!=", "=="),
        ("now()", "date('2026-01-01')"),
    ],
)
def test_another_guard_is_not_read_as_this_one(old: str, new: str) -> None:
    made = kept("30 1 * * ? *", "America/New_York")
    assert made.when is not None and old in made.when
    spec = {"schedules": [made.cron], "timezone": "America/New_York", "when": made.when.replace(old, new)}
    try:
        found = schedules.said(spec)
    except (ValueError, KeyError):
        return
    assert found != schedules.meant("30 1 * * ? *", "America/New_York")


# resets, which have no guard


def test_a_reset_that_parts_is_told_with_its_dates() -> None:
    assert parted("0 0 * * *", "Europe/Berlin") == []
    assert parted("30 1 * * *", "UTC") == []
    (told,) = parted("30 1 * * *", "America/New_York")
    assert "forgets twice" in told and "2026-11-01 01:30 and 2027-11-07 01:30" in told
    (told,) = parted("0 9 * * 6", "America/Santiago")
    assert "another day" in told and "2026-04-0" in told
    assert parted("0 9 * * 6", "Europe/Berlin") == []
    twice, _ = parted("0 3 * * *", "Pacific/Chatham")
    assert "forgets twice" in twice and "2026-04-05 03:00 and" in twice
    (told,) = parted("0 4 * * *", "Pacific/Chatham")
    assert "at another time or not at all" in told and "2026-04-05 and 2026-09-27" in told
    assert parted("0 5 * * *", "Pacific/Chatham") == []
    (twice, told) = parted("30 2 * * *", "Antarctica/Troll")
    assert "forgets twice" in twice and "at another time or not at all" in told and "2026-10-25 and" in told


def test_a_reset_differs_from_ours_on_told_dates_only() -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    fives = ("30 1 * * *", "0 9 * * 6", "0 0 * * 0", "0 9 24 * *", "0 12 * * *", "0 3 * * *", "50 2 * * 0")
    rows = [(five, zone) for zone in SHORT for five in fives]
    span = {"from": int(begin.timestamp()), "until": int(end.timestamp())}
    try:
        answers = ask.ask([{"schedules": [five], "timezone": zone, "when": "", **span} for five, zone in rows])
    except NoProgram as reason:
        pytest.skip(str(reason))
    told = 0
    for (five, zone), answer in zip(rows, answers, strict=True):
        ours = {int(item.timestamp()) for six in cron.to_six_fields(five) for item in cron.fires(six, zone, begin, end)}
        if ours != set(answer.get("fires", ())):  # an error: no time after another, for ever
            assert parted(five, zone), (five, zone)
            told += 1
    assert told >= 7
