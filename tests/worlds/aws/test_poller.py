"""The poller's process against an emulated AWS: claims, starts, flags, faults, other versions, one that wakes up late.

One process polls the triggers of most tests, each its own.
"""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace

import pytest
from metaflow_triggers.backends.argo.compile.poller import declaration
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.polls import records
from metaflow_triggers.poll import DefaultRunner, TriggerNotFound
from metaflow_triggers.poll.errors import PollValueError

from tests.scenarios import reading, stepped
from tests.scenarios.rows import Observed, differences, items, rows

from ...unit.commands.warm import warm
from ...unit.poll.test_management import EXECUTION_KEYS, SCHEDULE_KEYS
from .poll_world import HEAD, Fault, declared, emulated, text_of, world

ASKED = """

@trigger({flow!r}, name={name!r}, allow_concurrent={concurrent}, dedup={dedup!r})
def asked_{number}():
    try:
        answer = told({name!r})
        os.rename("context-{name}", "asked-{name}")
    except OSError:
        return TriggerResult.skip()
    return answer
"""
"""A poll that fires once what it was given."""
ONCE = {"flow": "Polled", "concurrent": True, "dedup": "active", "number": 0}
NAMES = (
    "equal",
    "off",
    "held",
    "error",
    "taken",
    "lost",
    "denied",
    "throttled",
    "refused",
    "unseen",
    "keys",
    "once",
    "told",
)


@pytest.fixture(scope="module")
def server():
    with emulated() as running:
        yield running


@pytest.fixture(scope="module")
def shared(server, tmp_path_factory):
    """A world with a process that polls a trigger for each test."""
    more = {"keys": {"dedup_keys": ("a",)}, "once": {"dedup": "once"}, "lost": {"allow_concurrent": True}}
    polls = [declared(name, **more.get(name, {})) for name in NAMES]
    text = text_of([poll for poll in polls if poll.name != "lost"]) + ASKED.format(name="lost", **ONCE)
    with world(server, tmp_path_factory.mktemp("polls"), polls, text) as made:
        made.set("trigger#off", enabled="false")
        made.start_whole()
        yield made


@pytest.fixture
def here(shared):
    """The same, without faults that another test has left."""
    yield shared
    shared.server.front.faults = []
    assert shared.whole.poll() is None, shared.logs()


@pytest.fixture
def alone(server, tmp_path):
    """A world of one trigger, without a process."""
    with world(server, tmp_path, [declared("one")]) as made:
        yield made


def ended(process):
    """The exit code."""
    return process.wait(40)


# who polls ------------------------------------------------------------------------------------------------------------


def test_a_poller_that_wakes_up_late_writes_and_starts_nothing_and_ends(alone):
    first = alone.start(lease_seconds=1.5)
    alone.until(lambda: alone.polled("one"))
    first.send_signal(signal.SIGSTOP)
    alone.start(lease_seconds=1.5)
    alone.until(lambda: alone.state("one")["epoch"] == 2)
    alone.says("one", a=1)
    alone.until(lambda: alone.runs())
    alone.end_run(alone.runs()[0])
    alone.says("one")
    alone.until(lambda: alone.states("one") == ["succeeded"])
    before = alone.item("trigger#one")["version"]
    first.send_signal(signal.SIGCONT)
    assert ended(first) == 0
    assert len(alone.runs()) == 1 and alone.state("one")["epoch"] == 2, alone.logs()
    assert int(alone.item("trigger#one")["version"]) <= int(before) + 1  # what the other one writes now and then


def test_who_finds_another_one_at_work_ends(alone):
    first = alone.start()
    alone.until(lambda: alone.item("lease").get("holder"))
    assert ended(alone.start()) == 0
    assert "another process polls" in alone.logs() and first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert ended(first) == 0
    assert alone.item("lease")["holder"] == ""


