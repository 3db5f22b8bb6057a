"""Starts that a Sensor has given up: listed with the cluster's reason, published again once, dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from metaflow_triggers.backends.argo.dead_letters import box as boxes
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.trail import start_names
from metaflow_triggers.diagnostics import DiagnosticError

from ...unit.backends.argo.argo_flows import SETTINGS, event, flow, trigger
from .kubernetes_stand_in import KubernetesStandIn
from .trail_world import GOOD, World

DEMO = flow(trigger(event("order")))


@pytest.fixture
def world(server: KubernetesStandIn, client: Any) -> World:
    return World(server, client)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    monkeypatch.setattr(boxes, "PATIENCE", 0.3)
    yield []


def given_up(world: World, identity: str = "17") -> str:
    (made,) = start_names.of_event(DEMO, "order", identity)
    assert made.name is not None
    world.given_up(made.name, "order", identity)
    return made.name


def box(world: World, published: list[Any], start: bool = True) -> boxes.GivenUp:
    def publish(name: str, payload: Any, text: str, identity: str) -> None:
        published.append((name, text, identity))
        if start:
            world.start(DEMO, name, identity, payload, GOOD)

    return boxes.GivenUp("demoflow", SETTINGS, Cluster.of(world.client), publish)


def records(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.server.objects("configmaps")
    return found


def test_a_start_that_was_given_up_is_sent_again_once(world: World, published: list[Any]) -> None:
    world.deploy(DEMO)
    name = given_up(world)
    before = json.dumps(records(world))
    (letter,) = box(world, published).look().letters
    assert (letter.id, letter.name, letter.event_id, letter.flow) == (name, "order", "17", "DemoFlow")
    assert "only the Sensor's log" in letter.reason and letter.where == f"ConfigMap flows/{name}"
    assert json.dumps(records(world)) == before

    (stays,) = box(world, published).send([name])
    assert stays.verdict == "stays" and "--payload" in stays.told and published == []
    with pytest.raises(DiagnosticError) as raised:
        list(box(world, published).send([name], "[1"))
    assert raised.value.diagnostics[0].code == "FT761" and published == []
    (unsure,) = box(world, published, start=False).send([name], '{"n": 1.10}')
    assert unsure.verdict == "unsure" and len(records(world)) == 1
    (done,) = box(world, published).send([name], '{"n": 1.10}')
    assert (done.verdict, done.told) == ("started", name)
    assert published == [("order", '{"n":1.10}', "17")] * 2 and records(world) == {}
    given_up(world)  # ended before the record was taken away
    (known,) = box(world, published).send([name])
    assert known.verdict == "known" and len(published) == 2 and records(world) == {}


def test_what_cannot_be_sent_is_dropped(world: World, published: list[Any]) -> None:
    world.deploy(DEMO)
    world.given_up("odd", "order", "1")
    records(world)["flows/odd"]["data"] = {"event-0": "{damaged"}
    world.given_up("set", "order", "1")
    records(world)["flows/set"]["data"]["event-1"] = '{"name": "other", "id": "2"}'
    world.given_up("end", "metaflow.outcome.up.success", "up-1")
    looked = {one.id: one for one in box(world, published).look().letters}
    assert {name: one.kind for name, one in looked.items()} == {"odd": "odd", "set": "set", "end": "outcome"}
    assert looked["end"].name == "up"
    assert {one.verdict for one in box(world, published).send(list(looked), "{}")} == {"stays"}
    assert published == []
    assert list(box(world, published).drop(["odd", "nothing"])) == ["odd"]
    assert set(records(world)) == {"flows/set", "flows/end"}
