"""`DefaultRunner`: what programs read about poll triggers, and what they change."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.engine import store
from metaflow_triggers.poll import DefaultRunner, TriggerNotFound
from metaflow_triggers.poll.declare import collecting
from metaflow_triggers.poll.runner import database_path

from .world import counter, polled, skip


@pytest.fixture
def runner(world):
    return DefaultRunner("sqlite://" + world.path)


def test_the_address_names_a_path():
    assert database_path("sqlite://workflows.db") == "workflows.db"
    assert database_path("sqlite://a/b.db") == "a/b.db"
    assert database_path("sqlite:///abs/x.db") == "/abs/x.db"


@pytest.mark.parametrize(
    "address", ["", "workflows.db", "sqlite:", "sqlite://", "sqlite:///", "postgres://h/db", "aws://x", None, 3, "a\0b"]
)
def test_any_other_address_is_refused_with_the_forms_to_write(address):
    with pytest.raises((TypeError, ValueError), match=r"FT729.*sqlite://workflows.db"):
        DefaultRunner(address)


def test_making_a_runner_opens_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    DefaultRunner("sqlite://workflows.db")
    DefaultRunner()
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_below_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(DefaultRunner("sqlite://workflows.db").list_trigger_schedules(), list)
    assert (tmp_path / "workflows.db").is_file()


def test_a_trigger_is_listed_once_it_was_declared(world, runner):
    world.poller(polled(skip, name="watch", interval="100ms"), polled(counter(), allow_concurrent=True))
    listed = runner.list_trigger_schedules()
    assert [
        (item["trigger_name"], item["enabled"]) for item in listed if item["trigger_name"] in ("count", "watch")
    ] == [
        ("count", True),
        ("watch", True),
    ]
    record = runner.get_trigger_schedule("watch")
    assert record["workflow_name"] == "Flow"
    assert record["poll_interval_ms"] == 100
    assert record["allow_concurrent"] is False
    assert runner.get_trigger_schedule("count")["allow_concurrent"] is True


SCHEDULE_KEYS = [
    *("id", "trigger_name", "workflow_name", "poll_interval_ms", "allow_concurrent", "enabled", "last_poll_at"),
    *("created_at", "updated_at", "poll_interval", "target", "next_due_at", "last_result", "last_error"),
    *("consecutive_errors", "suppressed_count", "down"),
]
EXECUTION_KEYS = [
    *("id", "trigger_name", "context_hash", "pipeline_execution_id", "started_at", "completed_at", "created_at"),
    *("schedule_id", "workflow_execution_id", "workflow_name", "context", "generation", "run_id", "state"),
    *("scheduled_at", "run_started_at", "attempts", "error"),
]


def test_records_have_the_keys_of_both_generations_of_upstream_and_ours(world, runner):
    world.poller(polled(counter()))
    world.pass_time(1.5)
    world.end_runs("failed")
    world.schedule("count")
    record = runner.get_trigger_schedule("count")
    assert sorted(record) == sorted(SCHEDULE_KEYS)
    assert (record["target"], record["poll_interval"], record["last_result"]) == ("local", "1s", "fire")
    assert record["last_poll_at"] < record["next_due_at"]
    latest, first = runner.get_trigger_execution_history("count")
    assert sorted(latest) == sorted(EXECUTION_KEYS)
    assert (latest["context"], latest["generation"], latest["workflow_name"]) == ({"n": 2}, 2, "Flow")
    assert latest["schedule_id"] == record["id"]
    assert latest["run_id"] == latest["pipeline_execution_id"] == latest["workflow_execution_id"] == "run-2"
    assert (latest["state"], latest["error"]) == ("failed", "because")
    assert first["started_at"] < latest["started_at"]
    assert latest["started_at"] == latest["created_at"]
    assert latest["completed_at"] >= latest["run_started_at"]
    json.dumps([record, latest])


def test_a_claim_that_nobody_runs_yet_has_started_at_and_no_run(world, runner):
    world.poller(polled(counter()))
    world.pass_time(0.5)
    (item,) = runner.get_trigger_execution_history("count")
    assert item["started_at"].endswith("+00:00")
    assert (item["state"], item["run_id"], item["run_started_at"], item["completed_at"]) == (
        "claimed",
        None,
        None,
        None,
    )


def test_listing_and_history_come_in_pages(world, runner):
    world.poller(*(polled(skip, name=f"t{number}") for number in range(5)), polled(counter()))
    world.pass_time(5)
    runner.set_trigger_enabled("t1", False)
    names = [item["trigger_name"] for item in runner.list_trigger_schedules(limit=2, offset=2)]
    everything = [item["trigger_name"] for item in runner.list_trigger_schedules(limit=1000)]
    assert names == everything[2:4]
    enabled = {item["trigger_name"] for item in runner.list_trigger_schedules(enabled_only=True)}
    assert {"t0", "t2"} <= enabled
    assert "t1" not in enabled
    pages = [runner.get_trigger_execution_history("count", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [item["generation"] for page in pages for item in page] == [5, 4, 3, 2, 1]
    for wrong in (-1, "2", True):
        with pytest.raises(ValueError, match="FT714"):
            runner.list_trigger_schedules(limit=wrong)
        with pytest.raises(ValueError, match="FT714"):
            runner.get_trigger_execution_history("count", offset=wrong)


def test_enabling_returns_nothing_and_is_seen_by_the_engine(world, runner):
    world.poller(polled(counter()))
    world.pass_time(1)
    assert runner.set_trigger_enabled("count", False) is None
    world.pass_time(3)
    assert runner.get_trigger_schedule("count")["enabled"] is False
    assert len(runner.get_trigger_execution_history("count")) == 1


def test_unknown_names(world, runner):
    world.poller(polled(counter()))
    assert runner.get_trigger_schedule("nobody") is None
    assert runner.get_trigger_schedule(None) is None
    assert runner.get_trigger_execution_history("nobody") == []
    with pytest.raises(TriggerNotFound, match="FT727"):
        runner.set_trigger_enabled("nobody", True)
    with pytest.raises(TypeError, match="FT714"):
        runner.set_trigger_enabled("count", "yes")


def test_another_file_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and longer than nothing\n" * 100)
    with pytest.raises(DiagnosticError, match="FT750"):
        DefaultRunner(f"sqlite://{path}").list_trigger_schedules()
    assert path.read_text().startswith("not a database")


def test_no_call_works_while_a_file_is_read_for_its_triggers(world, runner):
    with collecting(), pytest.raises(ValueError, match=r"FT728.*__main__"):
        runner.list_trigger_schedules()
    assert not Path(world.path).exists()


def test_a_program_sees_the_triggers_that_it_has_declared_itself(tmp_path):
    """As upstream's runner does, although no engine has ever served this database."""
    program = tmp_path / "program.py"
    program.write_text(
        "from metaflow_triggers.poll import *\n"
        "@trigger(workflow='file_processor', poll_interval='10s')\n"
        "def file_watcher():\n"
        "    return TriggerResult.skip()\n"
        "runner = DefaultRunner('sqlite://workflows.db')\n"
        "runner.set_trigger_enabled('file_watcher', False)\n"
        "print([(s['trigger_name'], s['workflow_name'], s['enabled']) for s in runner.list_trigger_schedules()])\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == "[('file_watcher', 'file_processor', False)]\n"


def test_the_tables_are_there_for_whoever_comes_first(world):
    connection = store.connect(world.path)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert {"starts", "poll_triggers", "poll_claims"} <= tables
