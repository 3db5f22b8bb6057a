"""`create` and `delete` that are killed anywhere, and two at once: afterwards all is as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS, SPAN, event, flow, trigger
from ..kubernetes.both import cluster
from .deployments import about, connect, create, ended, in_a_process, killed_at, put_upstreams, state, verbs
from .kubernetes_stand_in import KubernetesStandIn

SCHEDULED = replace(EVERYTHING, schedule=Schedule("0 9 * * ? *", None, SPAN))
ELSEWHERE = flow(trigger(event("a"), options='{"argo-workflows": {"sensor-namespace": "elsewhere"}}'))
NOTHING = flow()

Work = Callable[[str], Any]


def deploying(chosen: Any, **more: Any) -> Work:
    def work(url: str) -> Any:
        with connect(url) as client:
            return create(client, chosen, about=about(chosen), accept_changes=True, **more)

    return work


def removing(url: str) -> Any:
    with connect(url) as client:
        return converge.delete("demoflow", SETTINGS, client=client)


def removing_all(url: str) -> Any:
    with connect(url) as client:
        return converge.delete("demoflow", SETTINGS, client=client, shared=True)


CASES: dict[str, tuple[Callable[[KubernetesStandIn], Any], Work]] = {
    "create": (lambda server: None, deploying(SCHEDULED)),
    "over another": (lambda server: deploying(SCHEDULED)(server.url), deploying(NOTHING)),
    "out of another namespace": (lambda server: deploying(ELSEWHERE)(server.url), deploying(SCHEDULED)),
    "over upstream's": (put_upstreams, deploying(SCHEDULED)),
    "over upstream's, without a schedule": (put_upstreams, deploying(EVERYTHING)),
    "of a renamed flow": (
        lambda server: deploying(EVERYTHING)(server.url),
        deploying(replace(SCHEDULED, name="Renamed"), replaces=("demoflow",)),
    ),
    "delete": (lambda server: deploying(SCHEDULED)(server.url), removing),
    "delete, out of another namespace": (lambda server: deploying(ELSEWHERE)(server.url), removing),
    "delete upstream's": (put_upstreams, removing),
    "delete, and what is shared": (lambda server: deploying(SCHEDULED)(server.url), removing_all),
}


@pytest.mark.parametrize("case", CASES)
def test_killed_at_some_writes_the_next_run_finishes(case: str) -> None:
    killed_at_each_write(case, 3)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_write_the_next_run_finishes(case: str) -> None:
    killed_at_each_write(case, 1)


def killed_at_each_write(case: str, every: int) -> None:
    """Kills before the first write, then before and after each, or each third and so on, until none is left."""
    before, work = CASES[case]
    with cluster() as untouched:
        before(untouched)
        work(untouched.url)
        wanted = state(untouched)
    boundaries = 0
    ends = [(number, when) for number in range(1, 100) for when in ("before", "after")]
    for write, when in ends[::every]:  # of an odd step: both kinds of ends
        with cluster() as server:
            before(server)
            killed = killed_at(server, lambda url=server.url: work(url), write, when)  # type: ignore[misc]
            if killed:
                boundaries += 1
                work(server.url)
            assert state(server) == wanted, (write, when)
            if not killed:
                writes = len(server.store.writes)
                assert verbs(work(server.url)) <= {"unchanged"}
                assert len(server.store.writes) == writes
                break
    assert boundaries >= 2 / every


def test_two_at_once_leave_one_deployment() -> None:
    with cluster() as alone:
        deploying(SCHEDULED, token="left")(alone.url)
        wanted = _without_tokens(state(alone))
    for _ in range(3):
        with cluster() as server:
            with server.store.lock:
                children = [
                    in_a_process(lambda token=token: deploying(SCHEDULED, token=token)(server.url))  # type: ignore[misc]
                    for token in ("left", "right")
                ]
            assert [ended(child) for child in children] == [0, 0]
            assert _without_tokens(state(server)) == wanted
            template = server.objects("workflowtemplates")["flows/demoflow"]
            with connect(server.url) as client:
                token = converge.production_token("demoflow", SETTINGS, client=client)
                assert template["metadata"]["annotations"]["metaflow/production_token"] == token
                assert verbs(create(client, SCHEDULED, token=str(token), about=about(SCHEDULED))) == {"unchanged"}


def _without_tokens(found: dict[str, Any]) -> dict[str, Any]:
    for name, item in found.items():
        if "/secrets/metaflow-triggers-token" in name:
            item["data"] = None
        if "/workflowtemplates/" in name:
            for place in (item["metadata"], item["spec"]["workflowMetadata"]):
                place["annotations"].pop("metaflow/production_token")
            item["metadata"]["annotations"].pop("metaflow-triggers/applied")
    return found


def test_a_token_that_a_killed_create_left_is_taken_up() -> None:
    with cluster() as server, connect(server.url) as client:
        assert killed_at(server, lambda: deploying(SCHEDULED, token="first")(server.url), 9, "after")
        assert converge.production_token("demoflow", SETTINGS, client=client) == "first"
        assert not server.objects("workflowtemplates")
        create(client, SCHEDULED, token="second")
        assert converge.production_token("demoflow", SETTINGS, client=client) == "first"
        create(client, SCHEDULED, token="chosen", token_is_chosen=True)
        assert converge.production_token("demoflow", SETTINGS, client=client) == "chosen"


def test_what_somebody_changes_meanwhile_is_planned_anew() -> None:
    with cluster() as server, connect(server.url) as client:
        create(client, EVERYTHING)
        (sensor,) = (key for key in server.store.objects if key[2] == "sensors")
        once = [True]

        def watch(at: str, method: str, path: str) -> None:
            if at == "before" and "dryRun=All" not in path and once:
                once.clear()
                item = {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Sensor",
                    "metadata": {"labels": {"team": "blue"}},
                }
                server.store.apply(sensor, item, "someone", False, False)

        server.store.watch = watch
        report = create(client, flow(trigger(event("b"))))
        assert "updated" in verbs(report)
        made = server.store.objects[sensor]
        assert made["metadata"]["labels"]["team"] == "blue"
        assert len(made["spec"]["triggers"]) == 1


def test_nothing_of_the_files_is_written_before_all_of_them_passed_the_dry_run() -> None:
    with cluster() as server, connect(server.url) as client:
        create(client, EVERYTHING)
        lines = [line for line in server.store.requests if not line.startswith("GET ")]
        first = next(place for place, line in enumerate(lines) if "dryRun=All" not in line)
        assert all("dryRun=All" in line for line in lines[:first])
        rehearsed = {line.replace("&dryRun=All", "").split("?")[0] for line in lines[:first]}
        assert rehearsed == {line.split("?")[0] for line in lines[first:]}