def test_another_version_ends_it_after_the_polls_that_have_begun(alone):
    text = (alone.folder / "polls.py").read_text().replace("    try:", "    import time; time.sleep(1)\n    try:", 1)
    (alone.folder / "polls.py").write_text(text)
    alone.says("one", a=1)
    process = alone.start()
    alone.until(lambda: alone.polled("one"))
    alone.apply([declared("two")], "v2")
    assert ended(process) == 0
    assert alone.states("one") == ["started"] and len(alone.runs()) == 1
    assert "version v2 is wanted" in alone.logs() and alone.item("lease")["holder"] == ""
    assert ended(alone.start(version="v1")) == 0  # one that comes late
    (alone.folder / "polls.py").write_text(text_of(alone.polls))
    alone.start()
    alone.until(lambda: alone.polled("two"))


def test_a_table_that_is_gone_ends_it_and_one_that_is_made_anew_is_another(alone):
    alone.says("one", a=1)
    process = alone.start()
    alone.until(lambda: alone.states("one") == ["started"])
    alone.server.client("dynamodb").delete_table(TableName=alone.table)
    assert ended(process) == 0
    assert "deployed no more" in alone.logs()
    assert ended(alone.start()) == 0
    alone.make_table()
    alone.apply(alone.polls, "v1")
    alone.start()
    alone.until(lambda: alone.states("one") == ["started"])
    assert len(alone.runs()) == 2 and [claim["generation"] for claim in alone.claims("one")] == [1]


def test_without_rights_for_long_it_ends_with_1(alone):
    with alone.server.faulty(Fault("GetItem", "AccessDeniedException")):
        assert ended(alone.start("--helpless-seconds", "0.5")) == 1
    process = alone.start("--helpless-seconds", "0.5")
    alone.until(lambda: alone.polled("one"))
    with alone.server.faulty(Fault("UpdateItem", "AccessDeniedException", '"lease"')):
        assert ended(process) == 1


@pytest.mark.parametrize(
    "arguments",
    [("--machine", "arn:aws:states:eu-north-1:1:stateMachine:x"), ("--documents", "file:///tmp")],
    ids=["machine", "documents"],
)
def test_a_wrong_command_line_is_told(alone, arguments):
    assert ended(alone.start(*arguments)) == 2
    assert "expected" in alone.logs()


# files and records ----------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_told_and_a_full_record_too(server, tmp_path):
    polls = [declared("one"), declared("other", allow_concurrent=True)]
    polls[0] = type(polls[0])(**{**vars(polls[0]), "file": "broken.py"})
    (tmp_path / "broken.py").write_text("raise RuntimeError('not today')\n")
    with world(server, tmp_path, polls, text_of(polls[1:])) as here:
        here.says("other", text="x" * 100_000)
        here.set("flow", paused="true")
        here.start()
        here.until(lambda: "not today" in (here.state("one").get("down") or ""))
        here.until(lambda: "the record of the trigger is full" in str(here.state("other").get("last_error")))
        assert here.states("other") == ["claimed"] * 3
        here.says("other")
        here.set("flow", paused="false")
        here.until(lambda: here.states("other") == ["started"] * 3)


# what is started ------------------------------------------------------------------------------------------------------


def test_an_equal_context_starts_nothing_while_its_run_is_active_and_is_free_when_it_has_ended(here):
    here.says("equal", a=1, b=2)
    here.until(lambda: here.state("equal").get("last_result") == "suppressed")
    here.says("equal", b=2, a=1)
    here.polled_again("equal")
    assert len(here.runs("equal")) == 1
    for number, status in enumerate(("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"), 2):
        here.end_run(here.runs("equal")[-1], status)
        here.until(lambda number=number: len(here.runs("equal")) == number)
    here.says("equal", a=1, b=3)
    states = ["succeeded", "failed", "timed_out", "aborted", "started", "started"]
    here.until(lambda: here.states("equal") == states)
    assert [claim["generation"] for claim in here.claims("equal")] == [1, 2, 3, 4, 5, 6]
    assert [one["b"] for one in here.contexts("equal")] == [2, 2, 2, 2, 2, 3]
    here.says("equal")


