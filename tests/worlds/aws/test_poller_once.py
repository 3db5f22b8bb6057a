"""A job that polls what is due, once, and ends: due times are in the records, what is left is tried again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from .poll_world import Fault, declared, emulated, text_of, world

QUARTER = 15 * 60 * 1000


@pytest.fixture(scope="module")
def server():
    with emulated() as running:
        yield running


def job(here, *more):
    """One job, to its end."""
    process = here.start("--once", *more)
    assert process.wait(60) == 0, here.logs()


def moved(here, trigger, **times):
    """As if so many minutes had passed since what the record says."""
    state = here.state(trigger)
    for name, minutes in times.items():
        state[name] = (datetime.fromisoformat(state[name]) - timedelta(minutes=minutes)).isoformat()
    here.set(f"trigger#{trigger}", state=json.dumps(state))


def test_what_is_due_is_polled_once_and_runs_that_have_ended_are_noted(server, tmp_path):
    with world(server, tmp_path, [declared("often", QUARTER), declared("rare", 4 * QUARTER)]) as here:
        here.says("often", a=1)
        job(here)
        assert (here.polled("often"), here.polled("rare")) == (1, 1)
        assert here.states("often") == ["started"] and here.item("lease")["holder"] == ""
        state = here.state("often")
        due, polled = datetime.fromisoformat(state["next_due_at"]), datetime.fromisoformat(state["last_poll_at"])
        assert timedelta(minutes=14) < due - polled <= timedelta(minutes=15)
        here.end_run(here.runs("often")[0])
        job(here)  # at once: nothing is due, and what is to be tended is
        assert (here.polled("often"), here.polled("rare")) == (1, 1) and here.states("often") == ["succeeded"]
        assert here.state("often")["next_due_at"] == state["next_due_at"]
        # 8 minutes later: it is due in less than half of a quarter of an hour. The next time keeps to the first one's.
        for trigger in ("often", "rare"):
            moved(here, trigger, next_due_at=8, last_poll_at=8)
        job(here)
        assert (here.polled("often"), here.polled("rare")) == (2, 1)
        assert datetime.fromisoformat(here.state("often")["next_due_at"]) == due + timedelta(minutes=15 - 8)
        assert here.states("often") == ["succeeded", "started"]
        # A host that was late by 18 minutes: the polls that were missed count as one, and the times stay.
        moved(here, "often", next_due_at=40, last_poll_at=40)
        job(here)
        assert here.polled("often") == 3 and here.state("often")["last_result"] == "suppressed"
        due = datetime.fromisoformat(here.state("often")["next_due_at"])
        assert timedelta(minutes=11) < due - datetime.now(timezone.utc) <= timedelta(minutes=12)
        here.apply([declared("often", 2 * QUARTER)], "v2")  # another interval: since the last poll
        moved(here, "often", last_poll_at=5)
        job(here)
        assert here.polled("often") == 3


def test_what_is_left_is_tried_again_and_numbers_go_on(server, tmp_path):
    with world(server, tmp_path, [declared("one", QUARTER), declared("wrong", QUARTER)]) as here:
        (tmp_path / "context-wrong").write_text("no JSON")
        here.says("one", a=1)
        faults = [
            Fault("StartExecution", "ServiceUnavailable", "poll-one", times=1),
            Fault("UpdateItem", "InternalServerError", "claimed", times=1),
            Fault("DescribeExecution", "AccessDeniedException", "poll-one", times=1),
        ]
        with server.faulty(*faults):
            job(here)
        assert [fault.times for fault in faults] == [0, 0, 0]
        assert here.states("one") == ["started"] and here.polled("one") == 1
        assert here.state("wrong")["consecutive_errors"] == 1
        moved(here, "wrong", next_due_at=15, last_poll_at=15)
        here.set("flow", paused="true")
        job(here)
        assert here.state("wrong")["consecutive_errors"] == 2 and "JSONDecodeError" in here.state("wrong")["last_error"]
        here.says("one", a=2)
        moved(here, "one", next_due_at=15, last_poll_at=15)
        job(here)
        assert here.states("one") == ["started", "claimed"]
        here.set("flow", paused="false")
        job(here)
        assert here.states("one") == ["started", "started"] and len(here.runs()) == 2 and here.polled("one") == 2


def test_a_file_that_cannot_be_read_holds_no_round_up(server, tmp_path):
    polls = [replace(declared("one", QUARTER), file="broken.py"), declared("other", QUARTER)]
    (tmp_path / "broken.py").write_text("raise RuntimeError('not today')\n")
    with world(server, tmp_path, polls, text_of(polls[1:])) as here:
        job(here)
        assert "not today" in here.state("one")["down"] and here.polled("other") == 1
        assert "last_poll_at" not in here.state("one")
        (tmp_path / "broken.py").write_text(text_of(polls[:1]))
        job(here)
        assert here.polled("one") == 1 and here.state("one")["down"] is None and here.polled("other") == 1
        first = here.start()  # one that is kept, as before all intervals were long
        here.until(lambda: here.item("lease").get("holder"))
        job(here)
        assert "another process polls" in here.logs() and first.poll() is None
