"""The poller's process against the Kubernetes stand-in: claims, starts, flags, kills, a process that wakes up late."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace

import pytest
from metaflow_extensions.triggers.plugins.argo_source import document_of

from tests.scenarios import reading, stepped
from tests.scenarios.rows import Observed, differences, items, rows

from .poll_world import poll, world

HEAD = """
import json, os
from metaflow_triggers.poll import Context, TriggerResult, trigger
fire, skip = TriggerResult.fire, TriggerResult.skip
"""
FILE = (
    HEAD
    + """
@trigger("Polled", name="one", poll_interval="1s", allow_concurrent={concurrent})
def one():
    with open("polled", "a") as file:
        file.write("x")
    try:
        told = open("context").read()
    except OSError:
        return skip()
    return fire(Context(json.loads(told)))
"""
)


@pytest.fixture
def polled(server, tmp_path):
    """A trigger that fires what stands in the file `context`."""
    with world(server, tmp_path, FILE.format(concurrent=False), [poll("one")]) as made:
        yield made


def says(here, **context):
    (here.folder / "new").write_text(json.dumps(context))
    (here.folder / "new").replace(here.folder / "context")


def test_an_equal_context_starts_nothing_while_its_run_is_active_and_is_free_when_it_has_ended(polled):
    says(polled, a=1, b=2)
    polled.start()
    polled.until(lambda: polled.state("one").get("last_result") == "suppressed")
    (first,) = polled.workflows()
    says(polled, b=2, a=1)
    time.sleep(2.5)
    assert len(polled.workflows()) == 1
    for number, phase in enumerate(("Succeeded", "Failed", "Error"), 2):
        polled.end_run(polled.workflows()[-1]["metadata"]["name"], phase)
        polled.until(lambda number=number: len(polled.workflows()) == number)
    says(polled, a=1, b=3)
    states = ["succeeded", "failed", "failed", "started", "started"]
    polled.until(lambda: [item["state"] for item in polled.claims("one")] == states)
    assert len(polled.workflows()) == 5
    assert [item["generation"] for item in polled.claims("one")] == [1, 2, 3, 4, 5]
    assert first["spec"]["workflowTemplateRef"] == {"name": "polled"}
    assert [item["b"] for item in polled.contexts()] == [2, 2, 2, 2, 3]


def test_disabled_is_not_polled_and_paused_starts_when_it_is_resumed(polled):
    polled.set_flag("one", "enabled", "false")
    polled.start()
    time.sleep(3)
    assert not (polled.folder / "polled").exists()
    polled.set_flag("one", "paused", "true")
    polled.set_flag("one", "enabled", "true")
    says(polled, a=1)
    polled.until(lambda: [item["state"] for item in polled.claims("one")] == ["claimed"])
    time.sleep(2)
    assert polled.workflows() == []
    polled.apply(polled.polls)  # what people said survives a deployment
    assert polled.data("one")["paused"] == "true"
    polled.set_flag("one", "paused", "false")
    polled.until(polled.workflows)
    assert polled.contexts()[0]["a"] == 1


def test_an_error_is_told_and_the_next_poll_is_on_time(polled):
    (polled.folder / "context").write_text("no JSON")
    polled.start()
    polled.until(lambda: polled.state("one").get("consecutive_errors", 0) >= 1)
    assert "JSONDecodeError" in polled.state("one")["last_error"]
    says(polled, a=1)
    polled.until(polled.workflows)


def test_a_file_that_cannot_be_read_is_told_and_others_go_on(server, tmp_path):
    text = HEAD + "raise RuntimeError('not today')\n"
    with world(server, tmp_path, text, [poll("one")]) as here:
        here.start()
        here.until(lambda: "not today" in (here.state("one").get("down") or ""))


def test_a_name_that_an_older_workflow_has_is_not_taken_for_a_start(polled, server):
    says(polled, a=1)
    process = polled.start()
    polled.until(lambda: [item["state"] for item in polled.claims("one")] == ["started"])
    process.kill()
    process.wait()
    for key in [key for key in server.store.objects if key[2] == "configmaps"]:  # deleted, and deployed anew
        del server.store.objects[key]
    polled.apply(polled.polls)
    polled.start()
    polled.until(lambda: [item["state"] for item in polled.claims("one")] == ["started"])
    assert len(polled.workflows()) == 2
    assert polled.claims("one")[0]["generation"] > 1_000_000


def test_a_poller_that_wakes_up_late_writes_and_starts_nothing(server, tmp_path):
    with world(server, tmp_path, FILE.format(concurrent=True), [poll("one", allow_concurrent=True)]) as here:
        first = here.start("first")
        here.until(lambda: (here.folder / "polled").exists())
        first.send_signal(signal.SIGSTOP)
        here.start("second")
        here.until(lambda: int(here.state("one")["epoch"]) == 2)
        says(here, a=1)
        here.until(here.workflows)
        (here.folder / "context").unlink()
        time.sleep(1.5)
        count = len(here.workflows())
        first.send_signal(signal.SIGCONT)
        time.sleep(2)
        assert len(here.workflows()) == count
        assert int(here.state("one")["epoch"]) == 2, here.logs()


def test_small_kill_campaign(server, tmp_path):
    from .poll_campaign import report, run

    told = run(server, tmp_path, kills_in_each_state=1, seed=3)
    print(report(told))
    assert told.lost == told.doubled == told.overlapping == 0, report(told)


@pytest.mark.long
def test_kill_campaign(server, tmp_path):
    from .poll_campaign import report, run

    told = run(server, tmp_path, kills_in_each_state=20, seed=7)
    print(report(told))
    assert told.lost == told.doubled == told.overlapping == 0, report(told)
    assert all(count >= 20 for count in told.kills.values()), report(told)


ROWS = [row for row in rows() if row.polls]


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return reading.read(ROWS, tmp_path_factory.mktemp("flows"))


@pytest.mark.parametrize("row", ROWS, ids=[row.rule for row in ROWS])
def test_a_row_of_the_scenario_table_comes_out_as_on_the_local_engine(row, read, server, tmp_path):
    """Each fire of the row is what the poll answers once; what it came to stands in the record."""
    ((target, polled),) = read[row.rule].graph.polls
    of = read[row.rule].graph.flows[target]
    told = replace(polled, file="polls.py", interval_milliseconds=1000, interval="1s")
    options = f"name={polled.name!r}, allow_concurrent={polled.allow_concurrent}, dedup={polled.dedup!r}"
    text = HEAD + (
        f"@trigger({polled.flow!r}, {options})\n"
        "def poll():\n"
        "    try:\n"
        "        told = json.loads(open('context').read())\n"
        "        os.rename('context', 'asked')\n"
        "    except OSError:\n"
        "        return skip()\n"
        "    return fire(None if told is None else Context(told))\n"
    )
    observed, fired = Observed(not_started=[]), []
    with world(server, tmp_path, text, [told], replace(of, file="polls.py", project=None)) as here:
        here.start()
        for item in items(row):
            before = here.state(polled.name)
            says(here, **item["context"]) if item.get("context") else (tmp_path / "context").write_text("null")
            here.until((tmp_path / "asked").exists)
            (tmp_path / "asked").unlink()

            def counted(state):
                errors = state.get("last_error"), state.get("consecutive_errors", 0)
                return len(state.get("claims", ())), state.get("suppressed_count", 0), errors

            here.until(lambda before=before, counted=counted: counted(here.state(polled.name)) != counted(before))
            if len(here.claims(polled.name)) == len(before.get("claims", ())):
                observed.not_started.append(of.name)
            else:
                fired.append(str(item["at"]).replace("Z", ".000000+00:00"))
        here.until(lambda: all(claim["state"] == "started" for claim in here.claims(polled.name)))
        for one, moment in zip(here.workflows(), fired, strict=True):
            document = document_of(one)
            payload = document["events"][0]["event"]["payload"]
            assert payload["triggered_at"] > "2026-01-05"
            payload["triggered_at"] = moment  # as the row has it
            observed.starts.append(stepped.started(of.name, document, of.parameters))
    assert differences(row, observed) == []