def test_a_run_is_told_its_context_as_data_and_whose_claim_it_is(here):
    here.says("keys", a=1, text="{{x}} $(touch pwned) $.key", number=9007199254740993)
    (name,) = here.until(lambda: here.runs("keys"))
    (one,) = (one for one in here.executions() if one.name == name)
    claim, state = here.claims("keys")[0], here.state("keys")
    assert json.loads(one.execution_input) == {
        "Parameters": "{}",
        "MetaflowTrigger": {
            "uri": f"s3://polled-flows/metaflow/root/{here.deployed}/Polled/_triggers/sfn-{name}.json",
            "claim": f"{state['uid']}/1/{claim['started_at']}",
        },
    }
    (event,) = here.document(name)["events"]
    assert (event["transport"], event["event"]["name"], event["event"]["id"]) == ("local", "keys", name)
    told = {"a": 1, "text": "{{x}} $(touch pwned) $.key", "number": 9007199254740993, "trigger_name": "keys"}
    assert event["event"]["payload"] == {**told, "triggered_at": claim["started_at"]}
    here.says("keys", a=1, text="another")  # equal by its keys
    here.until(lambda: here.state("keys").get("suppressed_count"))
    assert len(here.runs("keys")) == 1


def test_a_context_that_is_to_start_once_never_starts_again(here):
    here.says("once", a=1)
    (name,) = here.until(lambda: here.runs("once"))
    here.end_run(name)
    here.until(lambda: here.states("once") == ["succeeded"])
    here.polled_again("once")
    assert here.runs("once") == [name]


# flags ----------------------------------------------------------------------------------------------------------------


def test_disabled_is_not_polled_until_it_is_enabled(here):
    here.polled_again("keys", 5)
    assert here.polled("off") == 0
    here.set("trigger#off", enabled="true")
    here.until(lambda: here.polled("off"))
    here.set("trigger#off", enabled="false")
    time.sleep(0.5)  # a poll that had begun
    count = here.polled("off")
    here.polled_again("keys", 3)
    assert here.polled("off") == count and here.item("trigger#off")["enabled"] == "false"


def test_paused_starts_when_it_is_resumed(here):
    here.set("flow", paused="true")
    here.says("held", a=1)
    here.until(lambda: here.states("held") == ["claimed"])
    here.polled_again("held")
    assert here.runs("held") == []
    here.set("flow", paused="false")
    (name,) = here.until(lambda: here.runs("held"))
    assert here.document(name)["events"][0]["event"]["payload"]["a"] == 1


# errors and faults ----------------------------------------------------------------------------------------------------


def test_an_error_is_told_and_the_next_poll_is_on_time(here):
    (here.folder / "context-error").write_text("no JSON")
    here.until(lambda: here.state("error").get("consecutive_errors", 0) >= 1)
    assert "JSONDecodeError" in here.state("error")["last_error"]
    here.says("error", a=1)
    here.until(lambda: here.runs("error"))


@pytest.mark.parametrize("operation", ["UpdateItem", "StartExecution", "PUT S3", "DescribeExecution", "GetItem"])
@pytest.mark.parametrize("after", [False, True], ids=["request", "answer"])
def test_what_is_lost_on_the_way_is_neither_lost_nor_done_twice(here, operation, after):
    """Twice, so that the second try of the client is lost, too. The poll takes what it fires."""
    known = len(here.runs("lost"))
    text = {"StartExecution": "poll-lost-", "DescribeExecution": "poll-lost-", "PUT S3": "poll-lost-"}
    fault = Fault(operation, text=text.get(operation, "trigger#lost"), after=after, times=2)
    here.server.front.faults = [fault]
    here.says("lost", number=f"{operation}{after}")
    here.until(lambda: fault.times == 0 and "started" in here.states("lost")[known:])
    here.polled_again("lost")
    assert len(here.runs("lost")) == known + 1, here.logs()
    assert here.states("lost")[known:] == ["started"]


