"""The table of `run`: what it says, that it fits, and that drawing it anew leaves nothing behind."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from metaflow_triggers.engine.observe import HalfSet, Snapshot
from metaflow_triggers.engine.screen import live
from metaflow_triggers.engine.screen.table import View, cells, cut, lines, span

from .terminal import Terminal

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=timezone.utc)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def start(number: int, state: str, **more) -> dict:
    row = {"id": number, "flow_key": "Report", "state": state, "reason": "event order-placed", "run_id": "17"}
    row |= {"step": None, "error": None, "scheduled_at": ago(60), "started_at": ago(42), "ended_at": None}
    return {**row, **more}


def poll(name: str, **more) -> dict:
    row = {"trigger_name": name, "workflow_name": "Ingest", "poll_interval": "10s", "enabled": True}
    row |= {"next_due_at": ago(-4), "last_result": "skip", "last_error": None, "consecutive_errors": 0}
    return {**row, **more}


VIEW = View(
    Snapshot(
        (HalfSet("Train", ("data-ready",), ("model-trained", "config-updated")),),
        (start(7, "started"), start(8, "claimed", started_at=None)),
        (
            start(6, "succeeded", ended_at=ago(2)),
            start(5, "failed", ended_at=ago(40), step="load", error="KeyError: 'id'\nsecond line"),
            start(4, "timed_out", ended_at=ago(3)),
        ),
    ),
    (
        poll("inbox"),
        poll("api", enabled=False, last_result=None),
        poll("queue", last_result="error", last_error="no route", consecutive_errors=3, next_due_at=ago(1)),
        poll("gone", down="the process that polls `x.py` exited with 3"),
    ),
    (("Nightly", NOW + timedelta(hours=3)),),
    NOW,
    "triggers.db",
    "starting nothing more",
)


def test_what_it_says():
    assert lines(VIEW, 100, 40, color=False) == [
        "triggers.db: 1 running, 1 waiting to run, 1 half set; starting nothing more",
        "POLL   STARTS  EVERY  NEXT      LAST",
        "inbox  Ingest  10s    in 4.0 s  skip",
        "api    Ingest  10s    disabled",
        "queue  Ingest  10s    now       error (3 in a row): no route",
        "gone   Ingest  10s    in 4.0 s  error: the process that polls `x.py` exited with 3",
        "SCHEDULE  NEXT",
        "Nightly   2026-01-05 15:00 UTC, in 3 h 00 min",
        "SET OF  HAS         WAITS FOR",
        "Train   data-ready  model-trained, config-updated",
        "RUN        STATE    FOR         BECAUSE OF",
        "Report #7  running  42 s        event order-placed",
        "Report #8  waits    1 min 00 s  event order-placed",
        "ENDED      STATE      AFTER  BECAUSE OF",
        "Report #6  succeeded  40 s   event order-placed",
        "Report #5  failed     2.0 s  event order-placed  in step load: KeyError: 'id' second line",
        "Report #4  timed out  39 s   event order-placed",
    ]


def test_colour_changes_nothing_but_colour():
    import re

    plain = [re.sub(r"\x1b\[[0-9]*m", "", line).rstrip() for line in lines(VIEW, 100, 40, color=True)]
    assert plain == lines(VIEW, 100, 40, color=False)


def test_what_does_not_fit_is_counted():
    many = View(
        Snapshot((), tuple(start(number, "started") for number in range(100)), (start(0, "lost", ended_at=ago(0)),)),
        [poll(f"poll-{number}") for number in range(1000)],
        (),
        NOW,
        "t.db",
    )
    shown = lines(many, 100, 12, color=False)
    assert len(shown) == 12
    assert sum("more" in line for line in shown) == 2
    assert "... 997 more" in [line.strip() for line in shown]
    assert any(line.startswith("Report #0  lost") for line in shown)  # no section is pushed out


TEXT = st.text(alphabet=st.sampled_from("aZ#\u4e2d\U0001f600\u0301\u200b\n\x1b\u202e\t "), max_size=60)


@given(TEXT, TEXT, TEXT, st.integers(0, 120), st.integers(0, 30))
def test_it_fits_whatever_the_texts_are(flow: str, reason: str, error: str, width: int, height: int):
    row = start(1, "failed", flow_key=flow, reason=reason, error=error, ended_at=ago(1))
    view = View(
        Snapshot((HalfSet(flow, (reason,), (error,)),), (row,) * 3, (row,) * 3),
        [poll(flow, last_result="error", last_error=error)] * 3,
        [(flow, NOW)] * 3,
        NOW,
        reason,
        error,
    )
    shown = lines(view, width, height, color=False)
    assert len(shown) <= max(height, 0)
    for line in shown:
        assert cells(line) <= width, line
        assert line.isprintable()


def test_texts_are_cut_by_the_columns_they_take():
    assert cut("\u4e2d\u6587\u5b57", 5) == "\u4e2d\u6587\u2026"
    assert cut("\u4e2d\u6587\u5b57", 4) == "\u4e2d\u2026"
    assert cut("e\u0301" * 3, 3) == "e\u0301" * 3
    assert cut("a\x1b[2Jb\nc", 20) == "a [2Jb c"
    assert cut("abc", 0) == ""


def test_spans():
    told = {0.42: "0.4 s", -3: "0.0 s", 12.9: "12 s", 185: "3 min 05 s", 7500: "2 h 05 min", 300_000: "3 d"}
    assert {seconds: span(seconds) for seconds in told} == told


# --- the screen ---------------------------------------------------------------------------------------


def test_a_table_is_replaced_in_place():
    terminal = Terminal()
    screen = live.Screen(terminal)
    screen.draw(["one", "two", "three"], (80, 24))
    assert terminal.shown() == ["one", "two", "three"]
    terminal.was_blank = False
    screen.draw(["1", "a longer line"], (80, 24))
    assert terminal.shown() == ["1", "a longer line"]
    assert len(terminal.writes) == 2 and not terminal.was_blank  # one write each, and never an empty screen between


def test_what_is_said_stays_above_the_table():
    terminal = Terminal()
    screen = live.Screen(terminal)
    screen.draw(["table"], (80, 24))
    screen.say("first")
    screen.say("second\x1b[2J")
    screen.draw(["table", "grown"], (80, 24))
    screen.say("third")
    screen.draw(["table"], (80, 24))
    screen.say("last")
    screen.close()
    assert terminal.shown() == ["first", "second [2J", "third", "table", "last"]
    assert terminal.cursor_is_shown


def test_another_size_begins_on_a_clear_screen():
    terminal = Terminal(80)
    screen = live.Screen(terminal)
    screen.draw(["x" * 79] * 3, (80, 24))
    terminal.columns = 40
    screen.draw(["y" * 39], (40, 24))
    assert terminal.shown() == ["y" * 39]


def test_lines_of_polls_are_kept_whole():
    terminal = Terminal()
    screen = live.Screen(terminal)
    above = live.Above(screen)
    print("one", end=" ", file=above)
    screen.draw(["table"], (80, 24))
    print("line", file=above)
    threads = [threading.Thread(target=lambda: print("x" * 20, file=above)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    screen.draw(["table"], (80, 24))
    # `print` writes a text and its end apart; what counts is that nothing is lost and the table stays below.
    assert "".join(terminal.shown()[:-1]).count("x") == 160
    assert terminal.shown()[0] == "one line" and terminal.shown()[-1] == "table"


def test_a_terminal_is_asked_for():
    class Tty(Terminal):
        def isatty(self) -> bool:
            return True

    assert live.is_terminal(Tty(), {"TERM": "xterm"})
    for environment in ({"TERM": "dumb"}, {}, {"TERM": ""}):
        assert not live.is_terminal(Tty(), environment)


FLOW = """from metaflow import FlowSpec, step, trigger

