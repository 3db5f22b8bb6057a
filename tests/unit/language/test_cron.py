"""Cron: what AWS's six fields mean, and that five fields of another evaluator (cronsim) fire at the same times."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from cronsim import CronSim
from metaflow_triggers.language import cron

UTC = timezone.utc
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def fired(text: str, start: str, end: str, zone: str | None = None) -> list[str]:
    times = (datetime.fromisoformat(item).replace(tzinfo=UTC) for item in (start, end))
    return [moment.isoformat()[:16] for moment in cron.fires(text, zone, *times)]


FIVE = {
    "every Monday": ("0 9 * * 1", ["2024-03-04T09:00"], "2024-03-01", "2024-03-08"),
    "either of the two days": ("0 9 3 * 1", ["2024-03-03T09:00", "2024-03-04T09:00"], "2024-03-01", "2024-03-08"),
    "both at once are one": ("0 9 4 * 1", ["2024-03-04T09:00"], "2024-03-01", "2024-03-08"),
}


@pytest.mark.parametrize("name", FIVE)
def test_five_fields_that_upstream_lets_be(name: str) -> None:
    text, expected, start, end = FIVE[name]
    assert fired(text, start, end) == expected
    first, last = (datetime.fromisoformat(item).replace(tzinfo=UTC) for item in (start, end))
    found = cron.next_fire(text, None, first), cron.last_fire(text, None, first, last)
    assert [moment.isoformat()[:16] for moment in found if moment] == [expected[0], expected[-1]]
    assert cron.canonical(text) == text


# What is said in AWS's own guide, and the corners of its special letters.
MEANINGS = {
    "every day at ten": ("0 10 * * ? *", ["2024-03-01T10:00", "2024-03-02T10:00"], "2024-03-01", "2024-03-03"),
    "Monday is 2": ("0 9 ? * 2 *", ["2024-03-04T09:00"], "2024-03-01", "2024-03-08"),
    "weekdays by name": (
        "15 12 ? * MON-FRI *",
        ["2024-03-01T12:15", "2024-03-04T12:15"],
        "2024-03-01",
        "2024-03-05",
    ),
    "a range over the weekend": (
        "0 0 ? * FRI-MON *",
        [f"2024-03-{day:02}T00:00" for day in (1, 2, 3, 4, 8)],
        "2024-03-01",
        "2024-03-09",
    ),
    "increments start where they say": (
        "1/20 0 1 * ? *",
        ["2024-03-01T00:01", "2024-03-01T00:21", "2024-03-01T00:41"],
        "2024-03-01",
        "2024-03-02",
    ),
    "the last day of February": ("0 0 L 2 ? *", ["2024-02-29T00:00", "2025-02-28T00:00"], "2024-01-01", "2026-01-01"),
    "the weekday nearest to the third": ("0 0 3W 3 ? *", ["2024-03-04T00:00"], "2024-01-01", "2025-01-01"),
    "which stays in its month, at the start": ("0 0 1W 6 ? *", ["2024-06-03T00:00"], "2024-01-01", "2025-01-01"),
    "and at the end": ("0 0 30W 6 ? *", ["2024-06-28T00:00"], "2024-01-01", "2025-01-01"),
    "W in a list": ("0 0 15W,20W 6 ? *", ["2024-06-14T00:00", "2024-06-20T00:00"], "2024-01-01", "2025-01-01"),
    "L in a list": (
        "0 0 1,15,L 2 ? *",
        ["2024-02-01T00:00", "2024-02-15T00:00", "2024-02-29T00:00"],
        "2024-01-01",
        "2025-01-01",
    ),
    "the last weekday": ("0 0 LW 6 ? *", ["2024-06-28T00:00"], "2024-01-01", "2025-01-01"),
    "the second Tuesday": ("0 0 ? 3 3#2 *", ["2024-03-12T00:00"], "2024-01-01", "2025-01-01"),
    "a fifth Friday is rare": (
        "0 0 ? * FRI#5 *",
        ["2024-03-29T00:00", "2024-05-31T00:00"],
        "2024-01-01",
        "2024-08-01",
    ),
    "the last Thursday": ("0 0 ? 2 5L *", ["2024-02-29T00:00"], "2024-01-01", "2025-01-01"),
    "the last day of the week": ("0 0 ? * L *", ["2024-03-02T00:00"], "2024-03-01", "2024-03-08"),
    "a year": ("0 0 1 1 ? 2025-2026", ["2025-01-01T00:00", "2026-01-01T00:00"], "2020-01-01", "2030-01-01"),
}


@pytest.mark.parametrize("case", MEANINGS, ids=str)
def test_meaning(case: str) -> None:
    text, expected, start, end = MEANINGS[case]
    assert fired(text, start, end) == expected


def test_local_time_follows_the_clocks() -> None:
    # Berlin, 2024: 2:00 to 3:00 does not exist on March 31; it comes twice on October 27, and fires once.
    text = "30 2 * * ? *"
    spring = fired(text, "2024-03-29T12:00", "2024-04-01T12:00", "Europe/Berlin")
    assert spring == ["2024-03-30T01:30", "2024-04-01T00:30"]
    autumn = fired(text, "2024-10-26T12:00", "2024-10-28T12:00", "Europe/Berlin")
    assert autumn == ["2024-10-27T00:30", "2024-10-28T01:30"]
    # Samoa had no December 30 in 2011.
    apia = fired("0 12 30 12 ? *", "2010-01-01", "2013-01-01", "Pacific/Apia")
    assert apia == ["2010-12-30T22:00", "2012-12-29T22:00"]


def test_the_end_is_left_out_and_the_start_is_not() -> None:
    assert fired("0 0 * * ? *", "2024-03-01", "2024-03-02") == ["2024-03-01T00:00"]


TRANSLATED = {
    "0 9 ? * 2 *": "0 9 * * 1",
    "0 9 ? * SUN *": "0 9 * * 0",
    "0 9 ? * mon-fri *": "0 9 * * 1-5",
    "0 9 ? * FRI-MON *": "0 9 * * 0-1,5-6",
    "0 9 ? * SAT-SUN *": "0 9 * * 0,6",
    "0 9 ? * 1/3 *": "0 9 * * 0-6/3",
    "0/15 8-17 ? * 2-6 *": "0-59/15 8-17 * * 1-5",
    "*/15 * 1,15 JAN-MAR,7 ? *": "*/15 * 1,15 1-3,7 *",
    "5 22-3 * NOV-FEB ? *": "5 0-3,22-23 * 1-2,11-12 *",
    "0 20-4/3 * * ? *": "0 2,20,23 * * *",
    "0 0 * * ? 1970-2199": None,
    "0 0 * * ? *": "0 0 * * *",
}


@pytest.mark.parametrize(("text", "five"), TRANSLATED.items())
def test_translation(text: str, five: str | None) -> None:
    if five is None:
        with pytest.raises(cron.CronRefused):
            cron.to_five_fields(text)
    else:
        assert cron.to_five_fields(text) == five


REFUSED = {  # text, the characters that are blamed
    "0 8 L * ? *": "L",
    "0 8 15W * ? *": "15W",
    "0 8 LW * ? *": "LW",
    "0 8 ? * MON#1 *": "MON#1",
    "0 8 ? * 6L *": "6L",
    "0 8 * * ? 2030": "2030",
    "0 8 * * ? 2030,2032": "2030,2032",
}


@pytest.mark.parametrize(("text", "blamed"), REFUSED.items())
def test_refused_at_the_place(text: str, blamed: str) -> None:
    with pytest.raises(cron.CronRefused) as found:
        cron.to_five_fields(text)
    assert text[found.value.position : found.value.position + found.value.length] == blamed


MALFORMED = {
    "five fields": ("0 9 * * 1", "", "5 fields, expected 6"),
    "nothing": ("", "", "0 fields, expected 6"),
    "seven": ("0 0 9 * * ? *", "*", "7 fields, expected 6"),
    "cron()": ("cron(0 9 * * ? *)", "cron(", "`cron(` is not part of the expression"),
    "rate": ("rate(5 minutes)", "rate(", "`rate(` is not part of the expression"),
    "minute 60": ("60 9 * * ? *", "60", "60 is not in minutes's 0-59"),
    "hour 24": ("0 24 * * ? *", "24", "24 is not in hours's 0-23"),
    "day 0": ("0 0 0 * ? *", "0", "0 is not in day-of-month's 1-31"),
    "weekday 0": ("0 0 ? * 0 *", "0", "0 is not in day-of-week's 1-7"),
    "weekday 8": ("0 0 ? * 2-8 *", "8", "8 is not in day-of-week's 1-7"),
    "a misspelt day": ("0 0 ? * MOND *", "MOND", "`MOND` is not a value of day-of-week"),
    "a day as a month": ("0 0 1 MON ? *", "MON", "`MON` is not a value of month"),
    "both days": ("0 0 1 * MON *", "1 * MON", "neither is"),
    "no day": ("0 0 ? * ? *", "? * ?", "both are"),
    "two stars": ("0 0 * * * *", "* * *", "neither is"),
    "? as a minute": ("? 0 * * ? *", "?", "`?` is not a value of minutes"),
    "an empty item": ("0,,5 0 * * ? *", "", "a value of minutes is missing"),
    "half a range": ("0 5- * * ? *", "", "a value of hours is missing"),
    "a step of nothing": ("0/0 0 * * ? *", "0", "the step `0` of minutes"),
    "no step": ("0/ 0 * * ? *", "", "the step `` of minutes"),
    "a star in a list": ("*,5 0 * * ? *", "*", "`*` has to stand alone"),
    "two of a #": ("0 0 ? * 3#1,6#3 *", "3#1", "`3#1` has to stand alone"),
    "the sixth Monday": ("0 0 ? * 2#6 *", "6", "`6` in `2#6`"),
    "W of a weekday": ("0 0 ? * 2W *", "2W", "`2W` is not a value of day-of-week"),
    "days before the last": ("0 0 L-3 * ? *", "L-3", "`L-3`: AWS has `L`"),
    "a year too early": ("0 0 * * ? 1969", "1969", "1969 is not in year's 1970-2199"),
    "years backwards": ("0 0 * * ? 2030-2020", "2030-2020", "runs backwards"),
    "February 30": ("0 0 30 2 ? *", "30", "no such month has a day 30"),
    "April 31": ("0 0 31 APR,JUN ? *", "31", "no such month has a day 31"),
    "a newline": ("0 0 * * ? *\n", "\n", "'\\n' cannot stand"),
    "a tab": ("0\t0 * * ? *", "\t", "'\\t' cannot stand"),
    "a digit of another script": ("\u0663 0 * * ? *", "\u0663", "cannot stand"),
    "negative": ("-5 0 * * ? *", "", "a value of minutes is missing"),
    "code": ("$(x) 0 * * ? *", "$", "'$' cannot stand"),
}


@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_malformed_at_the_place(case: str) -> None:
    text, blamed, message = MALFORMED[case]
    with pytest.raises(cron.CronError) as found:
        cron.parse(text)
    assert not isinstance(found.value, cron.CronRefused)
    assert message in str(found.value)
    length = found.value.length if blamed else 0
    assert text[found.value.position : found.value.position + length] == blamed


@pytest.mark.parametrize(
    "text",
    ["0 9 * * 7", "0 9 * * FRI-MON", "0 9 L * *", "0 9 * * 1#2", "@daily", "0 0 9 * * 1", "TZ=UTC 0 9 * * 1", "x"],
)
def test_five_fields_that_argo_does_not_take(text: str) -> None:
    with pytest.raises(cron.CronError):
        cron.parse_five(text)


SIX = {
    "0 9 * * 1-5": ("0 9 ? * 2-6 *",),
    "*/5 * 1 * *": ("*/5 * 1 * ? *",),
    "0 0 1 * 0": ("0 0 1 * ? *", "0 0 ? * 1 *"),
    "0 0 * * */2": ("0 0 ? * */2 *",),
    "0 0 31 2 1": ("0 0 ? 2 2 *",),  # no February has a day 31, so Mondays are all that is left
}


@pytest.mark.parametrize(("five", "six"), SIX.items())
def test_five_fields_as_aws_has_them(five: str, six: tuple[str, ...]) -> None:
    assert cron.to_six_fields(five) == six
    start = datetime(2024, 1, 1, tzinfo=UTC)
    end = datetime(2024, 3, 1, tzinfo=UTC)
    ours = sorted({moment for text in six for moment in cron.fires(text, None, start, end)})
    assert ours == by_cronsim(five, start, end, 10**6)


# --- the campaign -----------------------------------------------------------------------------------


def by_cronsim(five: str, start: datetime, end: datetime, most: int) -> list[datetime]:
    found: list[datetime] = []
    try:
        for moment in CronSim(five, start - timedelta(minutes=1)):
            if moment >= end or len(found) >= most:
                break
            found.append(moment)
    except StopIteration:  # cronsim gives up where nothing fires for 50 years
        pass
    return found


def _item(generator: random.Random, low: int, high: int, names: list[str] | None) -> str:
    def value() -> tuple[int, str]:
        number = generator.randint(low, high)
        if names and generator.random() < 0.5:
            name = names[number - 1]
            return number, name if generator.random() < 0.7 else name.lower()
        return number, str(number)

    kind = generator.random()
    first, second = value(), value()
    step = generator.randint(1, max(2, (high - low) // 2))
    if kind < 0.45:
        return first[1]
    if kind < 0.7:
        return f"{first[1]}-{second[1]}"
    if kind < 0.8:
        return f"{first[1]}-{second[1]}/{step}"
    if kind < 0.9:
        return f"{first[1]}/{step}"
    return f"*/{max(2, step)}"


def _field(generator: random.Random, low: int, high: int, stars: float, names: list[str] | None = None) -> str:
    if generator.random() < stars:
        return "*"
    return ",".join(_item(generator, low, high, names) for _ in range(generator.choice((1, 1, 1, 2, 3))))


def random_cron(generator: random.Random) -> str:
    days, weekdays = "?", "?"
    if generator.random() < 0.5:
        days = _field(generator, 1, 31, 0.4)
        if generator.random() < 0.05:
            days = generator.choice(("L", "LW", "15W", "1,L"))
    else:
        weekdays = _field(generator, 1, 7, 0.2, DAYS)
        if generator.random() < 0.1:
            weekdays = generator.choice(("L", "6L", "MON#1", "2#5"))
    year = "*" if generator.random() < 0.95 else str(generator.randint(2020, 2035))
    minutes, hours = _field(generator, 0, 59, 0.1), _field(generator, 0, 23, 0.3)
    return f"{minutes} {hours} {days} {_field(generator, 1, 12, 0.6, MONTHS)} {weekdays} {year}"


WHOLE = 800
"""Up to so many fire times are compared one by one over all years; of denser ones all days, and whole days."""


def compare(count: int, years: int, seed: int) -> dict[str, int]:
    generator = random.Random(seed)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    end = datetime(2023 + years, 1, 1, tzinfo=UTC)
    tally = {"equal": 0, "refused": 0, "no such day": 0, "times": 0, "days": 0}
    for _ in range(count):
        text = random_cron(generator)
        try:
            five = cron.to_five_fields(text)
        except cron.CronRefused:
            fields = text.split(" ")
            assert any(letter in fields[2] + "".join(c for c in fields[4] if c == "#") for letter in "LW#") or (
                fields[4].endswith("L") or fields[5] != "*"
            ), text
            tally["refused"] += 1
            continue
        except cron.CronError as error:
            assert "no such month" in str(error), text
            tally["no such day"] += 1
            continue
        tally["equal"] += 1
        # Every day on which it fires, whatever the time of the day.
        ours = list(cron.fires("0 0 " + text.split(" ", 2)[2], None, start, end))
        assert ours == by_cronsim("0 0 " + five.split(" ", 2)[2], start, end, 10**6), (text, five)
        tally["days"] += len(ours)
        per_day = len(list(cron.fires(" ".join(text.split(" ")[:2]) + " * * ? *", None, start, start + timedelta(1))))
        if len(ours) * per_day <= WHOLE:
            windows = [(start, end)]
        else:
            windows = [(day, day + timedelta(days=1)) for day in (ours[0], ours[len(ours) // 2], ours[-1])]
        for begin, stop in windows:
            times = list(cron.fires(text, None, begin, stop))
            assert times == by_cronsim(five, begin, stop, 10**6), (text, five)
            tally["times"] += len(times)
    return tally


def test_a_hundred_expressions_over_a_year() -> None:
    tally = compare(100, 1, seed=1)
    assert tally["equal"] > 60 and tally["refused"] > 3


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 7))
def test_five_thousand_expressions_over_ten_years(seed: int) -> None:
    tally = compare(1000, 10, seed)
    print(tally)
    assert tally["equal"] > 700


def test_timezones() -> None:
    assert cron.is_timezone("Europe/Berlin") and cron.is_timezone("UTC") and cron.is_timezone("Etc/GMT+5")
    for name in ("Europe/Berln", "localtime", "../etc/passwd", "", "europe/Berlin/x/y", "UTC\n", "posix/UTC"):
        assert not cron.is_timezone(name), name
