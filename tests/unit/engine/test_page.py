"""`run --ui` without a browser: who is let in, what is done and told, what cannot be served."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
from itertools import islice
from pathlib import Path

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.engine.page import address, form
from metaflow_triggers.engine.page.feed import MOST, Feed
from metaflow_triggers.engine.page.looked import LOG_PART, Log
from metaflow_triggers.graph.link import link
from metaflow_triggers.project_file.shape import Event

from tests.unit.graph.build import span

from .flows import all_of, any_of, event, flow, needed
from .pages import Open, page
from .test_run_command import FLOW, place  # noqa: F401 - a fixture

web = pytest.importorskip("aiohttp.web", reason="the extra `ui`: pip install 'metaflow-triggers[ui]'")
make_mocked_request = pytest.importorskip("aiohttp.test_utils").make_mocked_request

BY_ORDER = """
    from metaflow import FlowSpec, Parameter, step, trigger

    @trigger(event={"name": "order", "parameters": {"order_id": "orderId"}})
    class Order(FlowSpec):
        order_id = Parameter("order_id", required=True)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Order()
"""

SHOP = [
    flow("Order", any_of(event("order", ("p", "orderId"))), parameters=[needed("p")]),
    flow("Pair", all_of(event("left"), event("right"))),
]


def test_who_is_let_in(bench):
    b = bench(*SHOP)
    with page(b.path, b.flows) as opened:
        # What everybody gets who asks for this host holds nothing of the flows.
        for path in ("/", "/app.js", "/page.css"):
            status, headers, text = opened.ask(path, headers={"Authorization": None})
            assert status == 200 and b"Order" not in text.replace(b"Order #", b"") and opened.token.encode() not in text
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'") and "unsafe" not in policy
            assert "require-trusted-types-for 'script'" in policy and headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store" and "Set-Cookie" not in headers and "Server" not in headers
        assert opened.ask("/api/picture")[0] == 200
        port = opened.base.rpartition(":")[2]
        refused = {
            401: [
                {"Authorization": None},
                {"Authorization": "Bearer x"},
                {"Authorization": f"Bearer {opened.token}x"},
                {"Authorization": None, "Cookie": f"token={opened.token}"},
            ],
            421: [
                {"Host": host} for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", None)
            ],
            403: [
                {"Origin": "http://evil.example"},
                {"Origin": "null"},
                {"Origin": f"https://127.0.0.1:{port}"},
                {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"},
            ],
        }
        for status, several in refused.items():
            for headers in several:
                assert opened.ask("/api/picture", headers=headers)[0] in (status, 400), headers
                assert opened.ask("/api/do/pause", {"flow": None}, headers=headers)[0] in (status, 400), headers
        assert opened.ask("/api/do/pause", {"flow": None}, headers={"Origin": None})[0] == 403
        assert opened.ask("/api/do/pause", {"flow": None}, headers={"Content-Type": "text/plain"})[0] == 404
        for path in ("/api/do/drop", "/..%2f..%2fetc/passwd", "/api/log/../../x", "/api/event/-1", "/page.html"):
            assert opened.ask(path, {} if "do" in path else None)[0] == 404, path
        assert b.rows("count(*)") == [(0,)]
        connection = local_events.connect(b.path)
        assert connection.execute("SELECT count(*) FROM paused").fetchone() == (0,), "nothing was done for them"
        connection.close()


def test_a_refusal_that_counts_as_false_refuses(monkeypatch):
    """As a response of aiohttp 3.9.5 does (findings/aiohttp-response-counts-as-false.sh)."""
    from metaflow_triggers.engine.page.guard import guard  # needs the extra

    monkeypatch.setattr(web.Response, "__bool__", lambda response: False, raising=False)

    async def handler(request):
        raise AssertionError("it was let in")

    request = make_mocked_request("GET", "/api/picture", headers={"Host": "127.0.0.1:1", "Authorization": "Bearer x"})
    assert asyncio.run(guard(1, "token")(request, handler)).status == 401


def test_what_a_page_does_is_what_the_commands_do(bench):
    b = bench(*SHOP)
    engine = b.engine()
    with page(b.path, b.flows) as opened:
        status, told = opened.do("emit", name="order", payload='{"orderId": "A-7", "n": 1.10}', id="a-7")
        assert (status, told["id"], told["told"]) == (200, "a-7", "accepted order with the id a-7"), told
        engine.turn()
        engine.turn()
        assert b.rows() == [("Order", "succeeded")]
        again = opened.do("emit", name="order", payload='{"n": 1.10, "orderId": "A-7"}', id="a-7")[1]["told"]
        assert again.endswith("was accepted before; nothing was added")
        for asked, code in (
            ({"payload": '{"orderId": 1}', "id": "a-7"}, "FT764"),
            ({"payload": "7"}, "FT761"),
            ({"payload": "{"}, "FT761"),
            ({"payload": "{}", "id": "a b"}, "FT762"),
            ({"payload": "{}", "name": "metaflow.x.end"}, "FT760"),
        ):
            status, told = opened.do("emit", **{"name": "order", **asked})
            assert (status, told["code"]) == (409, code)
        for body in (b"[]", b"{", b'{"name": 7, "payload": "{}"}', b'{"name": "order", "payload": {}}'):
            assert opened.ask("/api/do/emit", body)[0] == 400
        assert opened.ask("/api/do/emit", b" " * (2 << 20))[0] == 413
        found = opened.get("/api/event/1")
        assert found["body"] == '{"orderId":"A-7","n":1.10}' and found["trail"]["verdict"] == "started"
        assert found["trail"]["answers"][0]["start"] == 1
        run = opened.get("/api/start/1")
        assert run["run"]["state"] == "succeeded" and run["run"]["parameters"] == {"p": "A-7"}
        assert [item["sequence"] for item in run["events"]] == [1]
        assert opened.ask("/api/event/999")[0] == opened.ask("/api/start/999")[0] == opened.ask("/api/log/9")[0] == 404

        assert opened.do("pause", flow="Order")[1]["told"].startswith("no run of Order is started")
        opened.do("emit", name="order", payload='{"orderId": "B"}')
        engine.turn()
        assert b.rows()[-1] == ("Order", "claimed")
        assert opened.do("resume", flow="Order")[1]["told"] == "runs of Order are started again"
        for _ in range(2):
            b.clock.forward(2)
            engine.turn()
        assert b.rows()[-1] == ("Order", "succeeded")
        assert opened.do("pause", flow="Nobody")[1]["code"] == "FT730"
        assert opened.do("enable", name="nobody")[1]["code"] == "FT727"
        assert opened.do("pause", flow=None)[1]["told"].startswith("no run of any flow")
        assert opened.do("resume", flow=None)[1]["told"] == "runs of all flows are started again"

        opened.do("emit", name="order", payload="{}", id="none")
        engine.turn()
        assert b.rows("id, state")[-1] == (3, "refused")
        assert "no value" in opened.get("/api/start/3")["run"]["error"]
        assert opened.do("send-again", start=3)[1]["told"].startswith("refused")
        assert opened.do("send-again", start=1)[0] == 400
        counts = opened.do("again", sequence=1)[1]["told"]
        assert counts.startswith("1 accepted before, 1 that these flows wait for: 0 started") and "1 known" in counts


def test_what_is_seen_is_bounded_and_asked_for_once(bench):
    b = bench(*SHOP)
    engine = b.engine()
    engine.turn()
    feed = Feed(b.path)
    feed.serve([item.flow for item in b.flows])
    assert feed.look() is not None and feed.look() is None
    connection = local_events.connect(b.path)
    when = local_events.timestamp_text(b.clock.now())
    big = json.dumps({"orderId": "x" * 200_000})
    rows = [(str(n), "order", "event", big if n % 1000 == 0 else "{}", when) for n in range(5000)]
    local_events.append_many(connection, rows)
    connection.close()
    b.emit("left", {})
    for _ in range(40):
        engine.turn()
    found = feed.look()
    assert found is not None and found["accepted"] == 5006, "with the ends of five runs"
    sizes = {key: len(value) for key, value in found.items() if isinstance(value, list)}
    lists = {"events": MOST, "active": 0, "ended": 5, "refused": MOST, "sets": 1, "polls": 0, "schedules": 0}
    assert sizes == lists, "a flood of refusals hides no run"
    assert found["sets"] == [{"flow_key": "Pair", "place": 0, "arrived": ["left"], "missing": ["right"]}]
    assert len(json.dumps(found)) < 100_000
    connection = local_events.connect(b.path)
    local_events.append_many(connection, [(f"more-{n}", "right", "event", "{}", when) for n in range(150)])
    connection.close()
    again = feed.look()
    assert again is not None and len(again["events"]) == MOST and again["accepted"] == 5156
    assert found["flows"] == {"Order": {"running": 0, "waiting": 0, "last": "succeeded"}}
    # Another file under its name, and one that is damaged: said, and read again when it is good again.
    os.rename(b.path, f"{b.path}.old")
    with pytest.raises(sqlite3.Error):
        feed.look()
    Path(b.path).write_bytes(b"not a database" * 1000)
    with pytest.raises(sqlite3.Error):
        feed.look()
    os.rename(f"{b.path}.old", b.path)
    assert feed.look()["accepted"] == 5156
    feed.close()


SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer", "description": "of the order"},
        "kind": {"enum": ["a", "b"]},
        "who": {"type": "object", "properties": {"name": {"type": "string", "default": "Ada"}}},
        "more": {"type": "array"},
    },
}


def test_flows_that_were_read_again_and_what_the_engine_says(bench):
    b = bench(*SHOP)
    graphs = [link([item.flow for item in b.flows], frozenset()), link([b.flows[0].flow], frozenset())]
    with page(b.path, b.flows, graph=lambda: graphs[0]) as opened:
        assert len(opened.get("/api/picture")["flows"]) == 2
        del graphs[0]
        opened.telling.on_edition({}, ["Pair is no longer in the files"])
        opened.telling.on_signal("starting nothing more")
        with opened.stream() as lines:
            said: list[str] = []
            for line in islice(lines, 60):
                told = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                said = [note["text"] for note in told.get("notes", ())] or said
                if len(said) == 2:
                    break
        assert said == ["Pair is no longer in the files", "starting nothing more"]
        assert list(opened.get("/api/picture")["flows"]) == ["flow/Order"]
        assert opened.do("emit", name="left", payload="{}")[1]["note"] is None


def test_forms():
    made = form.form(SCHEMA, None, [])
    assert made["of"] == "catalogue" and made["text"] == "{}"
    assert [(field["path"], field["kind"], field["value"]) for field in made["fields"]] == [
        (["id"], "integer", None),
        (["kind"], "choice", None),
        (["who", "name"], "string", '"Ada"'),
        (["more"], "json", None),
    ]
    assert made["fields"][0]["required"] and made["fields"][0]["told"] == "of the order"
    from metaflow_extensions.triggers.contract import exact_json

    newest = exact_json.loads('{"id": 12345678901234567890, "x": {"y": 1.10}, "l": [1], "b": true, "": null, "o": {}}')
    made = form.form(None, newest, ["ignored"])
    assert made["of"] == "payload"
    assert [(field["path"], field["kind"], field["value"]) for field in made["fields"]] == [
        (["id"], "number", "12345678901234567890"),
        (["x", "y"], "number", "1.10"),
        (["l"], "json", "[1]"),
        (["b"], "boolean", "true"),
        ([""], "json", "null"),
        (["o"], "json", "{}"),
    ]
    made = form.form(None, None, ["a.b", "c", "c"])
    assert made["of"] == "flows" and [field["path"] for field in made["fields"]] == [["a", "b"], ["c"]]
    assert form.form({"properties": 7}, None, [])["fields"] == []
    assert form.form({"properties": {"x": True}, "required": 7}, None, [])["fields"][0]["kind"] == "json"


def test_a_form_is_of_the_catalogue_and_the_catalogue_judges(bench):
    b = bench(*SHOP)
    entry = Event("order", span("metaflow-triggers.toml", 3), "shop", "an order", "", json.dumps(SCHEMA))
    with page(b.path, b.flows, catalogue=[entry]) as opened:
        assert opened.get("/api/form?event=order")["of"] == "catalogue"
        assert opened.get("/api/form?event=nobody") == {"of": "flows", "fields": [], "text": "{}"}
        assert opened.do("emit", name="order", payload='{"id": "x"}')[1]["code"] == "FT765"
        assert opened.do("emit", name="order", payload='{"id": 7}')[0] == 200
        assert opened.get("/api/form?event=order&sequence=1")["fields"][0]["value"] == "7"
        node = next(item for item in opened.get("/api/picture")["nodes"] if item["id"] == "event/order")
        assert node["catalogue"]["owner"] == "shop"


def test_a_log_is_read_from_near_its_end_and_through_no_link(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * (3 * LOG_PART) + b"end")
    log = Log(str(tmp_path / "log"))
    log.begin()
    assert log.left_out == 2 * LOG_PART + 3
    assert log.read().endswith(b"xend") and log.read() == b""
    with (tmp_path / "log").open("ab") as file:
        file.write(b"more")
    assert log.read() == b"more"
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with pytest.raises(OSError, match=r".*"):
        Log(str(tmp_path / "link")).read()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        Log(str(tmp_path / "pipe")).read()


def test_the_token_is_kept_where_its_owner_alone_may_read(tmp_path):
    database = str(tmp_path / "x.db")
    kept = Path(f"{database}-page")
    first = address.token(database)
    assert address.token(database) == first == kept.read_text() and kept.stat().st_mode & 0o777 == 0o600
    kept.chmod(0o644)
    second = address.token(database)
    assert second != first and kept.stat().st_mode & 0o777 == 0o600
    kept.rename(tmp_path / "mine")
    kept.symlink_to(tmp_path / "mine")
    third = address.token(database)
    assert third != second and not kept.is_symlink() and (tmp_path / "mine").read_text() == second
    kept.write_text("short")
    assert len(address.token(database)) == 43
    with pytest.raises(DiagnosticError) as raised:
        address.token(str(tmp_path / "no" / "x.db"))
    assert raised.value.diagnostics[0].code == "FT759"


def test_what_cannot_be_served(place, monkeypatch):  # noqa: F811
    place.flow(FLOW)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = place.run("flow.py", "--until-idle", "--ui", str(port))
    assert (code, out) == (1, "") and "error[FT759]" in err and "another process has the port" in err
    assert "Traceback" not in err and not (place.folder / "metaflow-triggers.db").exists()
    assert not (place.folder / "__pycache__").exists(), "nothing was read"
    for words in (["--ui", "flow.py"], ["flow.py", "--ui", "65536"], ["flow.py", "--ui=-1"]):
        code, out, err = place.run(*words)
        assert code == 2 and "is no port" in err
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    with pytest.raises(DiagnosticError) as raised:
        address.listening(0)
    told = raised.value.diagnostics[0]
    assert told.code == "FT759" and "pip install 'metaflow-triggers[ui]'" in told.helps[0]


def test_an_engine_goes_on_whatever_becomes_of_its_page(place):  # noqa: F811
    place.flow(FLOW)
    process = place.start("flow.py", "--ui", "0")
    line = process.stdout.readline()
    assert line.startswith("page       http://127.0.0.1:")
    assert process.stdout.readline().startswith("ready")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (child,) = [int(pid) for pid in children if "page.child" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(child, 19)  # it answers nobody any more
    (place.folder / "may-end").touch()
    database = str(place.folder / "metaflow-triggers.db")
    local_events.append(database, "go", "{}", "go-1", "2026-01-05T12:00:00.000000+00:00")
    assert [process.stdout.readline().split()[0] for _ in range(2)] == ["started", "succeeded"]
    os.kill(child, 9)
    process.terminate()
    assert process.communicate(timeout=30) == ("", "") and process.returncode == 0


def test_what_is_sent_again_is_sent_to_the_flow_as_its_file_is_now(place):  # noqa: F811
    mended = BY_ORDER.replace("required=True", 'default="none"')
    place.flow(BY_ORDER)
    process = place.start("flow.py", "--ui", "0")
    try:
        opened = Open(process.stdout.readline().split()[1], None)
        assert process.stdout.readline().startswith("ready")
        assert opened.do("emit", name="order", payload='{"total": 77}', id="z1")[0] == 200
        assert process.stdout.readline().startswith("refused")
        assert opened.do("send-again", start=1)[1]["told"].startswith("refused: the required parameter order_id")
        place.flow("1 +")
        assert "cannot be read as it is now" in opened.do("send-again", start=1)[1]["told"]
        assert "left out: `flow.py` cannot be read" in opened.do("again", sequence=1)[1]["told"]
        place.flow(mended)
        assert opened.do("send-again", start=1)[1]["told"] == "started: its run is next"
        (place.folder / "metaflow-triggers.toml").write_text('[events.order]\nschema = {required = ["total"]}\n')
        assert opened.do("emit", name="order", payload="{}")[1]["code"] == "FT765"
        (place.folder / "metaflow-triggers.toml").write_text("[[[")
        assert opened.do("emit", name="order", payload="{}")[1]["code"] == "FT030"
        (place.folder / "metaflow-triggers.toml").unlink()
        while place.states() != ["succeeded"]:
            line = process.stdout.readline()
            assert line and "failed" not in line, (line, place.states())
    finally:
        process.terminate()
        process.communicate(timeout=30)
