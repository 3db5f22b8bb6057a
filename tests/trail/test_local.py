"""What the local engine's database tells beside the cause: the facts, the run, what follows; and that it only looks."""

from __future__ import annotations

import contextlib
import sqlite3
from argparse import Namespace
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from metaflow_triggers.commands import deployed
from metaflow_triggers.engine.store import timestamp_text
from metaflow_triggers.engine.trail.ask import ask
from metaflow_triggers.model.flows import TriggerGraph
from metaflow_triggers.trail.answer import Answer
from metaflow_triggers.trail.question import Question
from metaflow_triggers.trail.text import text

from tests.unit.engine.bench import START
from tests.unit.engine.flows import all_of, any_of, event, finished, flow

from . import local
from .local import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def one(answers: list[Answer]) -> Answer:
    assert len(answers) == 1, answers
    return answers[0]


def test_which_part_of_the_filter_said_no(world: World) -> None:
    answer = one(local.MADE["filter-at-depth"](world))
    wanted = '"gold" or text that begins with "plat"'
    assert answer.cause.facts == {"path": "order.customer.tier", "wanted": wanted, "found": '"tin"'}
    assert answer.run is None and answer.event == "paid"


def test_what_a_set_waits_for_since_when_and_until_when(world: World) -> None:
    answer = one(local.half_a_set(world))
    midnight = timestamp_text(START.replace(hour=0) + timedelta(days=1))
    assert answer.cause.facts == {"lacks": "event sent", "since": timestamp_text(START), "until": midnight}


@pytest.mark.parametrize("other_came", [False, True])
def test_the_reset_that_forgot_it(world: World, other_came: bool) -> None:
    """Before the other event came nothing has touched the row; afterwards it is gone. Both are the same."""
    answer = one(local.set_reset(world, other_came))
    assert answer.cause.code == "set-reset" and not answer.also
    assert answer.cause.facts == {"reset": timestamp_text(START.replace(hour=0) + timedelta(days=1))}


def test_the_event_that_took_its_place_and_those_that_came_with_it(world: World) -> None:
    assert one(local.set_replaced(world)).cause.facts == {"by": "paid id-2"}
    world.emit("sent", identity="id-3")
    world.turn()
    answer = one(world.ask("id-2"))
    assert answer.cause.facts == {"run": "run-1", "set": "sent id-3"}
    assert answer.run is not None and answer.run.state == "succeeded"
    assert one(world.ask("id-1")).cause.code == "set-replaced", "the run is not its own"


def test_a_run_its_values_its_log_and_what_it_started(world: World) -> None:
    both = any_of(event("paid", ("n", "deep.n")))
    world.serve(flow("F", both, parameters=[local.integer("n")]), flow("G", any_of(finished("F"))))
    world.turn(1)
    world.emit("paid", {"deep": {"n": 10**30}})
    world.turn()
    logs = Path(f"{world.bench.path}-logs")
    logs.mkdir()
    (logs / "F.1.log").touch()
    by_event = one([answer for answer in world.ask() if answer.flow == "F"])
    first, second = world.ask("run-1")
    assert first.run == by_event.run and first.run is not None
    assert (first.run.id, first.run.parameters, first.run.log) == ("run-1", {"n": 10**30}, str(logs / "F.1.log"))
    assert (second.flow, second.event, second.cause.facts) == ("G", "metaflow.outcome.F.success", {"run": "run-2"})
    assert world.ask("F/run-1") == [first, second]
    assert one(world.ask("G/run-1")).cause.code == "not-accepted", "G has no such run"
    assert one(world.ask("F/run-1/success")) == second, "the id of the outcome itself"
    assert first.commands == ("metaflow-triggers history F",)


def test_each_flow_that_waits_has_its_answer(world: World) -> None:
    no = any_of(event("paid", filter='{"kind": ["b"]}'))
    world.serve(flow("F", any_of(event("paid")), all_of(event("paid"), event("sent"))), flow("G", no), flow("H"))
    world.turn(1)
    world.emit("paid", {"kind": "a"})
    world.turn()
    first, second = world.ask()
    assert [first.flow, first.cause.code, *(item.code for item in first.also)] == ["F", "run", "waiting-in-set"]
    assert [second.flow, second.cause.code, second.also] == ["G", "filter", ()]


def test_both_names_of_one_id_are_told(world: World) -> None:
    world.serve(flow("F", any_of(event("paid"), event("sent"))))
    world.turn(1)
    world.emit("paid")
    world.emit("sent")
    world.turn()
    assert [(item.event, item.cause.facts["run"]) for item in world.ask()] == [("paid", "run-1"), ("sent", "run-2")]
    only = one(world.ask(event="sent"))
    assert only.event == "sent" and [item.facts for item in only.also] == [{"event": "paid"}]
    other = one(world.ask(event="gone"))
    assert (other.cause.code, [item.code for item in other.also]) == ("nobody-listens", ["not-accepted"])


def test_without_files_the_runs_are_known_and_filters_are_not_guessed(world: World) -> None:
    local.MADE["filter-at-depth"](world)
    world.emit("paid", {"order": {"customer": {"tier": "gold"}}}, "id-2")
    world.emit("payd", identity="id-3")
    world.turn()
    asked = [ask(Question(f"id-{n}", None, None, ()), world.bench.path, START) for n in (1, 2, 3)]
    assert [one(answers).cause.code for answers in asked] == ["could-not-ask", "run", "nobody-listens"]
    assert one(asked[2]).cause.facts["meant"] == "did you mean `paid`?"
    world.execute("DELETE FROM settings WHERE name = 'waits.F'")  # an engine of an earlier version served it
    assert one(ask(Question("id-3", None, None, ()), world.bench.path, START)).cause.code == "could-not-ask"


