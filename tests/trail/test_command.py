"""`metaflow-triggers trail` as it is typed, and what other commands say of it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from metaflow_triggers.commands import trail
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError
from metaflow_triggers.engine.store import connect, write_setting
from metaflow_triggers.trail.answer import EXIT_UNKNOWN, Answer, exit_code
from metaflow_triggers.trail.question import Asked, Question

from tests.unit.commands.conftest import Run
from tests.unit.commands.warm import warm
from tests.unit.engine.flows import any_of, event, flow, integer

from .local import World

FLOW = """\
from metaflow import FlowSpec, Parameter, step, trigger
@trigger(event={'name': 'paid', 'parameters': {'n': 'deep.n'}, 'filter': {'kind': ['a']}})
class Pay(FlowSpec):
    n = Parameter('n', type=int, required=True)
    @step
    def start(self): self.next(self.end)
    @step
    def end(self): pass
if __name__ == '__main__': Pay()
"""


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as run:
        yield run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "pay.py").write_text(FLOW)
    return tmp_path


def test_from_emit_to_the_filter_that_says_no(triggers: Run, folder: Path) -> None:
    emitted = triggers("emit", "paid", "--id=-e:1", "--payload", '{"kind": "b"}', "--database=my.db", cwd=folder)
    typed = emitted.err.splitlines()[-1].partition("becomes of it: ")[2]
    assert typed == "metaflow-triggers trail --event=paid --database=my.db --id=-e:1"
    words = shlex.split(typed)[1:]
    unread = triggers(*words, cwd=folder)
    assert unread.code == 1 and "no engine has served the flow on this database" in unread.out
    with contextlib.closing(connect(str(folder / "my.db"))) as connection:  # as an engine leaves it that has read it
        connection.execute("INSERT INTO cursors (flow_key, sequence) VALUES ('Pay', 1)")
    said = triggers(*words, "flows", cwd=folder)
    assert said.code == 1 and said.err == ""
    assert said.out == (
        "local: Pay: not started by event paid\n"
        '  the filter said no: `kind` has to be "a"; found "b"\n'
    )  # fmt: skip
    told = triggers(words[0], "--format=json", *words[1:], "flows", cwd=folder)
    answer = json.loads(told.out)["answers"][0]
    assert (told.code, answer["cause"]["code"], answer["flow"]) == (1, "filter", "Pay")


def test_emit_says_at_once_that_nobody_waits_and_keeps_the_event(triggers: Run, folder: Path) -> None:
    assert "waits" not in triggers("emit", "payd", cwd=folder).err, "no engine has said what it waits for"
    with contextlib.closing(connect(str(folder / "metaflow-triggers.db"))) as connection:
        write_setting(connection, "waits.Pay", '["paid"]')
    done = triggers("emit", "payd", "--id", "2", cwd=folder)
    assert (done.code, done.out) == (0, "2\n")
    first = "no flow that was served from this database waits for event payd; did you mean `paid`? The event is kept"
    assert done.err.splitlines()[0] == f"note: {first}"
    assert "The event is kept" in triggers("emit", "quite-another", cwd=folder).err
    assert "waits for" not in triggers("emit", "paid", cwd=folder).err
    found = triggers("trail", "2", "flows", cwd=folder)
    assert found.code == 1 and "no flow waits for event payd; did you mean `paid`?" in found.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("trail",), 2, "required: ID"),
        (("trail", ""), 2, "FT762"),
        (("trail", " "), 2, "FT762"),
        (("trail", "a\x1b[2Jb"), 2, "FT762"),
        (("trail", "x" * 1025), 2, "FT762"),
        (("trail", "1", "--event", "two words"), 2, "FT760"),
        (("trail", "1", "--payload", "{"), 2, "FT761"),
        (("trail", "1", "--payload", "7"), 2, "FT761"),
        (("trail", "1", "--backend", "argo"), 2, "did you mean `argo-workflows`?"),
        (("trail", "1", "nowhere.py"), 3, "`nowhere.py`"),
        (("trail", "1"), 3, "there is no database"),
        (("trail", "1", "--database", "."), 3, "is a folder"),
    ],
)
def test_bad_input(triggers: Run, tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = triggers(*words, cwd=tmp_path)
    assert done.code == code
    assert said in done.out + done.err and "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
    assert not list(tmp_path.glob("*")), "nothing was made"


def test_what_a_target_cannot_tell_is_not_guessed(triggers: Run, folder: Path) -> None:
    done = triggers("trail", "1", "flows", "--backend=local", "--backend=step-functions", "--format=json", cwd=folder)
    document = json.loads(done.out)
    assert (done.code, document["verdict"]) == (3, "unknown")
    assert {item["target"] for item in document["answers"]} == {"local", "step-functions"}
    assert {item["cause"]["code"] for item in document["answers"]} == {"could-not-ask"}


@pytest.mark.parametrize(
    "raised", [OSError("no\nroute"), DiagnosticError([Diagnostic("FT701", "AWS does not answer")])]
)
def test_what_fails_in_asking_is_unknown_and_never_not_started(
    raised: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        @staticmethod
        def ask(question: Question, settings: object) -> list[Answer]:
            raise raised

    monkeypatch.setattr(trail.registry, "trail", lambda name: Failing)
    question = Question("1", None, None, (Asked("F", "F", None),))
    (answer,) = trail._ask(Namespace(), "step-functions", question, cast("Any", None))
    assert answer.verdict == "unknown" and exit_code([answer]) == trail.EXIT_UNKNOWN == EXIT_UNKNOWN
    assert answer.cause.words in (
        "could not be asked: OSError: no route",
        "could not be asked: FT701: AWS does not answer",
    )


def test_history_has_events_parameters_and_the_log(triggers: Run, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.serve(flow("F", any_of(event("paid", ("n", "n"))), parameters=[integer("n")]), ends=lambda order: "failed")
    world.turn(1)
    world.emit("paid", {"n": 10**30})
    world.turn()
    world.close()
    logs = tmp_path / "elsewhere"
    logs.mkdir()
    (logs / "F.1.log").touch()
    with contextlib.closing(connect(world.bench.path)) as connection:
        write_setting(connection, "logs", str(logs))
    done = triggers("history", "F", "--database", world.bench.path, "--format", "json", cwd=tmp_path)
    (row,) = json.loads(done.out)
    assert row["events"] == [{"name": "paid", "id": "id-1"}] and row["state"] == "failed"
    assert (row["parameters"], row["log"]) == ({"n": 10**30}, str(logs / "F.1.log"))
    table = triggers("history", "F", "--database", world.bench.path, cwd=tmp_path)
    assert "EVENT" in table.out and " id-1 " in table.out and "log of" not in table.out, "a pipe is no terminal"
    told = on_a_terminal("history", "F", "--database", world.bench.path)
    assert f"log of run-1: {logs / 'F.1.log'}" in told


def on_a_terminal(*words: str) -> str:
    """What a command prints there."""
    command = [sys.executable, "-m", "metaflow_triggers.commands.cli", *words]
    main, other = pty.openpty()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=other, stderr=other) as process:
        os.close(other)
        told = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(main, 65536):
                told += part
        process.wait()
    os.close(main)
    return told.decode()
