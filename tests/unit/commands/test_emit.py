"""`metaflow-triggers emit`: accepted whole and once, or refused with a code and nothing stored or sent."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from metaflow_triggers.engine.store import connect

from tests.unit.engine.test_faults import FULL_DISK
from tests.unit.runtime.conftest import Server

from .conftest import Done, Run, clean


@pytest.fixture
def server():
    started = Server()
    yield started
    started.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database as an engine has made it."""
    path = tmp_path / "metaflow-triggers.db"
    connect(str(path)).close()
    return path


def stored(path: Path) -> list[tuple[str, str, str, str]]:
    """(id, name, kind, payload's text) of all accepted events."""
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT id, name, kind, body FROM events ORDER BY sequence").fetchall()


def from_stdin(home: Path, text: bytes, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "emit", *arguments],
        cwd=home,
        env=clean(home),
        input=text,
        capture_output=True,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def followed(name: str, identity: str) -> str:
    """How `emit` ends: the command that tells what becomes of the event."""
    return f"note: what becomes of it: metaflow-triggers trail --event={name} {identity}\n"


def test_an_event_is_accepted_and_its_id_is_printed(triggers: Run, database: Path):
    done = triggers("emit", "order-placed", "--payload", ' {"b": 1.50, "a": [2]} ', cwd=database.parent)
    assert (done.code, done.err) == (0, followed("order-placed", done.out.strip()))
    assert uuid.UUID(done.out.strip()).version == 4
    assert stored(database) == [(f"order-placed/{done.out.strip()}", "order-placed", "event", '{"b":1.50,"a":[2]}')]


def test_without_a_payload_it_is_empty(triggers: Run, database: Path):
    assert triggers("emit", "e", cwd=database.parent).code == 0
    assert [row[3] for row in stored(database)] == ["{}"]


def test_the_database_is_the_given_one_then_that_of_the_environment(triggers: Run, tmp_path: Path, database: Path):
    other, third = tmp_path / "other.db", tmp_path / "third.db"
    for path in (other, third):
        connect(str(path)).close()
    settings = {"METAFLOW_TRIGGERS_DATABASE": str(other)}
    assert triggers("emit", "e", cwd=tmp_path, settings=settings).code == 0
    assert triggers("emit", "e", "--database", str(third), cwd=tmp_path, settings=settings).code == 0
    assert [len(stored(path)) for path in (database, other, third)] == [0, 1, 1]


def test_the_same_id_is_accepted_once(triggers: Run, database: Path):
    first = triggers("emit", "e", "--id", "order:7", "--payload", '{"a": 1}', cwd=database.parent)
    again = triggers("emit", "e", "--id", "order:7", "--payload", '{"a":1}', cwd=database.parent)
    assert (first.code, first.out, first.err) == (0, "order:7\n", followed("e", "order:7"))
    assert (again.code, again.out) == (0, "order:7\n")
    assert "accepted before" in again.err
    assert stored(database) == [("e/order:7", "e", "event", '{"a":1}')]


def test_one_id_under_two_names_is_two_events(triggers: Run, database: Path):
    for name in ("placed", "paid"):
        done = triggers("emit", name, "--id", "order-17", cwd=database.parent)
        assert (done.code, done.out, done.err) == (0, "order-17\n", followed(name, "order-17"))
    assert [row[:2] for row in stored(database)] == [("placed/order-17", "placed"), ("paid/order-17", "paid")]


def test_the_same_name_and_id_with_another_payload_is_refused_with_what_is_there(triggers: Run, database: Path):
    def emitted(payload: str) -> Done:
        return triggers("emit", "e", "--id", "order:7", "--payload", payload, cwd=database.parent)

    assert emitted('{"a": 1.50, "b": [{"c": 1, "d": 2}]}').code == 0
    for payload in ('{"b": [{"d": 2, "c": 1}], "a": 1.50}', '{"a":1.50,"b":[{"c":1,"d":2}]}'):
        assert emitted(payload).code == 0
    for payload in ('{"a": 1.5, "b": [{"c": 1, "d": 2}]}', '{"a": 1.50, "b": [{"c": 1}]}', "{}"):
        done = emitted(payload)
        assert done.code == 1 and done.out == ""
        assert "error[FT764]" in done.err and '{"a":1.50,"b":[{"c":1,"d":2}]}' in done.err
    assert len(stored(database)) == 1


HOSTILE = {
    "shell": "$(touch x) `touch x` ; touch x",
    "templates": "{{x}} <x> ${x} %s %(x)s",
    "quotes": "'\"\\\n\r\t\u2028\u2029\u0085",
    "beyond": "\U0001f600\u0301\ufeff",
    "big": 2**200,
}