@trigger(events=['left', 'right'], require='all')
class Pair(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    Pair()
"""
POLLS = """from metaflow_triggers.poll import TriggerResult, trigger

@trigger(workflow='Pair', poll_interval='200ms')
def never():
    print('a poll prints')
    return TriggerResult.skip()
"""


def test_the_command_on_a_terminal(tmp_path: Path):
    (tmp_path / "pair.py").write_text(FLOW)
    (tmp_path / "polls.py").write_text(POLLS)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "METAFLOW_USER": "tester", "TERM": "xterm"}
    environment |= {"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "run", "."],
        cwd=tmp_path,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = ""

    def until(*texts: str) -> None:
        nonlocal seen
        while not all(text in seen for text in texts):
            ready, _, _ = select.select([ours], [], [], 120)
            assert ready, seen
            try:
                seen += os.read(ours, 1 << 16).decode()
            except OSError:  # nobody writes any more
                assert all(text in seen for text in texts), seen
                return

    try:
        until("FLOW", "metaflow-triggers.db: 0 running", "never", "a poll prints")
        emit = [
            sys.executable,
            "-m",
            "metaflow_triggers.commands.cli",
            "emit",
            "left",
            "--payload",
            json.dumps({"a": "\x1b[2J"}),
        ]
        subprocess.run(emit, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
        until("1 half set", "right")
        process.send_signal(signal.SIGINT)
        until("\x1b[?25h")
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert "Traceback" not in seen
