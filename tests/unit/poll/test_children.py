"""The processes that poll, one per file: whatever a poll does to its own, the others are polled on and nobody waits."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_triggers.polling.children import Children
from metaflow_triggers.polling.clock import SystemClock
from metaflow_triggers.polling.starters import ForkServer, Spawner

HEAD = """
import ctypes, os, sys, time
from metaflow_triggers.poll import Context, TriggerResult, trigger

def poll(function):
    return trigger(workflow="Flow")(function)

calls = 0

@poll
def count():
    global calls
    calls += 1
    return TriggerResult.fire(Context({"calls": calls, "pid": os.getpid()}))
"""
HOLDS = "ctypes.PyDLL(None).usleep(60_000_000)  # C code that keeps the interpreter lock"


class Story:
    """Children, and what they were heard to say."""

    def __init__(self, folder: Path, starter, **options) -> None:
        self.folder = folder
        self.starter = starter
        self.children = Children(starter, SystemClock(), **options)
        self.told = []
        self.lines = []
        self.changed = threading.Condition()
        self.unwanted = set()
        self.children.start(self)

    # Heard
    def wanted(self, name):
        return name not in self.unwanted

    def begun(self, name):
        self._tell("begun", name)

    def answered(self, name, answer):
        self._tell("answered", name, answer)

    def down(self, names, why, trace, seconds):
        self._tell("down", sorted(names), why, trace, seconds)

    def up(self, names):
        self._tell("up", sorted(names))

    def printed(self, line):
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def _tell(self, *words):
        with self.changed:
            self.told.append(words)
            self.changed.notify_all()

    # what a test does
    def file(self, name, text="", *names):
        """A file with `count` and what the text adds; its path, served."""
        path = self.folder / name
        path.write_text(HEAD + textwrap.dedent(text), "utf-8")
        self.children.serve(str(path), ("count", *names))
        return str(path)

    def until(self, there, seconds=60.0):
        with self.changed:
            assert self.changed.wait_for(there, seconds), self.told
            return there()

    def ask(self, file, name):
        """The answer of a poll that is asked for now."""
        before = len(self.told)
        self.children.poll(file, [name])
        self.until(lambda: self.answers(name, before))
        return self.answers(name, before)[0]

    def calls(self, file):
        return self.ask(file, "count").context["calls"]

    def answers(self, name, since=0):
        return [item[2] for item in self.told[since:] if item[:2] == ("answered", name)]

    def downs(self):
        return [item for item in self.told if item[0] == "down"]


@pytest.fixture(params=["forked", "spawned"])
def story(request, tmp_path):
    made = Story(tmp_path, ForkServer() if request.param == "forked" else Spawner(), timeout_seconds=1.5)
    yield made
    made.children.stop(0)


@pytest.fixture
def forked(tmp_path):
    made = Story(tmp_path, ForkServer(), timeout_seconds=1.5)
    yield made
    made.children.stop(0)


def alive(pid):
    return local_runs.process_started(pid) is not None


def wait_for(there, seconds=30.0):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_globals_live_as_long_as_the_process_and_what_is_printed_arrives(story):
    file = story.file("a.py", 'print("imported", flush=True)')
    assert [story.calls(file) for _ in range(3)] == [1, 2, 3]
    story.until(lambda: "imported" in story.lines)
    assert story.downs() == []


def test_what_a_poll_raises_or_returns_is_its_answer(forked):
    text = """
        @poll
        def raises():
            raise OSError("unreachable")
        @poll
        def leaves():
            sys.exit(3)
        @poll
        def true():
            return True
        @poll
        def skips():
            return TriggerResult.skip()
        @poll
        def huge():
            return TriggerResult.fire(Context({"x": "y" * 2_000_000}))
    """
    file = forked.file("a.py", text, "raises", "leaves", "true", "skips", "huge", "absent")
    answers = {name: forked.ask(file, name) for name in ("raises", "leaves", "true", "skips", "huge", "absent")}
    assert {name: item.text for name, item in answers.items()} == {
        "raises": "OSError: unreachable",
        "leaves": "SystemExit: 3",
        "true": "TypeError: the poll returned bool; expected a TriggerResult",
        "skips": "",
        "huge": "ValueError: the context is 2000009 bytes of JSON; the limit of a payload is 240 KiB",
        "absent": "LookupError: the file declares no such trigger any more",
    }
    assert answers["skips"].result == "skip"
    assert 'raise OSError("unreachable")' in answers["raises"].trace
    assert "child.py" not in answers["raises"].trace
    assert forked.calls(file) == 1  # the process has come to no harm


WRITES = """\
for number in range(3, 64):
    try:
        os.write(number, b'[7]\\n')
    except OSError:
        pass
