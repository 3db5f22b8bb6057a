"""A poll starts a real flow on the engine, unattended; its context is there in every step."""

import json
import subprocess
import sys
import threading
import time

import pytest

from ..commands.conftest import clean

POLLS = """
import cloaca

seen = []


@cloaca.trigger(workflow="file_processor", name="file_watcher", poll_interval="200ms")
def file_watcher():
    seen.append(1)
    if len(seen) == 2:
        return cloaca.TriggerResult.fire(cloaca.Context({"filename": FILENAME, "size": 3, "extra": {"a": [None]}}))
    return cloaca.TriggerResult.skip()


@cloaca.trigger(workflow="FileProcessor", poll_interval="100ms")
def always_raises():
    raise RuntimeError("no route to host")
"""
FLOW = """
import json

import watch
from metaflow import FlowSpec, JSONType, Parameter, current, step


class FileProcessor(FlowSpec):
    filename = Parameter("filename", required=True)
    size = Parameter("size", type=int, default=0)
    trigger_name = Parameter("trigger_name", default="")
    trigger_context = Parameter("trigger_context", type=JSONType, default="{}")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        told = {
            "filename": self.filename,
            "size": self.size,
            "trigger_name": self.trigger_name,
            "context": self.trigger_context,
            "payload": current.trigger.payload,
            "event": current.trigger.event_name,
        }
        with open("told.json", "w") as file:
            json.dump(told, file)


if __name__ == "__main__":
    FileProcessor()
"""
FILENAME = "a $(touch asked) `touch asked` {{x}} '\" \u2028\n.csv"


def test_a_poll_starts_a_flow_with_its_context_and_the_engine_tells_of_errors(tmp_path):
    (tmp_path / "flow.py").write_text(FLOW, "utf-8")
    (tmp_path / "watch.py").write_text(POLLS.replace("FILENAME", ascii(FILENAME)), "utf-8")
    engine = subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "run", ".", "--database", "workflows.db"],
        cwd=tmp_path,
        env=clean(tmp_path, METAFLOW_USER="ada"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(300, engine.kill)  # a test that fails ends all the same
    watchdog.start()
    lines = []
    for line in engine.stdout:
        if "FileProcessor" in line:
            lines.append(line)
        if line.startswith(("succeeded", "failed", "refused")):
            break
    engine.terminate()
    _, problems = engine.communicate()
    watchdog.cancel()
    assert engine.returncode == 0, problems
    assert [line.split()[0] for line in lines] == ["started", "succeeded"], lines
    assert "by poll file_watcher" in lines[0]
    told = json.loads((tmp_path / "told.json").read_text("utf-8"))
    payload = {"filename": FILENAME, "size": 3, "extra": {"a": [None]}, "trigger_name": "file_watcher"}
    assert {key: value for key, value in told["payload"].items() if key != "triggered_at"} == payload
    assert told["context"] == told["payload"]
    assert (told["filename"], told["size"]) == (FILENAME, 3)
    assert told["trigger_name"] == told["event"] == "file_watcher"
    assert not (tmp_path / "asked").exists()
    assert "poll always_raises raised RuntimeError: no route to host" in problems
    assert "Traceback" not in problems
    log = (tmp_path / "workflows.db-logs" / "polls.log").read_text("utf-8")
    assert 'raise RuntimeError("no route to host")' in log

    command = [
        sys.executable,
        "-m",
        "metaflow_triggers.commands.cli",
        "history",
        "file_watcher",
        "--database",
        "workflows.db",
    ]
    done = subprocess.run(
        [*command, "--format", "json"], cwd=tmp_path, env=clean(tmp_path), capture_output=True, text=True, check=True
    )
    (one,) = json.loads(done.stdout)
    assert (one["state"], one["context"]["filename"], one["attempts"]) == ("succeeded", FILENAME, 1)
    assert one["run_id"] == one["pipeline_execution_id"]
    assert one["started_at"] <= one["run_started_at"] <= one["completed_at"]


HARMS = """
import ctypes, os
from metaflow import FlowSpec, step, trigger as on
from metaflow_triggers.poll import TriggerResult, trigger


@on(event="ping")
class Ping(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(workflow="Ping", poll_interval="1s")
def harm():
    print("harm begins")
    HARM
    return TriggerResult.skip()


if __name__ == "__main__":
    Ping()
"""
COUNTS = """
from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="Ping", poll_interval="200ms")
def quick():
    print("quick")
    return TriggerResult.skip()
"""


def command(place, *words):
    arguments = [sys.executable, "-m", "metaflow_triggers.commands.cli", *words, "--database", "workflows.db"]
    return {"args": arguments, "cwd": place, "env": clean(place, METAFLOW_USER="ada"), "text": True}


def said(process, word):
    """Read on until a line begins with the word."""
    for line in process.stdout:
        if line.startswith(word):
            return line
    raise AssertionError(f"it ended before it said {word}")


@pytest.mark.parametrize("harm", ["ctypes.PyDLL(None).usleep(90_000_000)", "os._exit(3)"])
def test_events_other_polls_and_signals_do_not_notice_a_poll_that_harms_its_process(tmp_path, harm):
    (tmp_path / "flow.py").write_text(HARMS.replace("    HARM\n", f"    {harm}\n"))
    (tmp_path / "watch.py").write_text(COUNTS)
    pipe = subprocess.PIPE
    engine = subprocess.Popen(**command(tmp_path, "run", "."), stdout=pipe, stderr=subprocess.STDOUT)
    watchdog = threading.Timer(300, engine.kill)
    watchdog.start()
    said(engine, "harm begins")
    for _ in range(5):
        said(engine, "quick")
    assert subprocess.run(**command(tmp_path, "emit", "ping"), check=False).returncode == 0
    said(engine, "succeeded")
    said(engine, "quick")
    listed = subprocess.run(**command(tmp_path, "list", "--format", "json"), stdout=pipe, check=True)
    triggers = {item["trigger_name"]: item for item in json.loads(listed.stdout)["poll_triggers"]}
    assert triggers["quick"]["last_result"] == "skip" and "down" not in triggers["quick"]
    if "exit" in harm:
        assert "exited with 3; the next one starts at" in triggers["harm"]["down"]
    begin = time.monotonic()
    engine.terminate()
    engine.communicate()
    watchdog.cancel()
    assert time.monotonic() - begin < 4  # 2 are promised; the machine may have much else to do
    assert engine.returncode == 0