WAYS = {
    "standard input": ("e", "-"),
    "file -": ("e", "--payload-file", "-"),
    "standard input after an option": ("e", "--id", "a", "-"),
    "standard input before the name": ("--id", "a", "e", "-"),
    "standard input between options": ("--database", "metaflow-triggers.db", "e", "--id", "a", "-"),
}


@pytest.mark.parametrize("way", ["argument", "file", *WAYS])
def test_a_payload_arrives_unchanged(way: str, triggers: Run, tmp_path: Path, database: Path):
    text = json.dumps(HOSTILE, ensure_ascii=False)
    (tmp_path / "payload.json").write_text(text, "utf-8")
    if way == "argument":
        done = triggers("emit", "e", "--payload", text, cwd=tmp_path)
    elif way == "file":
        done = triggers("emit", "e", "--payload-file", "payload.json", cwd=tmp_path)
    else:
        done = from_stdin(tmp_path, text.encode(), *WAYS[way])
    assert done.code == 0, done.err
    assert json.loads(stored(database)[0][3]) == HOSTILE
    assert not (tmp_path / "x").exists()


def test_the_largest_payload_passes_and_one_byte_more_does_not(tmp_path: Path, database: Path):
    fits = b'{"a": "' + b"x" * (245760 - 8) + b'"}'
    assert from_stdin(tmp_path, fits, "e", "-").code == 0
    done = from_stdin(tmp_path, fits.replace(b'x"}', b'xx"}'), "e", "-")
    assert done.code == 2 and "error[FT761]" in done.err
    assert "245761 bytes" in done.err and "245760" in done.err
    assert len(stored(database)) == 1