def test_who_may_not_start_a_run_is_told_and_it_is_started_when_they_may(here):
    with here.server.faulty(Fault("StartExecution", "AccessDeniedException", "poll-denied-")):
        here.says("denied", a=1)
        here.until(lambda: here.claims("denied") and "AccessDenied" in str(here.claims("denied")[0].get("error")))
        here.polled_again("denied")
        assert here.states("denied") == ["claimed"]
    here.until(lambda: here.states("denied") == ["started"])
    assert here.claims("denied")[0]["error"] is None
    with here.server.faulty(Fault("DescribeExecution", "AccessDeniedException", "poll-denied-")):
        here.until(lambda: "AccessDenied" in str(here.claims("denied")[0].get("error")))
        here.polled_again("denied")  # it is polled, and its run counts as one that runs
        assert here.states("denied") == ["started"]
    here.end_run(here.runs("denied")[0])
    here.until(lambda: here.states("denied")[0] == "succeeded")


def test_who_is_throttled_loses_nothing(here):
    fault = Fault("StartExecution", "ThrottlingException", "poll-throttled-", times=4)
    here.server.front.faults = [fault, Fault("UpdateItem", "ThrottlingException", "trigger#throttled", times=3)]
    here.says("throttled", a=1)
    here.until(lambda: here.states("throttled") == ["started"])
    assert fault.times == 0 and len(here.runs("throttled")) == 1


def test_a_start_that_cannot_be_made_is_told_and_not_tried_again(here):
    with here.server.faulty(Fault("StartExecution", "InvalidExecutionInput", "poll-refused-")):
        here.says("refused", a=1)
        here.until(lambda: "failed" in here.states("refused"))
        assert "InvalidExecutionInput" in here.claims("refused")[0]["error"]
        here.says("refused")


def test_a_run_that_is_not_seen_yet_is_no_run_that_has_gone(here):
    """Step Functions' answers are eventually consistent."""
    with here.server.faulty(Fault("DescribeExecution", "ExecutionDoesNotExist", "poll-unseen-")):
        here.says("unseen", a=1)
        here.until(lambda: here.states("unseen") == ["started"])
        time.sleep(2.5)
        here.polled_again("unseen")
        assert here.states("unseen") == ["started"] and len(here.runs("unseen")) == 1


def test_a_name_that_another_execution_has_is_not_taken_for_a_start(here):
    """Nobody else starts one of this name; but the table may be put back to what it had been."""
    here.set("flow", paused="true")
    here.says("taken", a=1)
    (claim,) = here.until(lambda: here.claims("taken"))
    text = json.dumps({"MetaflowTrigger": {"uri": "s3://any", "claim": "of another"}})
    states = here.server.client("stepfunctions")
    states.start_execution(stateMachineArn=here.machine, name=claim["name"], input=text)
    here.set("flow", paused="false")
    here.until(lambda: here.states("taken") == ["started"])
    (renamed,) = here.claims("taken")
    assert renamed["generation"] > 1_000_000 and here.runs("taken") == [claim["name"], renamed["name"]]
    assert here.document(renamed["name"])["events"][0]["event"]["payload"]["a"] == 1


# what is told of it ---------------------------------------------------------------------------------------------------


@pytest.fixture
def at(server):
    with records.opened("", clients=Clients(server.client)) as place:
        yield place


def test_records_are_those_of_the_local_engine(here, at):
    here.says("told", a="x" * 2000)
    (name,) = here.until(lambda: here.runs("told"))
    here.until(lambda: here.states("told") == ["started"])
    row = records.schedule(at, "told")
    assert (row["trigger_name"], row["workflow_name"], row["enabled"], row["target"]) == (
        "told",
        "Polled",
        True,
        "step-functions",
    )
    assert row["poll_interval_ms"] == 200 and row["last_poll_at"] and row["next_due_at"] and "down" not in row
    here.end_run(name, "FAILED")
    here.until(lambda: here.states("told")[0] == "failed")
    execution = records.history(at, "told")[-1]
    assert records.history(at, "told", limit=1)[0]["generation"] >= execution["generation"] == 1
    assert (execution["run_id"], execution["state"], execution["attempts"]) == (f"sfn-{name}", "failed", 1)
    assert execution["context"] == {"a": "x" * 2000}  # as the run was told
    assert execution["schedule_id"] == row["id"] and execution["completed_at"] > execution["started_at"]
    here.says("told")
    assert records.history(at, "none") == [] and records.schedule(at, "none") is None
    with pytest.raises(TriggerNotFound, match="told"):
        records.known(at, "tolt")
    with pytest.raises(PollValueError, match="FT730"):
        records.set_paused(at, "Pold", True)


