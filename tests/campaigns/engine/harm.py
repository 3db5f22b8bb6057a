"""Harm: two engines with real flows, while engines, pollers and runs are killed, files edited, and polls do harm.

In:   a folder, and how many kills, a seed; or nothing else: four kills, each in the state where it does most harm.
Out:  a `Report`: what was accepted, what started and ran, what was hit in which state.

Not here: judging (`test_harm`).
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.plugins import local_events, local_runs

from benchmarks.family import family

FLOW = """
import os, time
from metaflow import FlowSpec, Parameter, current, step, DECORATOR


@DECORATOR(WAITS)
class NAME(FlowSpec):
    @step
    def start(self):
        with open(os.environ["LEDGER"], "a") as file:
            file.write(os.environ["METAFLOW_TRIGGERS_START"] + "\\n")
        time.sleep(SECONDS)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NAME()
"""
POLLS = """
import os, time
from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow="Polled", poll_interval="300ms", dedup="once")
def inbox():
    items = sorted(os.listdir(os.environ["INBOX"]))
    return TriggerResult.fire(Context({"item": items[-1]})) if items else TriggerResult.skip()
"""
ON_TIME = """
import os, time
from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="Polled", poll_interval="500ms")
def on_time():
    with open(os.environ["MOMENTS"], "a") as file:
        file.write(f"{time.monotonic()}\\n")
    return TriggerResult.skip()
"""
HARMS = """
import ctypes, os
from metaflow_triggers.poll import TriggerResult, trigger

kept = []


@trigger(workflow="Polled", poll_interval="1s")
def WORD():
    BODY
    return TriggerResult.skip()
"""
BODIES = {
    "holds": "ctypes.PyDLL(None).usleep(40_000_000)",
    "exits": "os._exit(len(kept))",
    "leaks": "kept.append((bytearray(1 << 20), os.open('/dev/null', os.O_RDONLY)))",
    "closes": "os.closerange(3, 64)",
}

RUNNING = "SELECT id, pid FROM starts WHERE flow_key = '{}' AND state = 'started'"
SETTLED = """
SELECT count(DISTINCT flow_key) = 3 AND NOT count(*) FILTER (WHERE state IN ('claimed', 'started'))
    AND count(*) FILTER (WHERE flow_key = 'Order') = count(*) FILTER (WHERE flow_key = 'After') FROM starts
"""


@dataclass
class Report:
    """`hit`: (what was killed, state that it was in) -> how often. `gaps`: seconds between polls that should be 0.5."""

    database: str
    accepted: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    hit: Counter[tuple[str, str]] = field(default_factory=Counter)
    edits: int = 0
    ledger: list[int] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def rows(self, question: str) -> list[Any]:
        """What the database says."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(question).fetchall()