REFUSED = {
    "a name with a space": (["a b"], b"", "FT760"),
    "an empty name": ([""], b"", "FT760"),
    "a long name": (["a" * 129], b"", "FT760"),
    "a name that is code": (["$(touch x)"], b"", "FT760"),
    "a name with the end of a line": (["a\nb"], b"", "FT760"),
    "the name of an outcome": (["metaflow.outcome.flowa.success"], b"", "FT760"),
    "the name of an end of Metaflow's": (["metaflow.shop.prod.FlowA.end"], b"", "FT760"),
    "no JSON": (["e", "--payload", "{a: 1}"], b"", "FT761"),
    "an empty payload": (["e", "--payload", ""], b"", "FT761"),
    "a number": (["e", "--payload", "7"], b"", "FT761"),
    "a list": (["e", "--payload", "[{}]"], b"", "FT761"),
    "null": (["e", "--payload", "null"], b"", "FT761"),
    "text": (["e", "--payload", '"{}"'], b"", "FT761"),
    "two objects": (["e", "--payload", "{} {}"], b"", "FT761"),
    "NaN": (["e", "--payload", '{"a": NaN}'], b"", "FT761"),
    "NUL": (["e", "--payload", '{"a": "\\u0000"}'], b"", "FT761"),
    "half a pair": (["e", "--payload", '{"a": "\\ud800"}'], b"", "FT761"),
    "half a pair as a key": (["e", "--payload", '{"\\udfff": 1}'], b"", "FT761"),
    "deep nesting": (["e", "-"], b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "FT761"),
    "no UTF-8": (["e", "-"], b'{"a": "\xff"}', "FT761"),
    "no such file": (["e", "--payload-file", "nowhere.json"], b"", "FT761"),
    "a folder": (["e", "--payload-file", "."], b"", "FT761"),
    "an id with a space": (["e", "--id", "a b"], b"", "FT762"),
    "an id like an outcome's": (["e", "--id", "Flow/1/success"], b"", "FT762"),
    "an empty id": (["e", "--id", ""], b"", "FT762"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_event_is_refused_and_nothing_is_stored(name: str, tmp_path: Path, database: Path):
    arguments, text, code = REFUSED[name]
    done = from_stdin(tmp_path, text, *arguments)
    assert done.code == 2, done.err
    assert f"error[{code}]" in done.err
    assert done.out == "" and "Traceback" not in done.err
    assert stored(database) == []
    assert {path.name.partition("-")[0] for path in tmp_path.glob("*")} == {"metaflow"}  # only the database's files


def test_what_is_emitted_before_the_first_run_waits_for_it(triggers: Run, tmp_path: Path):
    done = triggers("emit", "e", "--id", "first", cwd=tmp_path)
    assert (done.code, done.out) == (0, "first\n")
    made = f"note: made the database {tmp_path / 'metaflow-triggers.db'}\n"
    assert done.err == made + followed("e", "first")
    assert stored(tmp_path / "metaflow-triggers.db") == [("e/first", "e", "event", "{}")]
    done = triggers("emit", "e", "--id", "second", cwd=tmp_path)
    assert (done.code, done.err) == (0, followed("e", "second"))


def test_no_database_is_made_in_a_folder_that_is_not_there(triggers: Run, tmp_path: Path):
    done = triggers("emit", "e", "--database", "nowhere/x.db", cwd=tmp_path)
    assert done.code == 1 and "error[FT750]" in done.err and done.out == ""
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
def test_no_outcome_is_published_to_a_cloud(backend: str, triggers: Run, server: Server, tmp_path: Path):
    settings = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url, "AWS_ENDPOINT_URL": server.url}
    name = "metaflow.outcome.flowa.success"
    done = triggers("emit", name, "--backend", backend, cwd=tmp_path, settings=settings)
    assert done.code == 2 and "error[FT760]" in done.err and "trigger_on_finish" in done.err
    assert server.requests == []


@pytest.mark.parametrize("more", [("--payload", "{}"), ("--payload-file", "x.json")])
def test_two_payloads_are_a_mistake(more: tuple[str, str], triggers: Run, database: Path):
    done = triggers("emit", "e", *more, "-", cwd=database.parent)
    assert done.code == 2 and "not allowed with argument" in done.err
    assert stored(database) == []


def test_something_else_is_not_touched(triggers: Run, tmp_path: Path):
    file = tmp_path / "metaflow-triggers.db"
    file.write_text("notes")
    done = triggers("emit", "e", cwd=tmp_path)
    assert done.code == 1 and "error[FT750]" in done.err
    assert file.read_text() == "notes"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run as another user")
def test_a_database_that_cannot_be_written(triggers: Run, database: Path):
    database.chmod(0o444)
    done = triggers("emit", "e", cwd=database.parent)
    assert done.code == 1 and "error[FT7" in done.err and "Traceback" not in done.err


EMIT = "import sys\nfrom metaflow_triggers.commands.cli import main\nsys.exit(main(sys.argv[1:]))"


def test_a_full_disk_is_said_and_nothing_is_stored(run: Run, database: Path):
    payload = database.parent / "large.json"
    payload.write_text(json.dumps({"x": "y" * 200_000}))
    done = run("-c", FULL_DISK + EMIT, "emit", "e", "--payload-file", str(payload), cwd=database.parent)
    assert done.code == 1 and "error[FT741]" in done.err and "is full" in done.err
    assert done.out == "" and stored(database) == []


def test_metaflow_is_not_imported_for_the_local_engine(run: Run, database: Path):
    done = run("-X", "importtime", "-m", "metaflow_triggers.commands.cli", "emit", "e", cwd=database.parent)
    assert done.code == 0
    imported = {line.rsplit("|", 1)[1].strip() for line in done.err.splitlines() if line.startswith("import time:")}
    assert "metaflow_triggers.commands.emit" in imported
    assert not {"metaflow", "boto3", "jinja2", "jsonschema"} & imported


def test_argo_gets_it_through_the_webhook(triggers: Run, server: Server, tmp_path: Path):
    payload = json.dumps(HOSTILE)
    settings = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url, "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": "secret"}
    arguments = ("emit", "order-placed", "--payload", payload, "--backend", "argo-workflows", "--id", "order-7")
    done = triggers(*arguments, cwd=tmp_path, settings=settings)
    assert (done.code, done.out) == (0, "order-7\n"), done.err
    ((_, _, headers, content),) = server.requests
    body = json.loads(content)
    assert headers["Authorization"] == "Bearer secret"
    assert (body["name"], body["id"]) == ("order-placed", "order-7")
    assert json.loads(base64.b64decode(body["payload_base64"])) == HOSTILE


def test_aws_gets_it_through_eventbridge(triggers: Run, server: Server, tmp_path: Path):
    server.answers = [(200, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}')]
    settings = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_DEFAULT_REGION": "us-east-1",
        "METAFLOW_TRIGGERS_EVENT_BUS": "orders",
    }
    arguments = ("emit", "order-placed", "--payload", '{"a": 1}', "--backend", "step-functions", "--id", "order-7")
    done = triggers(*arguments, cwd=tmp_path, settings=settings)
    assert (done.code, done.out) == (0, "order-7\n"), done.err
    (entry,) = json.loads(server.requests[0][3])["Entries"]
    assert (entry["DetailType"], entry["Detail"], entry["EventBusName"]) == ("order-placed", '{"a":1}', "orders")
    assert entry["Resources"] == ["metaflow-triggers:event/order-7"]


