"""`metaflow-triggers simulate`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run

ORDERS = "examples/process_order"
CHAIN = "examples/data_pipeline"


def events(folder: Path, *lines: str) -> str:
    path = folder / "events.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def test_a_simulation_in_words(triggers: Run, tmp_path: Path) -> None:
    file = events(
        tmp_path,
        '{"name": "order-placed", "id": "a", "payload": {"orderId": 7, "totalAmount": 5.5}}',
        '{"name": "order-placed", "id": "a", "payload": {"orderId": 8, "totalAmount": 1}}',
        '{"name": "user-signup", "payload": {"userId": null}}',
        '{"name": "order-placed", "payload": {"orderId": 9, "totalAmount": "much"}}',
        '{"flow": "DataIngest", "outcome": "success", "run_id": "3", "at": "2026-01-05T09:00:00Z"}',
    )
    done = triggers("simulate", ORDERS, CHAIN, "examples/parameter_mapping", "--events", file)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        '1. event order-placed {"orderId": 7, "totalAmount": 5.5}  (2000-01-01T00:00:00+00:00)',
        '   starts ProcessOrder as run-1 with order_id = "7", amount = 5.5',
        '2. event order-placed {"orderId": 8, "totalAmount": 1}  (2000-01-01T00:00:00+00:00)',
        "   refused: event 'order-placed' with the id 'a' was accepted before, with another payload: "
        '{"orderId":7,"totalAmount":5.5}; a cloud starts nothing new by it',
        '3. event user-signup {"userId": null}  (2000-01-01T00:00:00+00:00)',
        "   does not start UserOnboarding: its required parameter `user_id` gets no value: user-signup has no field "
        "`userId`",
        '4. event order-placed {"orderId": 9, "totalAmount": "much"}  (2000-01-01T00:00:00+00:00)',
        "   starts ProcessOrder as run-2, which fails before its first step: event 'order-placed': field 'totalAmount' "
        "does not fit parameter 'amount': expected a finite number, found the text \"much\"",
        "5. flow DataIngest ends: success  (2026-01-05T09:00:00+00:00)",
        "   starts DataProcess as run-3",
        "",
        "step-functions: carries all of it",
        "argo-workflows: carries all of it",
    ]


def test_half_sets_and_refusals_of_a_backend(triggers: Run, tmp_path: Path) -> None:
    flow = tmp_path / "pairs.py"
    flow.write_text(
        "from metaflow import FlowSpec, step, trigger\n\n"
        "@trigger(events=['left', 'right'], require='all', options={'join': 'queue'})\n"
        "class Pairs(FlowSpec):\n"
        "    @step\n    def start(self):\n        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        pass\n\n"
        "if __name__ == '__main__':\n    Pairs()\n",
        "utf-8",
    )
    file = events(tmp_path, '{"name": "left"}', '{"name": "left"}')
    done = triggers("simulate", str(flow), "--events", file)
    assert done.code == 0, done.err
    assert "   Pairs has: event left arrives (2 times); lacks: event right arrives\n" in done.out
    assert "step-functions: carries all of it\nargo-workflows: refuses\n   FT501: `Pairs` pairs its events" in done.out


def test_what_a_backend_leaves_out_it_does_not_refuse(triggers: Run, tmp_path: Path) -> None:
    flow = tmp_path / "polled.py"
    flow.write_text(
        "from metaflow import FlowSpec, step\nimport metaflow_triggers.poll as cloaca\n\n"
        "class Polled(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n\n"
        "@cloaca.trigger(workflow='Polled', name='inbox', poll_interval='5s')\n"
        "def inbox():\n    return cloaca.TriggerResult.skip()\n\nif __name__ == '__main__':\n    Polled()\n"
    )
    (tmp_path / "events.jsonl").write_text('{"name": "any", "payload": {}}\n')
    done = triggers("simulate", str(flow), "--events", str(tmp_path / "events.jsonl"))
    assert done.code == 0, done.err
    assert "step-functions: carries" in done.out and "FT511" not in done.out


def test_a_name_too_long_for_a_cloud_is_simulated(triggers: Run, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(Path(ORDERS, "flow.py").read_text("utf-8").replace("ProcessOrder", "P" * 90))
    file = events(tmp_path, '{"name": "order-placed", "payload": {"orderId": "A", "totalAmount": 1}}')
    done = triggers("simulate", str(tmp_path / "flow.py"), "--events", file)
    assert done.code == 0, done.err
    assert f"starts {'P' * 90} as run-1" in done.out
    assert done.out.count(": refuses\n   FT401:") == 2


def test_json_keeps_every_digit(triggers: Run, tmp_path: Path) -> None:
    number = "1" * 5000
    file = events(tmp_path, f'{{"name": "order-placed", "payload": {{"orderId": {number}, "totalAmount": 1.50}}}}')
    done = triggers("simulate", ORDERS, "--events", file, "--format", "json")
    assert done.code == 0, done.err
    assert f'"order_id":"{number}"' in done.out and f'"payload":{{"orderId":{number},"totalAmount":1.50}}' in done.out
    assert json.loads(done.out, parse_int=str)["steps"][0]["starts"][0]["flow"] == "ProcessOrder"


def test_an_event_moves_no_terminal(triggers: Run, tmp_path: Path) -> None:
    file = events(
        tmp_path,
        '{"name": "order-placed", "payload": {"orderId": "\\u001b[2J\\u202e", "totalAmount": "\\u001b[2J"}}',
        '{"name": "\\u001b[2J", "payload": {}}',
        '{"name": "order-placed", "payload": {"orderId": "\\ud800"}}',
    )
    for form in ("text", "json"):
        done = triggers("simulate", ORDERS, "--events", file, "--format", form)
        assert done.code == 0, done.err
        assert form == "json" or ("\x1b" not in done.out and "\u202e" not in done.out)
        assert "lone surrogate" in done.out


def test_an_events_file_that_is_none_is_told(triggers: Run, tmp_path: Path) -> None:
    done = triggers("simulate", ORDERS, "--events", events(tmp_path, '{"name": "a"}', '{"name": "a", "paylod": {}}'))
    assert done.code == 2 and done.out == ""
    assert "error[FT790]" in done.err and "events.jsonl:2:1" in done.err and "did you mean `payload`?" in done.err


def test_no_events_file(triggers: Run, tmp_path: Path) -> None:
    done = triggers("simulate", ORDERS, "--events", str(tmp_path / "none.jsonl"))
    assert done.code == 2 and "cannot be read" in done.err


def test_a_mistake_in_the_flows(triggers: Run, tmp_path: Path) -> None:
    done = triggers("simulate", str(tmp_path / "none.py"), "--events", events(tmp_path, '{"name": "a"}'))
    assert done.code == 1 and "error[FT005]" in done.err and done.out == ""


def test_nothing_is_started_and_nobody_is_asked(run: Run, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    assert event not in ('socket.connect', 'socket.getaddrinfo', 'sqlite3.connect'), (event, arguments)\n"
        "sys.addaudithook(refuse)\n"
        "from metaflow_triggers.commands.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    file = events(tmp_path, '{"name": "order-placed", "payload": {"orderId": 7}}')
    done = run("-c", script, "simulate", ORDERS, "--events", file)
    assert done.code == 0, done.err
    assert "starts ProcessOrder as run-1" in done.out
    # A run would have made a datastore in its home, which is empty but for the events.
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