def test_what_people_say_is_heard_by_the_poller(here, at):
    name = f"{here.deployed}/told"
    records.set_enabled(at, name, False)
    assert "told" not in {row["trigger_name"] for row in records.schedules(at, enabled_only=True)}
    time.sleep(0.5)  # a poll that had begun
    count = here.polled("told")
    here.polled_again("keys", 3)
    assert here.polled("told") == count
    assert records.set_paused(at, here.deployed, True) == [here.deployed] == records.paused(at)
    records.set_enabled(at, name, True)
    here.says("told", b=1)
    here.until(lambda: here.states("told")[-1] == "claimed")
    assert records.history(at, "told", limit=1)[0]["run_id"] is None
    assert records.set_paused(at, here.deployed, False) == [here.deployed] and records.paused(at) == []
    here.until(lambda: here.states("told")[-1] == "started")
    here.says("told")


def test_what_is_not_polled_says_why(alone, at):
    (row,) = (row for row in records.schedules(at) if row["id"] == f"{alone.deployed}/one")
    assert row["down"].startswith("its poller has not begun: see the executions of state machine Polled")
    alone.deploy([declared("one"), declared("new")])  # the table has it after the next tick
    assert records.schedule(at, f"{alone.deployed}/new")["down"].startswith("its poller has not begun")
    alone.fail("Essential container in task exited")
    (row,) = (row for row in records.schedules(at) if row["id"] == f"{alone.deployed}/one")
    assert "its last job failed: States.TaskFailed: Essential container in task exited (execution" in row["down"]
    alone.start()
    alone.until(lambda: alone.polled("one"))
    alone.close()
    alone.set("lease", renewed="2026-01-01T00:00:00.000000+00:00")
    assert records.schedule(at, f"{alone.deployed}/one")["down"].startswith(
        "its poller was last heard of at 2026-01-01"
    )
    alone.apply([declared("two")], "v2")
    row = records.schedule(at, f"{alone.deployed}/one")
    assert (row["down"], row["declared"]) == ("the deployed flow declares it no more", False)
    alone.set("trigger#two", state="[]")
    alone.set("lease", renewed="2999-01-01T00:00:00.000000+00:00")
    row = records.schedule(at, f"{alone.deployed}/two")
    assert row["down"].startswith("what is remembered of it cannot be read") and records.history(at, "two") == []


@pytest.fixture
def aws_settings(server):
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    return {"AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": "eu-north-1", **keys}


