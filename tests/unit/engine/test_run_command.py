"""The command `metaflow-triggers run`: what it refuses, how it ends, what it says."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from metaflow_extensions.triggers.plugins import local_events

NOW = "2026-01-05T12:00:00.000000+00:00"
FLOW = """
    import os, time
    from metaflow import FlowSpec, step, trigger

    @trigger(event="go")
    class Waits(FlowSpec):
        @step
        def start(self):
            open("begun", "w").close()
            while not os.path.exists("may-end"):
                time.sleep(0.02)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Waits()
"""


class Place:
    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "METAFLOW_USER": "tester",
            "METAFLOW_HOME": str(folder / "home"),
        }

    def flow(self, text, name="flow.py"):
        (self.folder / name).write_text(textwrap.dedent(text), "utf-8")

    def start(self, *words, environment=None, **options):
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "metaflow_triggers.commands.cli", "run", *words],
            cwd=self.folder,
            env={key: value for key, value in {**self.environment, **(environment or {})}.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *words, environment=None):
        process = self.start(*words, environment=environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def states(self):
        connection = sqlite3.connect(self.folder / "metaflow-triggers.db")
        found = connection.execute("SELECT state FROM starts ORDER BY id").fetchall()
        connection.close()
        return [state for (state,) in found]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["flow.py", "--database", "notes.txt"], "FT750"),
        (["flow.py", "--database", "no/folder/x.db"], "FT750"),
        (["flow.py", "--logs", "notes.txt"], "FT753"),
        (["absent.py"], "FT005"),
        (["broken.py"], "FT120"),
        (["unknown.py"], "FT201"),
    ],
)
def test_bad_input_is_a_coded_line_and_leaves_nothing(place, words, code):
    place.flow(FLOW)
    place.flow("1 +", "broken.py")
    waiting = FLOW.replace('@trigger(event="go")', "@trigger_on_finish(flow='Nobody')")
    place.flow(waiting.replace("trigger\n", "trigger_on_finish\n"), "unknown.py")
    (place.folder / "notes.txt").write_text("mine")
    before = sorted(item.name for item in place.folder.iterdir())
    exit_code, out, err = place.run(*words)
    assert (exit_code, out) == (1, "")
    assert f"error[{code}]" in err
    assert "Traceback" not in err
    assert (place.folder / "notes.txt").read_text() == "mine"
    after = sorted(item.name for item in place.folder.iterdir() if item.name != "__pycache__")
    assert [name for name in after if name not in before] in ([], ["metaflow-triggers.db"])


@pytest.mark.parametrize("words", ["--max-runs 0", "--run-deadline=-1", "--run-deadline inf", "--max-runs x"])
def test_bad_numbers_are_a_mistake_in_the_arguments(place, words):
    place.flow(FLOW)
    exit_code, _, err = place.run("flow.py", *words.split())
    assert exit_code == 2
    assert words[:10] in err


NO_USER = dict.fromkeys(("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER", "LOGNAME"))


@pytest.mark.parametrize("given", [{}, {"USER": "root"}, {"METAFLOW_USER": ""}, {"METAFLOW_USER": "root"}])
def test_without_a_user_name_it_says_what_to_set(place, given):
    place.flow(FLOW)
    exit_code, out, err = place.run("flow.py", "--until-idle", environment={**NO_USER, **given})
    assert (exit_code, out) == (1, "")
    assert "error[FT754]" in err
    assert "METAFLOW_USER=me metaflow-triggers run flow.py --until-idle" in err
    assert not (place.folder / "metaflow-triggers.db").exists()


def test_it_runs_as_the_user_of_the_operating_system(place):
    """The branch is theirs, and what a file asks Metaflow while it is read gets the same answer as in `python FILE`."""
    text = FLOW.replace("@trigger(", "@project(name='p')\n    @trigger(").replace("trigger\n", "trigger, project\n", 1)
    asked = "    import metaflow\n    open('asked', 'a').write(metaflow.get_namespace() + ' ')\n"
    place.flow(asked + text)
    exit_code, out, err = place.run("flow.py", "--until-idle", environment={**NO_USER, "USER": "alice"})
    assert (exit_code, out) == (0, "ready      1 flow\n"), err
    connection = sqlite3.connect(place.folder / "metaflow-triggers.db")
    assert connection.execute("SELECT flow_key FROM cursors").fetchall() == [("p.user.alice.Waits",)]
    connection.close()
    assert set((place.folder / "asked").read_text().split()) == {"user:alice"}


def test_production_reaches_flows_of_a_project_among_many_files(place):
    text = FLOW.replace("@trigger(", "@project(name='p')\n    @trigger(").replace("trigger\n", "trigger, project\n", 1)
    place.flow(text)
    place.flow(text.replace("Waits", "Other"), "other.py")
    exit_code, out, err = place.run(".", "--production", "--until-idle")
    assert (exit_code, out) == (0, "ready      2 flows\n"), err
    connection = sqlite3.connect(place.folder / "metaflow-triggers.db")
    assert connection.execute("SELECT flow_key FROM cursors").fetchall() == [("p.prod.Other",), ("p.prod.Waits",)]
    connection.close()


def begun(place, *words):
    """An engine, and a flow of it that waits for the file `may-end`."""
    place.flow(FLOW)
    assert place.run("flow.py", "--until-idle")[0] == 0
    local_events.append(str(place.folder / "metaflow-triggers.db"), "go", json.dumps({}), "one", NOW)
    engine = place.start("flow.py", *words)
    while not (place.folder / "begun").exists():
        assert engine.poll() is None, engine.communicate()
    return engine


def test_the_first_signal_lets_running_flows_finish_and_keeps_what_waits(place):
    engine = begun(place)
    engine.send_signal(signal.SIGTERM)
    assert "running flows finish" in engine.stderr.readline()
    local_events.append(str(place.folder / "metaflow-triggers.db"), "go", json.dumps({}), "two", NOW)
    (place.folder / "may-end").touch()
    out, _ = engine.communicate(timeout=120)
    assert engine.returncode == 0
    assert [line.split()[0] for line in out.splitlines()] == ["ready", "started", "succeeded"]
    exit_code, out, _ = place.run("flow.py", "--until-idle")
    assert (exit_code, place.states()) == (0, ["succeeded", "succeeded"])


def test_the_second_signal_ends_them_as_aborted(place):
    engine = begun(place)
    engine.send_signal(signal.SIGINT)
    assert "running flows finish" in engine.stderr.readline()
    engine.send_signal(signal.SIGINT)
    out, _ = engine.communicate(timeout=120)
    assert [line.split()[0] for line in out.splitlines()] == ["ready", "started", "aborted"]
    assert place.states() == ["aborted"]


def test_a_killed_engine_leaves_the_run_to_the_next_one(place):
    engine = begun(place)
    engine.kill()
    engine.communicate()
    assert place.states() == ["started"]
    second = place.start("flow.py", "--until-idle")
    (place.folder / "may-end").touch()
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert place.states() == ["succeeded"]


def test_the_rest_of_the_output_is_not_needed(place):
    """Whoever reads the lines may go."""
    place.flow(FLOW)
    (place.folder / "may-end").touch()
    assert place.run("flow.py", "--until-idle")[0] == 0
    local_events.append(str(place.folder / "metaflow-triggers.db"), "go", json.dumps({}), "one", NOW)
    engine = place.start("flow.py", "--until-idle")
    engine.stdout.close()
    assert engine.wait(timeout=120) in (0, 120)  # 120: Python could not flush its standard output
    assert place.states() == ["succeeded"]