time.sleep(60)"""


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (HOLDS, "was ended: poll harm did not end within 1.5 seconds"),
        ("time.sleep(60)", "was ended: poll harm did not end within 1.5 seconds"),
        ("os._exit(3)", "exited with 3"),
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("ctypes.string_at(0)", "was ended by SIGSEGV"),
        ("os.closerange(3, 256)", "exited with 71: a poll closed descriptors that it had not opened"),
        (WRITES, "was ended: a poll wrote into the engine's connection"),
    ],
)
def test_a_poll_harms_its_own_file_only_and_that_one_comes_back(story, harm, said):
    text = "\n@poll\ndef harm():\n" + textwrap.indent(harm, "    ")
    harmed, other = story.file("harmed.py", text, "harm"), story.file("other.py")
    assert (story.calls(harmed), story.calls(other)) == (1, 1)
    begin = time.monotonic()
    assert story.ask(harmed, "harm").result == "error"
    assert story.calls(other) == 2
    story.until(story.downs)
    (_, names, why, _, seconds) = story.downs()[0]
    assert (names, seconds) == (["count", "harm"], 1.0)
    assert why == f"the process that polls `{harmed}` {said}"
    assert story.calls(harmed) == 1  # anew
    assert time.monotonic() - begin >= 1.0
    assert story.calls(other) == 3


def test_a_descriptor_that_a_poll_took_for_its_own_is_not_written_to(forked):
    text = """
        @poll
        def harm():
            os.closerange(3, 64)
            for number in range(3, 64):
                os.open(FILE, os.O_CREAT | os.O_RDWR)
            return TriggerResult.skip()
    """
    mine = forked.folder / "mine"
    file = forked.file("a.py", text.replace("FILE", repr(str(mine))), "harm")
    assert forked.ask(file, "harm").text.endswith("closed descriptors that it had not opened")
    assert mine.read_bytes() == b""


def test_what_a_poll_has_started_ends_with_its_process(story):
    text = """
        import subprocess
        @poll
        def harm():
            child = subprocess.Popen(["sleep", "1000"])
            print("child", child.pid)
            os._exit(0)
    """
    file = story.file("a.py", text, "harm")
    story.ask(file, "harm")
    story.until(lambda: any(line.startswith("child") for line in story.lines))
    pid = next(int(line.split()[1]) for line in story.lines if line.startswith("child"))
    wait_for(lambda: not alive(pid))


def test_a_process_that_dies_again_and_again_comes_back_later_and_later(forked):
    file = forked.file("a.py", "os._exit(1)")
    forked.children.poll(file, ["count"])
    begin = time.monotonic()
    forked.until(lambda: len(forked.downs()) == 3)
    assert [item[4] for item in forked.downs()] == [1, 2, 4]
    assert time.monotonic() - begin >= 3
    assert forked.answers("count") == []  # asked for, and not polled yet


def test_a_file_that_cannot_be_imported_says_why_and_is_tried_again(story):
    file = story.file("a.py", "import absent_module")
    story.children.poll(file, ["count"])
    story.until(story.downs)
    _, _, why, trace, _ = story.downs()[0]
    assert why.endswith("could not read it: ModuleNotFoundError: No module named 'absent_module'")
    assert "import absent_module" in trace
    Path(file).write_text(HEAD, "utf-8")
    story.until(lambda: story.answers("count"))
    assert story.answers("count")[0].context["calls"] == 1


def test_a_file_whose_import_hangs_is_given_up(tmp_path):
    story = Story(tmp_path, ForkServer(), reading_seconds=1.0)
    try:
        hanging, other = story.file("a.py", HOLDS), story.file("b.py")
        story.children.poll(hanging, ["count"])
        assert story.calls(other) == 1
        story.until(story.downs)
        assert story.downs()[0][2].endswith("was ended: it did not read the file within 1 s")
    finally:
        story.children.stop(0)


def test_when_the_server_dies_its_children_end_and_all_files_come_back(forked):
    text = f"""
        @poll
        def harm():
            print("pid", os.getpid())
            {HOLDS}
    """
    one, two = forked.file("a.py", text, "harm"), forked.file("b.py")
    assert forked.calls(two) == 1
    forked.children.poll(one, ["harm"])
    forked.until(lambda: forked.lines)
    os.kill(forked.starter.pid, signal.SIGKILL)
    wait_for(lambda: not alive(int(forked.lines[0].split()[1])))
    assert forked.calls(two) == 1
    assert forked.calls(one) == 1
    assert {item[2].rpartition("` ")[2] for item in forked.downs()} == {"ended with the process that had started it"}


ENGINE = """
import sys, time
from metaflow_triggers.polling.clock import SystemClock
from metaflow_triggers.polling.children import Children
from metaflow_triggers.polling.starters import ForkServer

