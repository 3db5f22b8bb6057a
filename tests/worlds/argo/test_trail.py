"""Why a flow did not start on a cluster: the true cause is named and no other, by one object after the other."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy import cluster
from metaflow_triggers.backends.argo.trail import start_names
from metaflow_triggers.backends.argo.trail.looks import RIGHTS, RIGHTS_OF_POLLS
from metaflow_triggers.backends.argo.trail.target import asked_of
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.trail.answer import Answer, exit_code
from metaflow_triggers.trail.json import as_value
from metaflow_triggers.trail.question import Asked, Question
from metaflow_triggers.trail.text import text

from tests.flows import filtered
from tests.unit.commands.conftest import clean

from ...unit.backends.argo.argo_flows import SETTINGS, event, finish, flow, trigger
from . import deployments
from .kubernetes_stand_in import KubernetesStandIn
from .trail_rows import PAID, PAYLOAD, RUNS, Row
from .trail_standing import STANDING
from .trail_world import GOOD, World, codes, ended, failed, pod

ROWS = [*RUNS, *STANDING]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def world(server: KubernetesStandIn, client: Any) -> World:
    return World(server, client)


def asked(world: World, row: Row) -> list[Answer]:
    world.deploy(row.as_written or row.flow, row.as_written)
    row.situation(world)
    before = len(world.server.store.requests)
    found = world.ask(row.flow, event=row.event, payload=row.payload)
    for_one_object(world.server.store.requests[before:])
    return found


def for_one_object(requests: list[str]) -> None:
    """Nothing is written, nothing listed but pods and records of one flow, nothing asked for twice."""
    pods = [line for line in requests if "/namespaces/events/pods" in line]
    assert all("/pods?labelSelector=sensor-name%3D" in line or "/log?tailLines=" in line for line in pods)
    records = "/configmaps?labelSelector=metaflow-triggers%2Fstart%3Dgiven-up%2Cmetaflow-triggers%2Fdeployed-name%3D"
    requests = [line for line in requests if line not in pods and records not in line]
    names = [line for line in requests if not line.endswith("/localsubjectaccessreviews")]
    for line in names:
        assert line.startswith("GET ") and len(line.partition("/namespaces/")[2].split("/")) == 3, line
    assert len(set(names)) == len(names) and len(requests) - len(names) in (0, 2)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_the_true_cause_and_no_other(world: World, row: Row) -> None:
    found = asked(world, row)
    first = found[0]
    assert codes(first) == row.said
    told = text(found)
    for words in row.words:
        assert words in told
    assert (first.run.state if first.run else None) == row.state or row.state is None
    for command in row.commands:
        assert any(line.startswith(command) for line in first.commands), first.commands
    question = Question("17", row.event, row.payload, ())
    assert findings(as_value(question, ["argo-workflows"], found), "trail/answers") == []
    assert exit_code(found) == {"started": 0, "not started": 1, "unknown": 3}[first.verdict]


def test_at_least_18_situations_and_every_cause_that_this_target_has() -> None:
    assert len(ROWS) >= 18 and len({row.title for row in ROWS}) == len(ROWS)


CHILD = flow(trigger(finish("DemoFlow")), name="Child")
OTHER = flow(trigger(finish("DemoFlow", "failure")), name="Other")


def parent_ended(world: World, status: Any) -> str:
    for item in (PAID, CHILD, OTHER):
        world.deploy(item)
    for item in world.server.objects("sensors").values():
        if item["metadata"]["name"].startswith("demoflow"):
            break
    made = start_names.of_event(PAID, "paid", "17")[0].name
    resource = item["spec"]["triggers"][0]["template"]["k8s"]["source"]["resource"]
    resource = {**resource, "metadata": {**resource["metadata"], "name": made}, "status": status}
    world.put("flows", "workflows", resource)
    return f"argo-{made}"


def test_a_run_and_what_its_end_started(world: World) -> None:
    run = parent_ended(world, GOOD)
    child = start_names.of_run(CHILD, run)[0].name
    world.put(
        "flows",
        "workflows",
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": child},
            "spec": {"workflowTemplateRef": {"name": "child"}},
            "status": {"phase": "Running"},
        },
    )
    own, started, other = world.ask(PAID, CHILD, OTHER, identity=run)
    assert (own.flow, codes(own), own.run and own.run.state) == ("DemoFlow", ["run"], "succeeded")
    assert (started.flow, started.event, started.run and started.run.id) == (
        "Child",
        "metaflow.outcome.demoflow.success",
        f"argo-{child}",
    )
    assert (other.flow, codes(other)) == ("Other", ["filter"])
    assert 'has to be "failure"; found "success"' in other.cause.words


def test_a_run_that_goes_on_has_started_nothing_yet(world: World) -> None:
    run = parent_ended(world, {"phase": "Running"})
    own, *waiting = world.ask(PAID, CHILD, OTHER, identity=run)
    assert own.run is not None and own.run.state == "running"
    assert [codes(item) for item in waiting] == [["not-ended"], ["not-ended"]]


def test_a_filter_over_an_outcome_and_a_run_that_was_terminated(world: World) -> None:
    run = parent_ended(world, ended("Failed", pod("start", "Failed", "main: Error (exit code 3)")))
    picky = replace(CHILD, triggers=(trigger(filtered(finish("DemoFlow", "failure"), {"step": ["end"]})),))
    world.deploy(picky)
    _, child, other = world.ask(PAID, picky, OTHER, identity=run)
    assert codes(child) == ["filter"] and '`step` has to be "end"; found "start"' in child.cause.words
    assert codes(other) == ["not-kept"]
    world.server.objects("workflows")[f"flows/{run.removeprefix('argo-')}"]["spec"]["shutdown"] = "Terminate"
    (_, *both) = world.ask(PAID, picky, OTHER, identity=run)
    assert [codes(item) for item in both] == [["refused"], ["refused"]] and "terminated" in both[0].cause.words


def test_what_may_not_be_asked_of_one_flow_is_not_said_of_another(world: World) -> None:
    second = replace(PAID, name="Second")
    for item in (PAID, second):
        world.deploy(item)
    world.server.store.forbidden.add("GET workflows")
    first, other = world.ask(PAID, second, event="paid")
    assert codes(first) == codes(other) == ["could-not-ask"]
    assert "flows/demoflow-" in first.cause.words and "flows/second-" in other.cause.words


def test_the_end_of_a_run_that_started_nothing_has_a_cause(world: World) -> None:
    run = parent_ended(world, GOOD)
    world.remove("events", "sensors", next(n for n in world.server.objects("sensors") if "/child" in n).split("/")[1])
    _, child, _ = world.ask(PAID, CHILD, OTHER, identity=run)
    assert codes(child) == ["gone"] and "Sensor events/child-" in child.cause.words


def test_an_id_that_no_flow_waits_for(world: World) -> None:
    world.deploy(PAID)
    (misspelt,) = world.ask(PAID, event="piad")
    assert codes(misspelt) == ["nobody-listens"] and "`paid`" in misspelt.cause.words
    (neither,) = world.ask(CHILD, identity="17")
    assert codes(neither) == ["not-accepted"]
    branched = replace(PAID, project="shop", branch="test.b", triggers=(trigger(event("shop.test.b.paid")),))
    (other,) = world.ask(branched, event="shop.test.a.paid")
    assert codes(other) == ["other-branch"] and "shop.test.b.paid" in other.cause.words


def test_a_flow_of_which_only_the_cluster_knows(world: World) -> None:
    world.deploy(PAID)
    world.start(PAID, "paid", "17", PAYLOAD, GOOD)
    question = Question("17", None, None, (Asked("DemoFlow", "demoflow", None),))
    (found,) = asked_of(cluster.Cluster.of(world.client), question, SETTINGS)
    assert codes(found) == ["run"] and found.run is not None and found.run.parameters == {"amount": 5}
    (nobody,) = asked_of(cluster.Cluster.of(world.client), replace(question, event="piad"), SETTINGS)
    assert codes(nobody) == ["nobody-listens"] and "`paid`" in nobody.cause.words


@pytest.mark.parametrize("odd", ["$(touch pwned)", "{{workflow.name}}", "../../secrets/x", "\u00e9 \n", "a" * 500])
def test_odd_ids_are_only_hashed(world: World, odd: str) -> None:
    world.deploy(PAID)
    before = len(world.server.store.requests)
    (found,) = world.ask(PAID, identity=odd, event="paid")
    assert codes(found) == ["not-kept"]
    for_one_object(world.server.store.requests[before:])


# rights and connections


def bound(world: World, rights: dict[str, tuple[str, ...]]) -> Any:
    """A client whose account has these rights and no others."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "trail"},
        "rules": [
            {"apiGroups": [name.partition(".")[2]], "resources": [name.partition(".")[0]], "verbs": list(verbs)}
            for name, verbs in rights.items()
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "trail"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "trail"},
        "subjects": [{"kind": "ServiceAccount", "name": "who-asks", "namespace": "people"}],
    }
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    for namespace in ("flows", "events"):
        for plural, item in (("roles", role), ("rolebindings", binding)):
            world.server.store.objects.pop((rbac, namespace, plural, "trail"), None)
            world.put(namespace, plural, item, rbac)
    world.server.store.accounts["of-who-asks"] = ("people", "who-asks")
    return deployments.connect(world.server.url, "of-who-asks")