def test_a_program_looks_after_them(here, monkeypatch, tmp_path, aws_settings):
    for name, value in {**aws_settings, "AWS_DEFAULT_REGION": "us-west-2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    runner = DefaultRunner("aws://eu-north-1")
    assert {row["trigger_name"] for row in runner.list_trigger_schedules()} >= set(NAMES)
    assert DefaultRunner("aws://").list_trigger_schedules() == []
    schedule = runner.get_trigger_schedule(f"{here.deployed}/told")
    fire = runner.get_trigger_execution_history(f"{here.deployed}/told")[0]
    assert sorted(schedule) == sorted(SCHEDULE_KEYS) and sorted(fire) == sorted(EXECUTION_KEYS)  # SQLite's
    times = [schedule[key] for key in ("last_poll_at", "next_due_at", "created_at", "updated_at")]
    assert all(time.endswith("+00:00") for time in (*times, fire["started_at"], fire["scheduled_at"]))
    runner.set_trigger_enabled(f"{here.deployed}/equal", False)
    assert runner.get_trigger_schedule(f"{here.deployed}/equal")["enabled"] is False
    runner.set_trigger_enabled(f"{here.deployed}/equal", True)
    with pytest.raises(ValueError, match="names no region"):
        DefaultRunner("aws://nowhere")


# the scenario table ---------------------------------------------------------------------------------------------------

ROWS = [row for row in rows() if row.polls]


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return reading.read(ROWS, tmp_path_factory.mktemp("flows"))


@pytest.fixture(scope="module")
def table(read, server, tmp_path_factory):
    """A world in which one process polls the triggers of all rows; each fire is what a poll answers once."""
    polls, text = [], HEAD
    for number, row in enumerate(ROWS):
        ((target, poll),) = read[row.rule].graph.polls
        known = declaration(read[row.rule].graph.flows[target], poll)
        polls.append(replace(known, file="polls.py", interval_milliseconds=200, interval="200ms"))
        said = {"concurrent": poll.allow_concurrent, "dedup": poll.dedup, "number": number}
        text += ASKED.format(flow=poll.flow, name=poll.name, **said)
    with world(server, tmp_path_factory.mktemp("rows"), polls, text) as made:
        made.start()
        yield made


@pytest.mark.parametrize("row", ROWS, ids=[row.rule for row in ROWS])
def test_a_row_of_the_scenario_table_comes_out_as_on_the_local_engine(row, read, table):
    ((target, polled),) = read[row.rule].graph.polls
    of, name = read[row.rule].graph.flows[target], polled.name
    observed, fired = Observed(not_started=[]), []

    def counted():
        state = table.state(name)
        errors = state.get("last_error"), state.get("consecutive_errors", 0)
        return len(state.get("claims", ())), state.get("suppressed_count", 0), errors

    for item in items(row):
        before = counted()
        (table.folder / "new").write_text(json.dumps(item.get("context") or {}))
        (table.folder / "new").replace(table.folder / f"context-{name}")
        table.until((table.folder / f"asked-{name}").exists)
        (table.folder / f"asked-{name}").unlink()
        table.until(lambda before=before: counted() != before)
        if counted()[0] == before[0]:
            observed.not_started.append(of.name)
        else:
            fired.append(str(item["at"]).replace("Z", ".000000+00:00"))
    table.until(lambda: all(state == "started" for state in table.states(name)))
    for claim, moment in zip(table.claims(name), fired, strict=True):
        document = table.document(claim["name"], of.name)
        payload = document["events"][0]["event"]["payload"]
        assert payload["triggered_at"] > "2026-01-05"
        payload["triggered_at"] = moment  # as the row has it
        observed.starts.append(stepped.started(of.name, document, of.parameters))
    assert differences(row, observed) == []


# kills ----------------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(("once", "kills"), [(False, 20), (True, 20)], ids=["kept", "once"])
def test_kill_campaign(server, tmp_path, once, kills):
    """Half a thousand kills."""
    from .poll_campaign import ROUNDS, STATES, report, run

    told = run(server, tmp_path, kills, seed=7, flows=4, once=once)
    print(report(told))
    assert told.lost == told.doubled == told.overlapping == 0, report(told)
    assert told.kills == dict.fromkeys(ROUNDS if once else STATES, kills)


def test_commands_look_after_what_is_deployed(alone, tmp_path, aws_settings):
    alone.says("one", a=1)
    alone.start()
    alone.until(lambda: alone.states("one") == ["started"])
    name = f"{alone.deployed}/one"
    with warm(tmp_path, **aws_settings) as triggers:

        def told(*arguments):
            done = triggers(*arguments, "--backend", "step-functions", cwd=tmp_path)
            assert done.code == 0, done.err
            return done.out

        assert "one" in told("list")
        (fire,) = json.loads(told("history", name, "--format", "json"))
        assert (fire["context"], fire["run_id"]) == ({"a": 1}, f"sfn-{alone.runs()[0]}")
        assert told("disable", name) == f"{name} is polled no more\n"
        assert f"{alone.deployed} waits until it is resumed" in told("pause", alone.deployed)
        assert f"paused: {alone.deployed}" in told("list")
        (row,) = (row for row in json.loads(told("list", "--format", "json"))["poll_triggers"] if row["id"] == name)
        assert row["enabled"] is False and alone.item("trigger#one")["enabled"] == "false"
        told("resume", alone.deployed)
        told("enable", name)
        assert alone.item("flow")["paused"] == "false" and alone.item("trigger#one")["enabled"] == "true"
        done = triggers("disable", "onw", "--backend", "step-functions", cwd=tmp_path)
        assert (done.code, "FT727" in done.err) == (1, True), done.err