class Heard:
    def __getattr__(self, name):
        return lambda *arguments: True
    def printed(self, line):
        print(line, flush=True)

children = Children(ForkServer(), SystemClock())
children.start(Heard())
children.serve(sys.argv[1], ["harm"])
children.poll(sys.argv[1], ["harm"])
time.sleep(1000)
"""


def test_when_the_engine_is_killed_nothing_of_it_polls_on(tmp_path):
    text = f'\n@poll\ndef harm():\n    print("pids", os.getpid(), os.getppid())\n    {HOLDS}\n'
    (tmp_path / "a.py").write_text(HEAD + text)
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(tmp_path / "a.py")], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    pids = [int(word) for word in engine.stdout.readline().split()[1:]]
    assert len(pids) == 2
    engine.kill()
    engine.communicate()
    wait_for(lambda: not any(map(alive, pids)))


def test_stopping_waits_for_no_poll_that_hangs_and_takes_the_answer_of_one_that_does_not(forked):
    text = f"""
        @poll
        def harm():
            {HOLDS}
        @poll
        def soon():
            print("soon")
            time.sleep(0.5)
            return TriggerResult.fire()
    """
    one, two = forked.file("a.py", text, "harm"), forked.file("b.py", text, "soon")
    forked.calls(one)
    forked.children.poll(one, ["harm"])
    forked.children.poll(two, ["soon"])
    forked.until(lambda: "soon" in forked.lines)
    begin = time.monotonic()
    forked.children.stop(1.0)
    assert time.monotonic() - begin < 1.9
    assert [item.result for item in forked.answers("soon")] == ["fire"]
    assert forked.answers("harm") == []
    assert not alive(forked.starter.pid)
    forked.children = Children(ForkServer(), SystemClock())  # for the end of the test
    forked.children.start(forked)


def test_a_poll_that_prints_without_end_holds_up_nobody_and_is_read_so_fast_only(forked):
    text = """
        @poll
        def harm():
            while True:
                print("x" * 100)
    """
    harmed, other = forked.file("a.py", text, "harm"), forked.file("b.py")
    assert forked.calls(other) == 1
    forked.children.poll(harmed, ["harm"])
    forked.until(lambda: len(forked.lines) > 100)
    assert [forked.calls(other) for _ in range(20)] == list(range(2, 22))
    forked.until(forked.downs)
    assert sum(map(len, forked.lines)) < 600_000


def test_a_file_that_has_changed_is_read_anew_after_the_polls_at_work(story):
    text = """
        @poll
        def slow():
            print("slow")
            time.sleep(0.4)
            return TriggerResult.skip()
    """
    file = story.file("a.py", text, "slow")
    assert [story.calls(file) for _ in range(2)] == [1, 2]
    story.children.poll(file, ["slow"])
    story.until(lambda: "slow" in story.lines)
    Path(file).write_text(HEAD.replace("calls = 0", "calls = 100"))
    story.children.restart(file)
    assert story.calls(file) == 101
    assert [item.result for item in story.answers("slow")] == ["skip"]
    assert story.downs() == []


def test_polls_that_are_not_wanted_any_more_are_not_made(forked):
    file = forked.file("a.py")
    forked.calls(file)
    forked.unwanted.add("count")
    assert forked.ask(file, "count") is None
    forked.children.serve(file, [])
    assert forked.ask(file, "count") is None
    forked.unwanted.clear()
    forked.children.serve(file, ["count"])
    assert forked.calls(file) == 1


def with_threads(folder):
    (folder / "threads.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
    )
    return ForkServer(("threads",), {**os.environ, "PYTHONPATH": str(folder)})


def test_what_a_server_with_threads_says_is_heard_however_late(tmp_path):
    """A socket that is closed with something unread takes what was said on it along."""
    starter = with_threads(tmp_path)
    try:
        starter.start(str(tmp_path / "a.py"))
        with contextlib.suppress(subprocess.TimeoutExpired):  # it stays until it is heard
            starter._process.wait(1)
        while starter._control is not None:
            select.select([starter._control], [], [])
            starter.ended()
        assert starter._instead is not None
    finally:
        starter.close()


def test_where_a_module_starts_threads_children_are_not_forked(tmp_path, monkeypatch):
    starter = with_threads(tmp_path)
    story = Story(tmp_path, starter)
    try:
        file = story.file("a.py")
        assert story.calls(file) == 1
        assert starter._instead is not None
    finally:
        story.children.stop(0)
