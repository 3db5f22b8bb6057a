"""`list`, `history`, `enable`, `disable`, `pause` and `resume` on an engine's database, as a user types them."""

import json
import sqlite3
import subprocess
import sys

import pytest
from metaflow_triggers.engine import issue
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.waits import local_flow
from metaflow_triggers.poll import Context

from ..commands.conftest import clean
from ..graph.build import flow
from .world import counter, fire, polled


@pytest.fixture
def command(world, tmp_path):
    def run(*words, database=True):
        chosen = ["--database", world.path] if database else []
        return subprocess.run(
            [sys.executable, "-m", "metaflow_triggers.commands.cli", words[0], *chosen, *words[1:]],
            **{"cwd": tmp_path, "env": clean(tmp_path), "capture_output": True, "text": True, "check": False},
        )

    return run


def test_list_shows_the_triggers_of_the_database(world, command):
    def broken():
        raise ValueError("no\nroute\x1b[2J")

    world.poller(polled(counter(), interval="90s"), polled(broken, workflow="Other"))
    world.pass_time(1)
    world.schedule("count")
    done = command("list")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["POLL", "TRIGGER", "FLOW", "EVERY", "ENABLED", "LAST", "POLL", "RESULT", "ERROR"]
    assert lines[1][:4] == ["broken", "Other", "1s", "yes"]
    assert lines[2][:4] == ["count", "Flow", "90s", "yes"]
    assert "ValueError: no\\nroute\\x1b[2J" in done.stdout
    listed = json.loads(command("list", "--format", "json").stdout)
    assert [item["trigger_name"] for item in listed["poll_triggers"]] == ["broken", "count"]
    assert listed["paused"] == []


def test_history_of_a_trigger_and_of_a_flow(world, command):
    world.poller(polled(counter()))
    world.pass_time(3)
    world.end_runs("failed")
    done = command("history", "count", "--limit", "2")
    rows = done.stdout.splitlines()
    assert [row.split()[1] for row in rows[1:]] == ["failed", "failed"]
    assert '{"n": 3}' in rows[1]
    assert "because" in rows[1]
    assert len(json.loads(command("history", "count", "--format", "json").stdout)) == 3
    of_flow = json.loads(command("history", "Flow", "--format", "json").stdout)
    assert [(item["state"], item["reason"]) for item in of_flow] == [("failed", "poll count")] * 3


def test_disable_and_enable_reach_a_running_engine(world, command):
    world.poller(polled(counter()))
    world.pass_time(2)
    assert command("disable", "count").stdout == "count is polled no more\n"
    world.pass_time(3)
    assert len(world.history("count")) == 2
    assert "  no  " in command("list").stdout
    assert command("enable", "count").stdout == "count is polled from its next tick on\n"
    world.pass_time(1)
    assert len(world.history("count")) == 3


@pytest.mark.parametrize(
    ("words", "code", "help_"),
    [
        (("enable", "coumt"), "FT727", "did you mean `count`?"),
        (("disable", "zebra"), "FT727", ""),
        (("history", "coumt"), "FT727", "did you mean `count`?"),
        (("history", "count", "--limit", "-1"), "FT714", ""),
        (("pause", "Flw"), "FT730", "did you mean `Flow`?"),
        (("resume", "zebra"), "FT730", ""),
    ],
)
def test_an_unknown_name_is_said_and_changes_nothing(world, command, words, code, help_):
    world.poller(polled(counter()))
    world.pass_time(1)
    done = command(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error[{code}]" in done.stderr
    assert help_ in done.stderr
    assert "nothing was changed" in done.stderr


@pytest.mark.parametrize(
    "words", [("list",), ("history", "x"), ("enable", "x"), ("disable", "x"), ("pause",), ("resume",)]
)
def test_no_command_makes_a_database(world, command, tmp_path, words):
    done = command(*words)
    assert (done.returncode, "FT752" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_something_else_than_our_database_is_refused_and_untouched(world, command):
    connection = sqlite3.connect(world.path)
    connection.execute("CREATE TABLE other (x)")
    connection.commit()
    connection.close()
    with open(world.path, "rb") as file:
        before = file.read()
    done = command("list")
    assert (done.returncode, "FT750" in done.stderr) == (1, True)
    with open(world.path, "rb") as file:
        assert file.read() == before


def launched(world):
    """Which starts an engine would launch now."""
    most = {"Flow": None, "a.b.Other": None}
    me = issue.owner()
    waiting = issue.waiting_flows(world.connection)
    orders = issue.take(world.connection, waiting, most=most, running={}, limit=9, me=me, now=world.clock.now())
    world.connection.execute("UPDATE starts SET owner_pid = NULL, owner_started = NULL")
    return sorted(order.flow_key for order in orders)


def test_pause_keeps_what_arrives_and_resume_starts_it(world, command):
    Engine(world.path, [local_flow(flow("Flow")), local_flow(flow("Other", project="a", branch="b"))], None).close()
    world.poller(polled(lambda: fire(Context({"a": 1})), name="one"), polled(fire, name="two", flow_key="a.b.Other"))
    assert command("pause", "Flow").stdout == "no run of Flow is started until it is resumed\n"
    world.pass_time(1)
    assert launched(world) == ["a.b.Other"]
    assert "paused: Flow\n" in command("list").stdout
    assert command("pause").stdout == "no run of any flow is started until it is resumed\n"
    assert launched(world) == []
    assert "all flows are: metaflow-triggers resume" in command("resume", "Flow").stdout
    assert command("resume").stdout == "runs of all flows are started again\n"
    assert launched(world) == ["Flow", "a.b.Other"]
    assert command("pause", "Other").stdout.startswith("no run of a.b.Other")
    assert launched(world) == ["Flow"]
    assert command("resume", "Other").stdout == "runs of a.b.Other are started again\n"
