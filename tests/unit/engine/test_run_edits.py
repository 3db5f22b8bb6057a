"""`metaflow-triggers run`: files that change, break, come and go while they are served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

FLOW = """
from metaflow import FlowSpec, Parameter, step, trigger
IMPORT

@trigger(event={"name": "EVENT", "parameters": {"NAME": "NAME"}})
class Ed(FlowSpec):
    NAME = Parameter("NAME", default="d")

    @step
    def start(self):
        print("got", "NAME", self.NAME)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Ed()
"""


class Served:
    """A folder, and an engine that serves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "flows").mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "METAFLOW_USER": "tester",
            "METAFLOW_TRIGGERS_DATABASE": str(folder / "e.db"),
        }
        self.engine: subprocess.Popen[str] | None = None

    def flow(self, name: str = "p", event: str = "ed", file: str = "ed.py", module: str = "") -> None:
        text = FLOW.replace("NAME", name).replace("EVENT", event).replace("IMPORT", module)
        (self.folder / "flows" / file).write_text(text)

    def command(self, *words: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "metaflow_triggers.commands.cli", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    def start(self, *words: str) -> None:
        self.engine = subprocess.Popen(
            [sys.executable, "-u", "-m", "metaflow_triggers.commands.cli", "run", "flows", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.watchdog = threading.Timer(300, self.engine.kill)
        self.watchdog.start()
        self.until("ready")

    def until(self, *words: str) -> str:
        """Read on to a line that holds the words."""
        for line in self.engine.stdout:
            if all(word in line for word in words):
                return line
        raise AssertionError(f"it ended before it said {words}")

    def emit(self, name: str, **payload: str) -> None:
        done = self.command("emit", name, "--payload", json.dumps(payload))
        assert done.returncode == 0, done.stderr

    def printed(self, start: int, flow: str = "Ed") -> str:
        return (self.folder / "e.db-logs" / f"{flow}.{start}.log").read_text()

    def stop(self) -> None:
        if self.engine is not None:
            self.engine.terminate()
            self.engine.communicate()
            self.watchdog.cancel()


@pytest.fixture
def served(tmp_path):
    made = Served(tmp_path)
    yield made
    made.stop()


def test_a_flow_that_is_edited_is_read_again_before_its_next_start(served):
    (served.folder / "flows" / "helper.py").write_text("WORD = 'one'\n")
    served.flow("p", module="import helper")
    served.start()
    served.emit("ed", p="x")
    served.until("succeeded")
    served.flow("q", module="import helper")
    served.emit("ed", q="y")
    assert "Ed now takes q from q" in served.until("changed", "now takes")
    served.until("succeeded")
    assert "got q y" in served.printed(2)
    (served.folder / "flows" / "helper.py").write_text("WORD = 'two'\n")
    served.emit("ed", q="z")
    assert "flows/ed.py" in served.until("changed")
    served.until("succeeded")
    assert "got q z" in served.printed(3)


@pytest.mark.parametrize(
    ("broken", "said", "mended"),
    [
        ("syntax", "cannot be read as it is now: FT120", "can be read again"),
        pytest.param("check", "cannot be read as it is now: FT301", "can be read again", marks=pytest.mark.long),
        ("empty", "Ed is not in `flows/ed.py` any more; its starts wait", "Ed is in `flows/ed.py` again"),
        pytest.param(
            "deleted", "it is not there any more; starts of Ed wait", "can be read again", marks=pytest.mark.long
        ),
    ],
)
def test_while_it_cannot_be_read_its_starts_wait_and_others_go_on(served, broken, said, mended):
    served.flow("p")
    served.flow("o", event="other", file="other.py")
    file, other = served.folder / "flows" / "ed.py", served.folder / "flows" / "other.py"
    other.write_text(other.read_text().replace("Ed", "Other"))
    served.start()
    good = file.read_text()
    if broken == "deleted":
        file.unlink()
    else:
        wrong = {"syntax": good + "1 +\n", "check": good.replace('{"p": "p"}', '{"q": "p"}'), "empty": ""}
        file.write_text(wrong[broken])
    served.emit("ed", p="x")
    line = served.until("changed")
    assert said in line
    served.emit("other", o="y")
    served.until("succeeded", "Other")
    assert json.loads(served.command("history", "Other", "--format", "json").stdout)[0]["state"] == "succeeded"
    file.write_text(good)
    assert mended in served.until("changed")
    served.until("succeeded", "Ed #")
    (run,) = json.loads(served.command("history", "Ed", "--format", "json").stdout)
    assert run["state"] == "succeeded"


def test_watch_takes_in_new_and_deleted_files_and_polls_at_once(served):
    served.flow("p")
    served.start("--watch")
    served.flow("n", event="new", file="new.py")
    text = (served.folder / "flows" / "new.py").read_text().replace("Ed", "New")
    (served.folder / "flows" / "new.py").write_text(text)
    served.until("changed", "New is new")
    served.emit("new", n="x")
    served.until("succeeded", "New")
    polls = "from metaflow_triggers.poll import TriggerResult, trigger\n\n\n"
    polls += "@trigger(workflow='New', poll_interval='200ms')\ndef watcher():\n    return TriggerResult.fire()\n"
    (served.folder / "flows" / "polls.py").write_text(polls)
    served.until("changed", "poll trigger watcher is new")
    served.until("started", "by poll watcher")
    (served.folder / "flows" / "polls.py").unlink()
    served.until("changed", "poll trigger watcher is no longer in the files")
    (served.folder / "flows" / "new.py").unlink()
    served.until("changed", "New is no longer in the files")