def test_whether_a_flow_of_files_waits_for_it_on_a_cloud(triggers: Run, server: Server, tmp_path: Path):
    (tmp_path / "flow.py").write_text(
        "from metaflow import FlowSpec, step, trigger\n"
        "@trigger(events=['order-placed', {'name': 'at-aws', 'origin': {'step-functions': {'source': 'aws.s3'}}}],\n"
        "         require='any')\n"
        "class Listens(FlowSpec):\n"
        "    @step\n    def start(self): self.next(self.end)\n"
        "    @step\n    def end(self): pass\n"
    )
    settings = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url, "METAFLOW_USER": "ada"}
    where = ("--backend", "argo-workflows", "--path", "flow.py")

    def said(name: str) -> str:
        done = triggers("emit", name, *where, cwd=tmp_path, settings=settings)
        assert done.code == 0 and len(done.out.splitlines()) == 1, done.err
        return done.err.partition("note: what becomes")[0]

    assert "waits for event" not in said("order-placed")
    misspelt = said("order-place")
    assert (
        "note: no flow of flow.py waits for event order-place on argo-workflows; did you mean `order-placed`?"
        in misspelt
    )
    assert "from elsewhere" in misspelt and len(server.requests) == 2
    assert "no flow of flow.py waits for event at-aws on" in said("at-aws")
    (tmp_path / "flow.py").write_text("1/0 # FlowSpec")
    assert "whether a flow of flow.py waits for event order-placed is not known" in said("order-placed")
    done = triggers("emit", "e", "--path", "flow.py", cwd=tmp_path)
    assert done.code == 2 and "--path is for a --backend" in done.err


@pytest.mark.parametrize("body", [b"<html><body>Please sign in</body></html>", b'{"login": "here"}', b"{}"])
def test_what_answers_in_the_place_of_eventbridge_has_not_taken_it(
    body: bytes, triggers: Run, server: Server, tmp_path: Path
):
    server.answers = [(200, body)]
    settings = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = triggers("emit", "order-placed", "--backend", "step-functions", cwd=tmp_path, settings=settings)
    assert (done.code, done.out) == (1, ""), done.out
    assert "error[FT763]" in done.err and "not EventBridge that answered" in done.err
    assert "Traceback" not in done.err and "s3cret" not in done.err


def test_the_token_is_in_no_message_of_a_webhook_that_redirects(triggers: Run, server: Server, tmp_path: Path):
    server.answers, server.location = [(302, b"")], "http://127.0.0.1:1/events?s3cret"
    settings = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url, "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": "s3cret\n"}
    done = triggers("emit", "e", "--backend", "argo-workflows", cwd=tmp_path, settings=settings)
    assert done.code == 1 and "error[FT763]" in done.err and "http://127.0.0.1:1/events." in done.err
    assert "s3cret" not in done.out + done.err and done.out == ""
    assert [request[2]["Authorization"] for request in server.requests] == ["Bearer s3cret"]


FAILS = {
    "no webhook": ("argo-workflows", {}, "METAFLOW_TRIGGERS_WEBHOOK_URL"),
    "a webhook that refuses": ("argo-workflows", {"METAFLOW_TRIGGERS_WEBHOOK_URL": "SERVER"}, "HTTP 403"),
    "no region": ("step-functions", {"AWS_EC2_METADATA_DISABLED": "true"}, "egion"),
}


@pytest.mark.parametrize("name", FAILS)
def test_a_cloud_that_does_not_take_it(name: str, triggers: Run, server: Server, tmp_path: Path):
    backend, settings, word = FAILS[name]
    server.answers = [(403, b"{}")]
    settings = {key: server.url if value == "SERVER" else value for key, value in settings.items()}
    done = triggers("emit", "e", "--backend", backend, cwd=tmp_path, settings=settings)
    assert done.code == 1 and "error[FT763]" in done.err and word in done.err, done.err
    assert done.out == "" and "Traceback" not in done.err


def test_a_bad_payload_is_not_sent_to_a_cloud(triggers: Run, server: Server, tmp_path: Path):
    settings = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    done = triggers("emit", "e", "--payload", "[]", "--backend", "argo-workflows", cwd=tmp_path, settings=settings)
    assert done.code == 2 and "error[FT761]" in done.err
    assert server.requests == []
