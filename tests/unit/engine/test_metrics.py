"""`run --metrics`: what is scraped over HTTP is what happened, and nothing of the engine waits for it."""

from __future__ import annotations

import re
import socket
import sqlite3
import sys
import time
import urllib.error
import urllib.request

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.engine import store
from metaflow_triggers.engine.metrics.counts import _ACTIVE, KINDS, STATES, Counting, Database
from metaflow_triggers.engine.metrics.endpoint import parse, serving
from metaflow_triggers.engine.observe import Change, Observer

from .flows import all_of, any_of, event, flow, needed
from .test_run_command import FLOW, NOW, place  # noqa: F401 - a fixture

pytest.importorskip("prometheus_client", reason="the extra `metrics`")


def scraped(url: str) -> dict[tuple[str, ...], float]:
    """(name without the prefix, values of its labels) -> the number, as Prometheus' own parser reads it."""
    from prometheus_client.parser import text_string_to_metric_families

    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.name.startswith("metaflow_triggers_")
        for sample in family.samples:
            name = sample.name.removeprefix("metaflow_triggers_")
            key = (name, *sample.labels.values())
            assert key not in found
            found[key] = sample.value
    return found


def test_what_is_scraped_is_what_happened(bench):
    b = bench(
        flow("Order", any_of(event("order"))),
        flow("Strict", any_of(event("strict", ("p", "p"))), parameters=[needed("p")]),
        flow("Pair", all_of(event("left"), event("right"))),
        flow("Slow", any_of(event("slow"))),
    )
    b.emit("before")
    counting = Counting(b.told)
    b.told = counting
    engine = b.engine(ends=lambda order: {"Slow": None, "Order": "failed"}.get(order.flow_key, "succeeded"), max_runs=3)
    with serving("127.0.0.1:0", counting, Database(b.path, b.clock)) as url:
        counting.on_begin(engine.flows)
        began = scraped(url)
        assert began["starts_total", "Order"] == began["runs_ended_total", "Order", "failed"] == 0
        assert began["events_accepted_total", "event"] == 0 and began["database_readable",] == 1
        for name, payload in (("order", {}), ("order", {}), ("strict", {}), ("strict", {"p": "1"}), ("left", {})):
            b.emit(name, payload)
        for _ in range(8):
            engine.turn()
            b.clock.forward(1)
        for _ in range(4):
            b.emit("slow")
        for _ in range(3):
            engine.turn()
        b.clock.forward(60)
        found = scraped(url)
    assert found["events_accepted_total", "event"] == 9
    assert found["starts_total", "Order"] == found["runs_ended_total", "Order", "failed"] == 2
    assert found["starts_total", "Strict"] == found["runs_ended_total", "Strict", "succeeded"] == 1
    assert found["starts_refused_total", "Strict"] == 1
    assert found["run_duration_seconds_count", "Order"] == 2
    assert found["set_events_waiting", "Pair"] == 1
    assert (found["starts_total", "Slow"], found["runs_active", "Slow"], found["starts_queued", "Slow"]) == (2, 2, 2)
    assert found["starts_queued_oldest_age_seconds", "Slow"] == pytest.approx(60, abs=1)
    assert found["runs_active_oldest_age_seconds", "Slow"] >= 0
    assert found["database_bytes",] > 4096
    # By what is counted, no word of an event, and no id.
    labels = {part for key in found if key[0] != "engine_info" for part in key[1:]}
    assert labels == {"Order", "Strict", "Pair", "Slow", *KINDS, *STATES}
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


def test_a_scrape_asks_by_an_index(bench):
    b = bench(flow("Order", any_of(event("order"))))
    connection = sqlite3.connect(b.path)
    plan = " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + _ACTIVE))
    assert "starts USING COVERING INDEX starts_active" in plan and "autoindex" not in plan, plan
    connection.close()


def test_a_database_that_cannot_be_read_leaves_the_counts(tmp_path):
    counting = Counting(Observer())
    counting.on_line(Change("started", "Order", 1, "by hand"))
    with serving("127.0.0.1:0", counting, Database(str(tmp_path / "none.db"))) as url:
        found = scraped(url)
    assert found["starts_total", "Order"] == 1 and found["database_readable",] == 0
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "text", ["9464", "127.0.0.1", ":9464", "127.0.0.1:99999", "a b:1", "http://127.0.0.1:1", "[::1:1", ""]
)
def test_what_is_no_address(text):
    with pytest.raises(DiagnosticError) as raised:
        parse(text)
    assert [item.code for item in raised.value.diagnostics] == ["FT757"]


def test_addresses():
    assert parse("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse("[::1]:9464") == ("::1", 9464)
    assert parse("metrics-host.example:65535") == ("metrics-host.example", 65535)


def refused(address: str) -> str:
    with pytest.raises(DiagnosticError) as raised, serving(address, Counting(Observer()), Database("none.db")):
        pass
    (told,) = raised.value.diagnostics
    assert told.code == "FT758"
    return " ".join([told.message, *told.helps])


def test_a_port_that_is_taken_and_hosts_of_others():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(f"127.0.0.1:{taken.getsockname()[1]}")
        assert "another process has the port" in said and "lsof -i :" in said
    assert "give an address of this machine" in refused("192.0.2.1:0")
    assert "give an address of this machine" in refused("nobody.invalid:0")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert "pip install 'metaflow-triggers[metrics]'" in refused("127.0.0.1:0")


def test_the_command(place):  # noqa: F811
    place.flow(FLOW)
    assert place.run("flow.py", "--until-idle", "--metrics", "9464")[0] == 2
    database = str(place.folder / "metaflow-triggers.db")
    store.connect(database).close()
    local_events.append(database, "go", "{}", "go-1", NOW)
    process = place.start("flow.py", "--until-idle", "--metrics", "127.0.0.1:0")
    url, seen = "", ""
    for line in process.stdout:
        seen += line
        if line.startswith("metrics"):
            url = re.search(r"http://\S+", line)[0]
        if line.startswith("started"):
            break
    while ("runs_active", "Waits") not in (found := scraped(url)):  # its process is about to begin
        assert process.poll() is None
        time.sleep(0.05)
    (place.folder / "may-end").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, seen + out + err
    assert found["starts_total", "Waits"] == found["runs_active", "Waits"] == 1
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)
