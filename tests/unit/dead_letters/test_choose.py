"""Which letters are meant: by time, reason and id."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone

import pytest
from metaflow_triggers.dead_letters import choose, tell
from metaflow_triggers.dead_letters.letter import EVENT, GOOD, ODD, Letter, Looked, Sent

NOW = datetime(2026, 11, 28, 21, 0, tzinfo=timezone.utc)
ONE = Letter(
    id="2f4a71c0-1",
    backend="step-functions",
    flow="Report",
    deployed="p.prod.Report",
    kind=EVENT,
    name="order-placed",
    event_id="o-1",
    reason="NO_PERMISSIONS: The role may not",
    at="2026-11-28T20:00:00.000Z",
    where="queue",
    size=12,
    payload='{"a":"\u202e"}',
)
TWO = dataclasses.replace(ONE, id="2f4a99ff-2", reason="the event has no field x", at="2026-11-28T10:00:00.000Z")


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2h", 2),
        ("90m", 1.5),
        ("1d", 24),
        ("1w", 168),
        ("3600s", 1),
        ("2026-11-28T20:00:00Z", 1),
        ("2026-11-28T20:00", 1),
        ("2026-11-28T21:00:00+01:00", 1),
        ("2026-11-28", 21),
    ],
)
def test_a_moment(text: str, hours: float) -> None:
    assert (NOW - choose.moment(text, NOW)).total_seconds() == hours * 3600


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2 h", "yesterday", "1y", "2026-13-01", "9" * 7 + "s"])
def test_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="neither a time"):
        choose.moment(text, NOW)


def test_by_time_and_reason() -> None:
    assert choose.since([ONE, TWO], choose.moment("2h", NOW)) == [ONE]
    assert choose.since([ONE, TWO], None) == [ONE, TWO]
    assert choose.because([ONE, TWO], "no_perm") == [ONE]
    assert choose.because([ONE, TWO], None) == [ONE, TWO]


def test_by_id() -> None:
    assert choose.named([ONE, TWO], ["2f4a71c0-1", "2f4a9"]) == ([ONE, TWO], [], [])
    assert choose.named([ONE, TWO], ["2f4a", "2f4", "x"]) == ([], ["2f4", "x"], ["2f4a"])
    whole = dataclasses.replace(TWO, id="2f4a71c0-1-more")
    assert choose.named([ONE, whole], ["2f4a71c0-1"]) == ([ONE], [], []), "an id counts before a beginning"


def test_words() -> None:
    assert tell.rows([ONE])[0] == ("2f4a71c0-1", "Report", "order-placed", "o-1", ONE.at, "12", ONE.reason)
    assert dict(tell.whole(ONE))["flow"] == "Report, deployed as p.prod.Report"
    assert tell.what(dataclasses.replace(ONE, kind=ODD)) == "not ours"
    assert ("stays", "why") in list(tell.whole(ONE.staying("why")))
    assert len(list(tell.of_looks([Looked(hidden=1), Looked(unseen=3)]))) == 2 and not list(tell.of_looks([Looked()]))
    said = {verdict: tell.sent(Sent(ONE, verdict)) for verdict in [*GOOD, "refused", "unsure", "stays"]}
    assert len(set(said.values())) == 6


def test_as_a_value() -> None:
    value = ONE.as_value(payload=False)
    assert "payload" not in value and value["sendable"] is True and value["because"] is None
    assert ONE.staying("why").as_value(payload=True)["payload"] == ONE.payload
    assert ONE.staying("why").as_value(payload=True)["because"] == "why"
