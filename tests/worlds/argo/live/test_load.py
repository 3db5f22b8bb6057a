"""Many events, and everything between webhook and Workflow failing now and then: no start is lost, none is doubled."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import metaflow  # noqa: F401 - first, because it imports emit_event
import pytest
from metaflow_extensions.triggers.contract import event_reader
from metaflow_extensions.triggers.plugins import argo_source
from metaflow_extensions.triggers.plugins.emit_event import EmitError

from tests.scenarios import reading
from tests.scenarios.rows import Row
from tests.unit.backends.argo.argo_flows import SETTINGS
from tests.worlds.argo.kubernetes_stand_in import Fault

from .cluster import Cluster
from .conftest import Launch
from .table import deploy_all, publish, publishing, workflows

EVENTS = 1000
EACH = {"LoadEach": {"trigger": "@trigger(event='load-tick')"}}
BOTH = {"LoadBoth": {"trigger": "@trigger(events=['load-left', 'load-right'], require='all')"}}


def prepared(launch: Launch, folder: Path, flows: dict[str, Any]) -> Cluster:
    row = Row("load", flows=flows)
    live = launch()
    deploy_all(live.kubernetes, [reading.read([row], folder)[row.rule].graph])
    live.start_all()
    return live


def sensor(live: Cluster, deployed: str) -> str:
    (name,) = (name for name in live.pids if name.startswith("sensor-") and f"-{deployed}-" in name)
    return name


def ids(live: Cluster, deployed: str) -> list[tuple[str, ...]]:
    """The ids of the events of each Workflow."""
    found = []
    for workflow in workflows(live.kubernetes, deployed):
        document = argo_source.document_of(workflow)
        assert document is not None
        found.append(tuple(str(event.id) for event in event_reader.select(document)))
    return found


class Troubles:
    """Kills a Sensor once certain Workflows have been made, before it knows of it; the API server fails in between."""

    def __init__(self, live: Cluster, service: str, deployed: str, kills: set[int], faults: dict[int, list[Fault]]):
        self.live, self.service, self.deployed = live, service, deployed
        self.todo, self.faults = set(kills), dict(faults)
        self.killed = 0
        live.kubernetes.store.watch = self.watch

    def watch(self, when: str, method: str, path: str) -> None:
        if method != "POST" or not path.endswith("/workflows"):
            return
        made = len(workflows(self.live.kubernetes, self.deployed))
        for number in [number for number in self.faults if number <= made]:
            self.live.kubernetes.store.faults += self.faults.pop(number)
        if when == "after" and made in self.todo:
            self.todo.remove(made)
            self.killed += 1
            os.kill(self.live.pids[self.service], signal.SIGKILL)


def failing(*statuses: int) -> list[Fault]:
    """Answers to the next requests for Workflows; 0 is none at all, and a negative one comes after the effect."""
    return [Fault("", "workflows", abs(status), after=status < 0) for status in statuses]


def campaign(launch: Launch, folder: Path, events: int, kills: set[int], faults: dict[int, list[Fault]]) -> int:
    """How often an event was delivered once more."""
    live = prepared(launch, folder, EACH)
    service = sensor(live, "loadeach")
    troubles = Troubles(live, service, "loadeach", kills, faults)

    def post(number: int) -> None:
        publish("load-tick", {"n": number}, f"tick {number}")
        if number % 10 == 0:  # the answer was lost: the publisher tries again under the same id
            publish("load-tick", {"n": number}, f"tick {number}")

    with publishing(live), ThreadPoolExecutor(4) as pool:
        posts = pool.map(post, range(events))
        while live.busy(events + (events + 9) // 10):
            if service in live.gone():
                live.start_again(service)
        list(posts)
    told = Counter(ids(live, "loadeach"))
    assert sorted(told) == sorted((f"tick {number}",) for number in range(events))
    assert set(told.values()) == {1}
    assert troubles.killed == len(kills) and not troubles.todo and not troubles.faults
    assert not [fault for fault in live.kubernetes.store.faults if fault.times]
    assert "-lost" not in live.log(service)
    return live.redeliveries()


def test_a_sensor_that_dies_loses_and_doubles_no_start(launch: Launch, tmp_path: Path) -> None:
    assert campaign(launch, tmp_path, 30, set(), {5: failing(500), 12: failing(-500), 20: failing(0)}) == 0


@pytest.mark.long
def test_a_thousand_events_with_redelivery_and_a_failing_api_server(launch: Launch, tmp_path: Path) -> None:
    faults = {
        100: failing(500, 500, 500),
        200: failing(409),
        300: failing(504, -504),
        400: failing(0, 0),
        500: failing(-500, 0, 503),
        600: failing(-409, 429),
        700: failing(-504),
    }
    assert campaign(launch, tmp_path, EVENTS, {150, 350, 351, 800}, faults) >= 4


def test_a_set_outlives_a_sensor_that_dies_between_its_events(launch: Launch, tmp_path: Path) -> None:
    live = prepared(launch, tmp_path, BOTH)
    service = sensor(live, "loadboth")
    with publishing(live):
        publish("load-left", {}, "left 1")
        live.quiet()
        live.kill(service)
        publish("load-right", {}, "right 1")  # while nobody listens
        live.start_again(service)
        live.quiet()
        assert ids(live, "loadboth") == [("left 1", "right 1")]
        publish("load-right", {}, "right 2")
        live.quiet()
        assert len(ids(live, "loadboth")) == 1  # the set was consumed
        publish("load-left", {}, "left 2")
        live.quiet()
    assert ids(live, "loadboth")[1:] == [("left 2", "right 2")]


@pytest.mark.long
def test_sets_lose_and_double_no_start_when_the_sensor_dies_at_each_point(launch: Launch, tmp_path: Path) -> None:
    live = prepared(launch, tmp_path, BOTH)
    service = sensor(live, "loadboth")
    troubles = Troubles(live, service, "loadboth", {2, 5, 9}, {3: failing(500, 0), 7: failing(-500, 409)})
    with publishing(live):
        for number in range(12):
            for side in ("left", "right"):
                publish(f"load-{side}", {}, f"{side} {number}")
                while live.busy(0):
                    if service in live.gone():
                        live.start_again(service)
                if number % 4 == 1:
                    live.kill(service)
                    live.start_again(service)
    assert troubles.killed == 3
    assert ids(live, "loadboth") == [(f"left {number}", f"right {number}") for number in range(12)]
    assert live.redeliveries() >= 3


def test_a_publisher_outlasts_an_event_source_that_starts_again(launch: Launch, tmp_path: Path) -> None:
    live = prepared(launch, tmp_path, EACH)
    source = f"source-{SETTINGS.argo_event_source}"
    with publishing(live), ThreadPoolExecutor(1) as pool:
        live.kill(source)
        back = pool.submit(live.start_again, source)
        while True:
            try:
                publish("load-tick", {}, "patient")
                break
            except EmitError:
                continue
        back.result()
        publish("load-tick", {}, "patient")  # it had not heard the answer
        while live.busy(2):
            pass
    assert ids(live, "loadeach") == [("patient",)]
