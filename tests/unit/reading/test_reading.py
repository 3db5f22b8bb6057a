"""Filters, crons and timezones in a user's file: good ones pass, others are blamed at their own characters."""

from __future__ import annotations

from pathlib import Path

from ..commands.conftest import Run, run, triggers  # noqa: F401 - fixtures
from ..language import flows

EVENT = "@trigger(event={{'name': 'a', 'filter': {}}})"
RESET = "@trigger(events=['a', 'b'], require='all', options={{'reset_at': {}}})"

MISTAKES = {  # decorators, code, text under the caret, part of the message
    "five fields": ("@schedule(cron='0 9 * * 1')", "FT117", "'", "5 fields, expected 6"),
    "a bad hour": ("@schedule(cron='0 25 * * ? *')", "FT117", "25", "25 is not in hours"),
    "two days": ("@schedule(cron='0 0 1 * MON *')", "FT117", "1 * MON", "exactly one"),
    "no text": ("@schedule(cron=5)", "FT117", "5", "an int"),
    "no zone": ("@schedule(daily=True, timezone='Europe/Berln')", "FT117", "'Europe/Berln'", "Europe/Berln"),
    "a bad reset": (RESET.format("{'cron': '0 0 ? * 1'}").replace("? * 1", "? * 7"), "FT107", "7", "7 is not in"),
    "AWS's six in a reset": (RESET.format("{'cron': '0 0 * * ? *'}"), "FT107", "*", "6 fields, expected 5"),
    "a bad zone of a reset": (
        RESET.format("{'cron': '0 0 * * *', 'timezone': 'Mars'}"),
        "FT107",
        "'Mars'",
        "not known",
    ),
    "no list": (EVENT.format("{'country': 'DE'}"), "FT116", "'DE'", "compared with text"),
    "an operator": (EVENT.format("{'c': ['x', {'prefx': 'D'}]}"), "FT116", "'prefx'", "not an operator"),
    "a number as text": (EVENT.format("{'n': [{'numeric': ['>', '5']}]}"), "FT116", "'5'", "compares with text"),
    "deep inside": (EVENT.format("{'a': {'b': {'c': []}}}"), "FT116", "[]", "empty list"),
    "an empty filter": (EVENT.format("{}"), "FT116", "{}", "empty object"),
    "NUL": (EVENT.format(r"{'a': ['\0']}"), "FT102", r"{'a': ['\0']}", "filter"),
    "a list": (EVENT.format("['x']"), "FT102", "['x']", "a list"),
    "of an outcome": ("@trigger_on_finish(flow='F', filter={'outcome': 'x'})", "FT116", "'x'", "compared with text"),
    "no such field": ("@trigger_on_finish(flow='F', filter={'runid': ['x']})", "FT306", "'F'", "`runid`"),
}
GOOD = {
    "daily": "@schedule(daily=True)",
    "weekly": "@schedule(weekly=True, timezone='America/New_York')",
    "cron": "@schedule(cron='0/15 8-17 ? * MON-FRI *')",
    "filter": EVENT.format("{'country': ['DE', {'prefix': 'F'}], 'n': {'m': [{'exists': False}]}}"),
    "reset": RESET.format("{'cron': '0 0 * * 1-5', 'timezone': 'Asia/Tokyo'}"),
}
OURS = ("FT102", "FT107", "FT116", "FT117", "FT306")


def test_mistakes_at_their_characters(tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    names = {f"Bad{number}": case for number, case in enumerate(MISTAKES)}
    good = {f"Good{number}": given for number, given in enumerate(GOOD.values())}
    flows.write(tmp_path / "f.py", {name: MISTAKES[case][0] for name, case in names.items()} | good)
    found = [item for item in flows.check(triggers, tmp_path) if item["code"] in OURS]
    assert not [item for item in found if "`Good" in item["message"]]
    for name, case in names.items():
        _, code, under, message = MISTAKES[case]
        own = [item for item in found if f"`{name}`" in item["message"]]
        assert [item["code"] for item in own] == [code], (case, own)
        assert own[0]["under"] == under and message in own[0]["message"], (case, own)
        assert own[0]["severity"] == "error"