class Campaign:
    """Runs one campaign."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)
        self.report = Report(str(folder / "e.db"))
        for name in ("flows", "inbox"):
            (folder / name).mkdir()
        for name in ("ledger", "moments"):
            (folder / name).touch()
        self.environment = {
            **{"PATH": os.environ["PATH"], "HOME": str(folder), "METAFLOW_USER": "campaign"},
            **{"METAFLOW_TRIGGERS_DATABASE": self.report.database, "LEDGER": str(folder / "ledger")},
            **{"INBOX": str(folder / "inbox"), "MOMENTS": str(folder / "moments")},
        }
        for name, decorator, waits in (
            ("Order", "trigger", "event='order'"),
            ("After", "trigger_on_finish", "flow='Order', match='finish'"),
            ("Polled", "trigger", "event='never'"),
        ):
            text = FLOW.replace("NAME", name).replace("WAITS", waits).replace("SECONDS", "0.3")
            text = text.replace("DECORATOR", decorator)
            (folder / "flows" / f"{name.lower()}.py").write_text(text)
        (folder / "flows" / "polls.py").write_text(POLLS)
        (folder / "flows" / "on_time.py").write_text(ON_TIME)
        for word, body in BODIES.items():
            (folder / "flows" / f"{word}.py").write_text(HARMS.replace("WORD", word).replace("BODY", body))
        self.engines: list[subprocess.Popen[bytes]] = []

    def engine(self, *words: str) -> subprocess.Popen[bytes]:
        """Another engine."""
        log = open(self.folder / "engines.txt", "ab")  # noqa: SIM115 - as long as the engine
        command = [sys.executable, "-m", "metaflow_triggers.commands.cli", "run", "flows", "--max-runs", "3", *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def run(self, kills: int) -> Report:
        """The whole campaign."""
        assert self.engine("--until-idle").wait() == 0  # the flows are known
        self.engines = [self.engine(), self.engine()]
        try:
            self.edit()
            while sum(self.report.hit.values()) < kills:
                self.feed()
                time.sleep(self.draw.uniform(0.2, 1.5))
                if self.draw.random() < 0.15:
                    self.edit()
                self.kill()
        finally:
            self.end()
        for word in BODIES:  # what does harm never becomes idle
            (self.folder / "flows" / f"{word}.py").unlink()
        assert self.engine("--until-idle").wait() == 0
        return self.finished()

    def few(self) -> Report:
        """A poller, a run in the middle of a step together with its engine, and a task are killed."""
        self.engines = [self.engine(), self.engine()]
        try:
            self.until(lambda: (self.folder / "moments").read_text())
            self.item()
            self.order()
            self.edit()
            (order,) = self.until(lambda: self.report.rows(RUNNING.format("Order")))
            self.until(lambda: str(order[0]) in (self.folder / "ledger").read_text().split())
            self.kill("both", int(order[1] in family(self.engines[1].pid)), order[1])
            self.until(lambda: self.report.rows(RUNNING.format("After")))
            self.until(lambda: self.kill("poller", 0) or self.kill("poller", 1))
            self.until(self.task_killed)
            self.until(lambda: self.report.rows(SETTLED) == [(1,)])
        finally:
            self.end()
        return self.finished()

    def order(self) -> None:
        """One more event."""
        name = f"order-{len(self.report.accepted)}"
        local_events.append(self.report.database, "order", "{}", name, local_runs.now_text())
        self.report.accepted.append(name)

    def task_killed(self) -> bool:
        """Kill the task of a run. A run may end first: then one more is asked for."""
        running = [pid for _, pid in self.report.rows(RUNNING.format("After") + " OR state = 'claimed'")]
        with_task = [pid for pid in running if pid and len(family(pid)) > 1]
        if with_task:
            self.kill("task", 0, with_task[0])
        elif not running and self.report.rows(SETTLED) == [(1,)]:
            self.order()
        return any(kind == "task" for kind, _ in self.report.hit)

    def until(self, there: Callable[[], Any], seconds: float = 150) -> Any:
        """What is there, as soon as there is something."""
        end = time.monotonic() + seconds
        while not (found := there()):
            assert time.monotonic() < end, (self.folder / "engines.txt").read_text()[-3000:]
            time.sleep(0.05)
        return found

    def end(self) -> None:
        """End the engines; they wait for their runs."""
        for engine in self.engines:
            engine.terminate()
        for engine in self.engines:
            engine.wait()

    def finished(self) -> Report:
        """The report, with what runs and polls have written."""
        self.report.ledger = [int(line) for line in (self.folder / "ledger").read_text().split()]
        moments = [float(line) for line in (self.folder / "moments").read_text().split()]
        self.report.gaps = [after - before for before, after in pairwise(moments)]
        return self.report

    def feed(self) -> None:
        """An event, and something that a poll sees."""
        if self.draw.random() < 0.4:
            identity = f"order-{len(self.report.accepted)}"
            words = ["emit", "order", "--id", identity]
            command = [sys.executable, "-m", "metaflow_triggers.commands.cli", *words]
            subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True)
            self.report.accepted.append(identity)
        if self.draw.random() < 0.2:
            self.item()

    def item(self) -> None:
        """Something that a poll sees."""
        item = f"{len(self.report.items):05}"
        (self.folder / "inbox" / item).touch()
        self.report.items.append(item)

    def edit(self) -> None:
        """A file changes; now and then it is broken for a while."""
        file = self.folder / "flows" / self.draw.choice(("order.py", "after.py", "polls.py"))
        text = file.read_text()
        if self.draw.random() < 0.3:
            file.write_text("1 +\n")
            time.sleep(self.draw.uniform(0.1, 2))
        file.write_text(f"{text}# {self.report.edits}\n")
        self.report.edits += 1

    def kill(self, what: str = "", place: int = -1, run: int | None = None) -> int:
        """Kill something, and note what it was doing; returns how many."""
        what = what or self.draw.choice(("engine", "engine", "run", "run", "task", "poller", "server", "both"))
        rows = self.report.rows("SELECT id, pid, state, owner_pid FROM starts WHERE state IN ('claimed', 'started')")
        states = ",".join(sorted({row[2] if row[3] or row[2] == "started" else "waiting" for row in rows})) or "idle"
        place = self.draw.randrange(2) if place < 0 else place
        killed = []
        for kind, pid in self.victims(
            what, self.engines[place].pid, [row[1] for row in rows if row[2] == "started"], run
        ):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.append(kind)
            self.report.hit[kind, states] += 1
        if self.engines[place].poll() is not None or "engine" in killed:
            self.engines[place].wait()
            self.engines[place] = self.engine()
        return len(killed)

    def victims(self, what: str, engine: int, runs: list[int], run: int | None) -> list[tuple[str, int]]:
        """(what it is, its process) of whom to kill."""
        found = [("engine", engine)] if what in ("engine", "both") else []
        if what in ("run", "both", "task") and (runs or run):
            pid = run or self.draw.choice(runs)
            under = [item for item in family(pid) if item != pid]
            found.append(("task", self.draw.choice(under)) if what == "task" and under else ("run", pid))
        if what in ("poller", "server"):
            servers = [pid for pid in family(engine) if b"import server" in _command(pid)]
            pollers = [pid for pid in servers if os.getsid(pid) == pid and _parent(pid) in servers]
            chosen = [pid for pid in servers if pid not in pollers] if what == "server" else pollers
            if chosen:
                found.append((what, self.draw.choice(chosen)))
        return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def told(report: Report) -> str:
    """The report in lines."""
    lines = [f"{len(report.accepted)} events, {len(report.items)} items for a poll, {report.edits} edits"]
    lines += [f"  {count:4} x {kind} killed while {state}" for (kind, state), count in sorted(report.hit.items())]
    states = Counter(state for (state,) in report.rows("SELECT state FROM starts"))
    lines.append("starts: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    late = sorted(report.gaps)
    if late:
        many = sum(gap > 2 for gap in late)
        lines.append(f"polls on time: median gap {late[len(late) // 2]:.2f} s, {many} of {len(late)} over 2 s")
    return "\n".join(lines)
