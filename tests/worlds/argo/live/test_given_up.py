"""A start that the API refuses for good: what is left of it, and that no later event of the flow is lost meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.argo.trail.sensor_log import why_refused

from tests.worlds.argo.kubernetes_stand_in import Fault

from .cluster import Cluster
from .conftest import Launch
from .table import publish, publishing
from .test_load import ids, prepared, sensor

TRIES = 2
"""3 seconds instead of an hour."""
_OPTIONS = f"options={{'argo-workflows': {{'retry': {TRIES}}}}}"
EACH = {"LoadEach": {"trigger": f"@trigger(event='load-tick', {_OPTIONS})"}}
BOTH = {"LoadBoth": {"trigger": f"@trigger(events=['load-left', 'load-right'], require='all', {_OPTIONS})"}}


def refusing(live: Cluster, status: int, method: str = "POST") -> Fault:
    """The API server's answer to the tries of the next start."""
    fault = Fault(method, "workflows", status, f"refused with {status}", times=TRIES)
    live.kubernetes.store.faults.append(fault)
    return fault


def told(live: Cluster) -> dict[str, Any]:
    """What `kubectl get configmaps` shows."""
    return live.kubernetes.objects("configmaps")


def campaign(launch: Launch, folder: Path, events: int) -> None:
    live = prepared(launch, folder, EACH)
    service = sensor(live, "loadeach")
    later = [f"later {number}" for number in range(events)]
    with publishing(live):
        refused = refusing(live, 403)
        publish("load-tick", {"secret": "of the payload"}, "refused")
        for identity in later:
            publish("load-tick", {}, identity)
        while live.busy(events + 1):
            pass
    assert refused.times == 0
    assert sorted(ids(live, "loadeach")) == sorted((identity,) for identity in later)
    (item,) = told(live).values()
    labels = item["metadata"]["labels"]
    assert labels["metaflow-triggers/start"] == "given-up"
    assert labels["metaflow-triggers/deployed-name"] == "loadeach"
    event = json.loads(item["data"]["event-0"])
    assert (event["name"], event["id"], set(event)) == ("load-tick", "refused", {"name", "id", "timestamp"})
    assert "of the payload" not in json.dumps(item)
    assert "Successfully processed trigger 'start-lost'" in live.log(service)


def test_later_events_of_a_flow_whose_start_is_refused_are_not_lost(launch: Launch, tmp_path: Path) -> None:
    campaign(launch, tmp_path, 20)


@pytest.mark.long
def test_a_thousand_later_events_are_not_lost(launch: Launch, tmp_path: Path) -> None:
    campaign(launch, tmp_path, 1000)


def test_a_set_that_is_given_up_is_told_with_all_its_events(launch: Launch, tmp_path: Path) -> None:
    live = prepared(launch, tmp_path, BOTH)
    with publishing(live):
        refusing(live, 422)
        publish("load-left", {}, "left")
        publish("load-right", {}, "right")
        while live.busy(2):
            pass
        ((name, item),) = told(live).items()
        assert [json.loads(item["data"][f"event-{place}"])["id"] for place in (0, 1)] == ["left", "right"]
        publish("load-left", {}, "left again")
        publish("load-right", {}, "right again")
        while live.busy(4):
            pass
    (made,) = live.kubernetes.objects("workflows")
    assert ids(live, "loadboth") == [("left again", "right again")]
    assert name.rpartition("-")[0] == made.rpartition("-")[0] and name != made


def test_a_sensor_tries_alike_whatever_the_api_answers_and_a_loss_that_cannot_be_told_is_logged(
    launch: Launch, tmp_path: Path
) -> None:
    live = prepared(launch, tmp_path, EACH)
    service = sensor(live, "loadeach")
    with publishing(live):
        tries = {}
        for status in (403, 422, 503):
            refused = refusing(live, status)
            before = len(live.kubernetes.store.writes)
            publish("load-tick", {}, f"refused with {status}")
            live.quiet()
            asked = live.kubernetes.store.writes[before:]
            tries[status] = sum(line.endswith("/workflows") for line in asked)
            assert refused.times == 0
        assert tries == {403: TRIES, 422: TRIES, 503: TRIES}
        assert len(told(live)) == 3
        log = live.log(service)
        records = [
            json.loads(line) for line in log.splitlines() if "Successfully processed trigger 'start-lost'" in line
        ]
        assert [why_refused(log, "another", line["ts"]) for line in records] == [
            f"refused with {status}" for status in tries
        ]
        refusing(live, 403)
        live.kubernetes.store.forbidden = {"POST configmaps"}
        publish("load-tick", {}, "not told")
        live.quiet()
    assert len(told(live)) == 3
    assert "failed to trigger dlqTrigger" in live.log(service)