def test_these_rights_are_enough_and_each_is_needed(world: World) -> None:
    both = replace(PAID, triggers=(*PAID.triggers, trigger(event("paid"), event("sent"), join="all")))
    world.deploy(both)
    world.sensor_log(failed("of another", "e0"))
    world.client = bound(world, dict(RIGHTS))
    assert [codes(item) for item in world.ask(both, event="paid")] == [["set-not-kept"]]
    for name, verbs in RIGHTS.items():
        for verb in verbs:
            rest = {other: tuple(one for one in kept if (other, one) != (name, verb)) for other, kept in RIGHTS.items()}
            bound(world, rest)
            (found,) = world.ask(both, event="paid")
            told = {cause.facts["right"] for cause in (found.cause, *found.also) if cause.code == "could-not-ask"}
            namespace = "events" if name.startswith(("sensors", "eventsources", "eventbus", "pods")) else "flows"
            assert told == {f"{verb} {name} in namespace {namespace}"}
            first = ("workflows.argoproj.io", "configmaps")
            assert found.cause.code == ("could-not-ask" if name in first else "set-not-kept")


def test_the_rights_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs" / "argo-workflows.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z]+)` `([a-z0-9./]+)` \|", page, re.MULTILINE)
    assert set(rows) == {(verb, name) for name, verbs in (RIGHTS | RIGHTS_OF_POLLS).items() for verb in verbs}


def test_a_token_that_has_expired_and_a_cluster_that_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deploy(PAID)
    world.server.store.token = "another"
    with pytest.raises(DiagnosticError, match=r"FT701.*does not accept the credentials"):
        world.ask(PAID, event="paid")
    monkeypatch.setattr(cluster, "_PAUSE", 0.001)
    with deployments.connect("http://127.0.0.1:9") as gone:
        world.client = gone
        with pytest.raises(DiagnosticError, match=r"FT701.*cannot be reached"):
            world.ask(PAID, event="paid")


FILE = """\
from metaflow import FlowSpec, Parameter, step, trigger
@trigger(event={'name': 'paid', 'parameters': {'amount': 'order.amount'}, 'filter': {'order': {'kind': ['new']}}})
class DemoFlow(FlowSpec):
    amount = Parameter('amount', type=int, required=True)
    @step
    def start(self): self.next(self.end)
    @step
    def end(self): pass
if __name__ == '__main__': DemoFlow()
"""


TYPED = "trail 17 demo.py --backend argo-workflows --format json"


def test_as_it_is_typed(world: World, tmp_path: Path) -> None:
    world.deploy(PAID)
    world.start(PAID, "paid", "17", PAYLOAD, GOOD)
    (tmp_path / "demo.py").write_text(FILE, "utf-8")
    places = {"METAFLOW_KUBERNETES_NAMESPACE": "flows", "METAFLOW_ARGO_EVENTS_SENSOR_NAMESPACE": "events"}
    settings = {"METAFLOW_USER": "me", **places, **world.server.kubeconfig(tmp_path)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "metaflow_triggers.commands.cli",
            "trail",
            "17",
            "demo.py",
            "--backend",
            "argo-workflows",
            "--format",
            "json",
        ],
        cwd=tmp_path,
        env=clean(tmp_path, **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["answers"]
    assert (told["flow"], told["cause"]["code"], told["run"]["parameters"]) == ("DemoFlow", "run", {"amount": 5})
    assert told["run"]["id"].startswith("argo-demoflow-") and told["run"]["log"].startswith("kubectl logs")


# objects that somebody has edited

JUNK = (None, [], {}, "", "x", 7, True, [None], {"x": None}, [{"name": "x"}])


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*above, key)
        yield from paths(item, (*above, key))


def damaged(world: World, draw: random.Random) -> str:
    """Put something else into one place of one object; what it was. The server itself holds labels to be texts."""
    asked = ("workflows", "workflowtemplates", "sensors", "eventsources", "eventbus", "pods")
    objects = {place: item for place, item in world.server.store.objects.items() if place[2] in asked}
    plural = draw.choice(sorted({place[2] for place in objects}))
    place = draw.choice(sorted(place for place in objects if place[2] == plural))
    item = objects[place]
    texts = [("metadata", "annotations", name) for name in item["metadata"].get("annotations") or {}]
    *way, last = path = draw.choice(
        [*texts, *(found for found in paths(item) if found[0] in ("spec", "status", "log") and len(found) < 5)]
    )
    for key in way:
        item = item[key]
    if isinstance(item, dict) and draw.random() < 0.3 and last != "log":
        del item[last]
        return f"{place} without {path}"
    item[last] = draw.choice(["", "x", "{}", "[7]"] if path in texts or last == "log" else JUNK)
    return f"{place} with {item[last]!r} at {path}"


def campaign(world: World, seed: int, rounds: int) -> int:
    """Damaged objects are no reason to fail, nor to say what is not so; how many said something else than before."""
    draw, others = random.Random(seed), 0
    for _ in range(rounds):
        row = draw.choice(ROWS)
        world.reset()
        world.deploy(row.as_written or row.flow, row.as_written)
        row.situation(world)
        world.server.store.forbidden.clear()
        if not world.server.store.objects:
            continue
        what = damaged(world, draw)
        try:
            found = world.ask(row.flow, event=row.event, payload=row.payload)
        except Exception as error:
            raise AssertionError(f"{row.title}: {what}: {error!r}") from error
        assert (
            found
            and findings(as_value(Question("17", None, None, ()), ["argo-workflows"], found), "trail/answers") == []
        )
        others += codes(found[0]) != row.said
    return others


@pytest.mark.long
def test_many_damaged_objects(world: World) -> None:
    assert campaign(world, 1, 1000) > 100


def test_damaged_objects(world: World) -> None:
    assert campaign(world, 2, 40) > 3