def test_a_fire_of_a_poll_with_what_it_gives(world: World) -> None:
    parameters = [local.integer("n"), local.integer("m", required=False)]
    told = one(local.poll(world, fires=1, context={"n": 10**30, "file": "a"}, parameters=parameters))
    assert told.cause.code == "run" and told.poll is not None and told.run is not None
    assert told.run.parameters == {"n": 10**30}, "a key without a parameter is payload only"
    assert (told.poll.trigger, told.poll.context) == ("looks", {"n": 10**30, "file": "a"})
    assert told.poll.claim is not None
    by_claim, by_run = one(world.ask(told.poll.claim)), one(world.ask(told.run.id))
    assert by_claim == by_run and (by_run.poll, by_run.run, by_run.event) == (told.poll, told.run, "looks")
    lines = text([by_run]).splitlines()
    assert lines[0] == "local: F: started by poll trigger looks"
    assert f'  fire {told.poll.claim} with {{"n":{10**30},"file":"a"}}' in lines and f"  n = {10**30}" in lines


def test_a_poll_that_starts_nothing_is_told_as_one(world: World) -> None:
    answer = one(local.poll(world, fires=0, enabled=False))
    assert answer.poll is not None and (answer.poll.trigger, answer.poll.claim) == ("looks", None)
    assert text([answer]).splitlines()[0] == "local: F: not started by poll trigger looks"


def test_the_parameters_that_auto_map_gives(world: World) -> None:
    trigger = any_of(event("paid"), auto_map=True)
    answer = one(local.started(world, {"n": 7, "other": 1}, trigger, parameters=[local.integer("n")]))
    assert answer.run is not None and answer.run.parameters == {"n": 7}
    assert answer.poll is None


def test_everything_is_paused(world: World) -> None:
    world.serve(flow("F", any_of(event("paid"))))
    world.turn(1)
    world.execute("INSERT INTO paused VALUES ('*', 'then')")
    world.emit("paid")
    answer = one(world.ask())
    assert [answer.cause.code, *(item.words for item in answer.also)] == [
        "not-read",
        "its start waits: every flow is paused since then",
    ]
    world.turn()
    assert one(world.ask()).commands == ("metaflow-triggers resume",)


@pytest.mark.parametrize("name", ["right-start", "half-a-set", "set-reset", "suppressed-poll", "pruned", "never-came"])
def test_to_look_changes_nothing(world: World, name: str) -> None:
    local.MADE[name](world)

    def all_of_it() -> list[str]:
        with contextlib.closing(sqlite3.connect(world.bench.path)) as connection:
            return list(connection.iterdump())

    before = all_of_it()
    for identity in ("id-1", "id-2", "looks", "run-1", "start-1", "'; DROP TABLE starts; --", "%", "_", "a/b/c", "/"):
        assert world.ask(identity)
    assert all_of_it() == before


@pytest.mark.parametrize("identity", ["%", "_", "id-_", "d-1", "start-1", "start-99999999999999999999", "F/", "id-1/"])
def test_an_odd_id_is_nothing_but_itself(world: World, identity: str) -> None:
    local.started(world)
    assert one(world.ask(identity)).cause.code == "not-accepted"


def test_a_file_that_is_no_database_a_folder_and_none(world: World, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough to be looked at" * 20)
    found = [
        one(ask(Question("x", None, None, ()), str(tmp_path / name), START)) for name in ("text.db", "", "none.db")
    ]
    assert [item.cause.code for item in found] == ["could-not-ask"] * 3
    for item, word in zip(found, ("not a database", "is a folder", "there is no database"), strict=True):
        assert word in item.cause.words
    assert not (tmp_path / "none.db").exists()


def test_how_the_flows_of_a_project_stand(world: World) -> None:
    """`list --deployed` has these rows beside those of the clouds."""
    options = Namespace(database=world.bench.path)
    started_and_waits = any_of(event("paid")), all_of(event("paid"), event("sent"))
    world.serve(flow("F", *started_and_waits), ends=lambda order: None if order.start_id == 2 else "succeeded")
    world.turn(1)
    world.emit("paid")
    world.emit("paid", identity="id-2")
    world.turn()
    graph = TriggerGraph((*(item.flow for item in world.bench.flows), flow("New")), (), (), ())
    first, new = deployed._on_this_machine(options, graph)
    assert (first["backend"], first["name"], first["state"]) == ("local", "F", "served")
    assert (first["running"], first["waiting"]) == (1, 1) and first["because"].startswith("last started at ")
    assert (new["state"], new["because"]) == ("not served", "it has started nothing")
    world.execute("INSERT INTO paused VALUES ('F', 'then')")
    again = deployed._on_this_machine(options, graph)[0]
    assert again["state"] == "paused" and again["because"].startswith("F since then; last started")
    assert deployed._on_this_machine(Namespace(database=world.bench.path + "x"), graph) == []
    (world.folder / "text.db").write_text("this is no database, and long enough to be looked at" * 20)
    unread = deployed._on_this_machine(Namespace(database=str(world.folder / "text.db")), graph)
    assert [row["state"] for row in unread] == ["unknown"] * 2 and "FT750" in unread[0]["because"]
