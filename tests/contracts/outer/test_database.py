"""The local engine goes on with a database that f324357's engine left, where that one stopped.

`data/local/metaflow-triggers.db` holds, of the flows in `data/flows`: runs that succeeded, failed, and were refused, a
run of a machine that went down, a start that is held back, half a set, an event that nobody has read, and a poll that
was switched off.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from .deployed import DATA
from .runs import command, succeeded

LOCAL = DATA / "local"
PROJECT = "ml_platform.prod.EvaluateTheModelOfTheSeason"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "flows", tmp_path, dirs_exist_ok=True)
    shutil.copy(LOCAL / "metaflow-triggers.db", tmp_path)
    return tmp_path


def rows(folder: Path, question: str) -> list[Any]:
    connection = sqlite3.connect(folder / "metaflow-triggers.db")
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def states(folder: Path) -> dict[tuple[str, str], str]:
    return {(key, start): state for key, start, state in rows(folder, "SELECT flow_key, start_key, state FROM starts")}


@pytest.mark.parametrize("name", ["Order", "React", "stock_is_low"])
def test_its_history_is_read(folder: Path, name: str) -> None:
    told = json.loads(succeeded(folder, "metaflow-triggers", "history", name, "--format", "json"))
    then = json.loads((LOCAL / f"history-{name}.json").read_text("utf-8"))
    # What a program found then it finds now; newer members stand beside it.
    assert [{key: row[key] for key in old} for row, old in zip(told, then, strict=True)] == then


def test_its_polls_are_read(folder: Path) -> None:
    told = json.loads(succeeded(folder, "metaflow-triggers", "list", "--format", "json"))
    assert told == json.loads((LOCAL / "list.json").read_text("utf-8"))


def seen(folder: Path, flow: str, run: str) -> dict[str, Any]:
    """The artifacts of a run's start step."""
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins.datastores.local_storage import LocalStorage

    store = FlowDataStore(flow, storage_impl=LocalStorage, ds_root=str(folder / "store" / ".metaflow"))
    ((found),) = store.get_task_datastores(run, steps=["start"])
    names = [name for name, _ in found.items() if not name.startswith("_") and name != "name"]
    return json.loads(json.dumps(dict(found.load_artifacts(names))))


def test_it_goes_on(folder: Path) -> None:
    def emit(name: str, payload: Any, identity: str, code: int = 0) -> str:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        done = command(folder, "metaflow-triggers", "emit", name, "--payload", text, "--id", identity)
        assert done.returncode == code, done.stderr
        return done.stderr

    before = states(folder)
    # The set: its first event came in f324357's days, and keeps its place.
    assert rows(folder, "SELECT flow_key, dependency FROM waiting") == [("Gather", 0)]
    emit("right", {"order": {"id": 42}}, "right-1")
    emit("upload", {"object": {"key": "a/b c.csv", "size": 7}}, "upload-1")
    # What was accepted then is known now, by its name and its id.
    assert "was accepted before" in emit("order-placed", (DATA / "order-payload.json").read_text("utf-8"), "order-7")
    assert "FT764" in emit("order-placed", {"orderId": "again"}, "order-7", code=1)
    emit("order-shipped", {}, "order-7")
    succeeded(folder, "metaflow-triggers", "resume", PROJECT)

    words = ("run", "order.py", "gather.py", "evaluate.py", "--production", "--until-idle")
    words += ("--external-flow", "TrainTheModelOfTheSeason")
    settings = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "store"), "METAFLOW_HOME": str(folder / "home")}
    succeeded(folder, "metaflow-triggers", *words, **settings)

    after = states(folder)
    changed = {start: state for start, state in after.items() if before.get(start) != state}
    # A digest of which events the set is made of: one of then, by its id, and two by their names and ids.
    (whole,) = (key for flow, key in after if flow == "Gather" and key.startswith("set/"))
    members = ("event/left-1", "event/right/right-1", "event/upload/upload-1")
    told = "".join(f"{len(key)}:{key}" for key in members)
    assert whole == f"set/{base64.b32encode(hashlib.sha256(told.encode()).digest()).decode().lower().rstrip('=')}"
    assert changed == {
        (PROJECT, "event/trained-7"): "succeeded",
        ("Order", "event/order-10"): "lost",
        ("Order", "event/order-11"): "succeeded",
        ("Gather", whole): "succeeded",
    }
    assert rows(folder, "SELECT * FROM waiting") == []
    lost = "metaflow.outcome.Order.failure"
    assert (lost,) in rows(folder, "SELECT name FROM events WHERE kind = 'finish' AND sequence > 14")

    # The same parameters and the same `current.trigger` as then; a document made then is read now.
    runs = dict(rows(folder, "SELECT start_key, run_id FROM starts WHERE state = 'succeeded'"))
    gathered = seen(folder, "Gather", runs[whole])
    assert (gathered["first"], gathered["second"], gathered["key"]) == ("l-1", 42, "a/b c.csv")
    assert [event[:3] for event in gathered["seen"]] == [
        ["upload", "event", "upload-1"],
        ["right", "event", "right-1"],
        ["left", "event", "left-1"],
    ]
    assert gathered["seen"][2][4] == {"id": "l-1", "side": "left"}
    evaluated = seen(folder, PROJECT.rpartition(".")[2], runs["event/trained-7"])
    ((event),) = evaluated["seen"]
    assert evaluated["model"] == "m-7"
    assert event[:3] == ["ml_platform.production.training-complete", "event", "trained-7"]
    assert event[4] == {"model": "m-7"}
    ordered = seen(folder, "Order", runs["event/order-11"])
    assert (ordered["order_id"], ordered["env"], ordered["amount"]) == ("11", "production", 11.0)
