"""Nothing is lost or doubled while engines, pollers and runs are killed, files edited, and polls do harm."""

from __future__ import annotations

from collections import Counter

import pytest

from .harm import Campaign, told


def judge(report):
    starts = report.rows("SELECT id, flow_key, start_key, state FROM starts")
    by_flow = {name: [row for row in starts if row[1] == name] for name in ("Order", "After", "Polled")}
    # Each accepted event started one run, whatever became of it.
    assert sorted(row[2] for row in by_flow["Order"]) == sorted(f"event/order/{item}" for item in report.accepted)
    # Each run ended and was told of once: one run of `After` for each.
    assert {row[3] for row in starts} <= {"succeeded", "failed", "lost", "aborted"}
    assert len(by_flow["After"]) == len(by_flow["Order"])
    outcomes = report.rows("SELECT count(*) FROM events WHERE kind = 'finish'")
    assert outcomes == [(len(starts),)]
    # No start ran twice, and one that succeeded ran.
    ran = Counter(report.ledger)
    assert set(ran.values()) <= {1}
    assert {row[0] for row in starts if row[3] == "succeeded"} <= set(ran)
    # What a poll saw as the last thing for long enough was fired once.
    fired = [row[0] for row in report.rows("SELECT start_key FROM starts WHERE flow_key = 'Polled'")]
    assert len(fired) == len(set(fired))
    assert not report.items or fired
    assert report.rows("PRAGMA integrity_check") == [("ok",)]
    # The poll that does no harm waits for others only while its own process or its engine is replaced.
    replaced = sum(count for (kind, _), count in report.hit.items() if kind in ("engine", "poller", "server"))
    late = sorted(report.gaps)
    assert sum(gap > 5 for gap in late) <= replaced + report.edits + 2


def test_a_few_kills(tmp_path, capsys):
    report = Campaign(tmp_path, seed=1).few()
    with capsys.disabled():
        print("\n" + told(report))
    judge(report)
    assert {kind for kind, _ in report.hit} == {"engine", "run", "poller", "task"}


@pytest.mark.long
@pytest.mark.parametrize(("kills", "seed"), [(60, 2), (300, 3)])
def test_many_kills(tmp_path, kills, seed, capsys):
    report = Campaign(tmp_path, seed).run(kills)
    with capsys.disabled():
        print("\n" + told(report))
    judge(report)
