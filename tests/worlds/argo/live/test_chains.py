"""Chains of flows on Argo: Metaflow's commands deploy them, real services start them, their containers' commands run.

Also beside flows that Metaflow deployed without us. Metaflow alone is the real one: its own `create` runs in a process
in which our extension is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.rows import ROOT
from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture
from tests.worlds.argo.workflow_runner import why_not
from tests.worlds.kubernetes.both import cluster
from tests.worlds.upstream.emulated_aws import Aws

from .conftest import Launch
from .world import UPSTREAMS_WEBHOOK, World

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

Start = Callable[..., World]

THEIRS = {
    "METAFLOW_ARGO_EVENTS_EVENT": "metaflow-event",
    "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": "argo-events-webhook",
    "METAFLOW_ARGO_EVENTS_EVENT_BUS": "default",
    "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": "operate-workflow-sa",
    "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL": f"{UPSTREAMS_WEBHOOK}/events",
    "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": f"{UPSTREAMS_WEBHOOK}/events",
}
"""Of people who use Metaflow's triggers already: an event source that somebody made, for them and for us."""

EVENT_SOURCE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "EventSource",
    "metadata": {"name": "argo-events-webhook", "namespace": "default"},
    "spec": {"webhook": {"metaflow-event": {"port": "12000", "endpoint": "/events", "method": "POST", "url": ""}}},
}


@pytest.fixture
def start(which_cluster: None, aws: Aws, launch: Launch, tmp_path: Path) -> Iterator[Start]:  # noqa: F811
    with ExitStack() as stack:

        def begin(**settings: str) -> World:
            kubernetes = stack.enter_context(cluster())
            kubernetes.settings = kubernetes.kubeconfig(tmp_path)
            return stack.enter_context(World(kubernetes, aws, tmp_path, launch(kubernetes), **settings))

        yield begin


def documents(file: str, project: bool) -> str:
    """The documents' chaining bodies verbatim."""
    text = (ROOT / "examples" / "chaining" / f"{file}.py").read_text()
    if not project:
        return text
    text = text.replace("from metaflow import", "from metaflow import project,", 1)
    return re.sub(r"^class ", "@project(name='shop')\nclass ", text, flags=re.MULTILINE)


@pytest.mark.parametrize("project", [False, True])
def test_the_documents_chain_runs_and_finds_the_deployed_run(start: Start, project: bool) -> None:
    world = start()
    for file in ("ingestion", "transform"):
        world.write(f"{file}.py", documents(file, project))
        world.deploy(f"{file}.py")
    # A laptop's run, which the deployed one must not find.
    world.command("ingestion.py", "--no-pylint", "--datastore", "s3", "run", METAFLOW_DEFAULT_METADATA="local")
    world.live.start_all()
    world.trigger("ingestion.py")
    ran = world.run_all()
    assert list(ran.values()) == ["Succeeded", "Succeeded"], world.output()
    told = world.read(
        "namespace(None)\nrun = Flow('DataTransform').latest_run\ntell([run.id, run.successful, run.data.data])"
    )
    assert told == [f"argo-{list(ran)[1]}", True, [3, 1, 2]]


PARENT = """
from metaflow import FlowSpec, project, step

{project}
class Parent(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Parent()
"""

CHILD = """
from metaflow import FlowSpec, current, project, step, trigger, trigger_on_finish

{trigger}
class Child(FlowSpec):
    @step
    def start(self):
        self.seen = current.trigger.run.pathspec if current.trigger.run else current.trigger.event.name
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Child()
"""


def hidden(world: World) -> dict[str, str]:
    """Settings of Metaflow without us."""
    empty = world.folder / "no_extensions"
    empty.mkdir(exist_ok=True)
    return {"METAFLOW_EXTENSIONS_SEARCH_DIRS": str(empty)}


def use_their_event_source(world: World) -> None:
    item: dict[str, Any] = EVENT_SOURCE
    key = ("/apis/argoproj.io/v1alpha1", "default", "eventsources", "argo-events-webhook")
    world.kubernetes.store.create(key, item, "kubectl")
    # Whoever runs upstream's Sensors gave this account what they need.
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["*"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "operate"}}
    subjects = [{"kind": "ServiceAccount", "name": "operate-workflow-sa", "namespace": "default"}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operate"}
    binding = {**role, "kind": "RoleBinding", "roleRef": reference, "subjects": subjects}
    world.kubernetes.store.create((rbac, "default", "roles", "operate"), {**role, "rules": rules}, "kubectl")
    world.kubernetes.store.create((rbac, "default", "rolebindings", "operate"), binding, "kubectl")


def signals(world: World) -> int:
    """How many events the event source has published."""
    return world.live.log("source-argo-events-webhook").count("Succeeded to publish an event")


@pytest.mark.parametrize("project", ["", "@project(name='shop')"])
def test_a_parent_that_metaflow_deployed_without_us_starts_our_child_once(start: Start, project: str) -> None:
    world = start(**THEIRS)
    world.write("parent.py", PARENT.format(project=project))
    world.write("child.py", CHILD.format(trigger=f"@trigger_on_finish(flow='Parent')\n{project}"))
    use_their_event_source(world)
    world.deploy("parent.py", **hidden(world))
    world.deploy("child.py")
    world.live.start_all()
    world.trigger("parent.py", **hidden(world))
    ran = world.run_all()
    assert list(ran.values()) == ["Succeeded", "Succeeded"], world.output()
    # Metaflow says the end of each step, start and end; our child says its outcome beside that.
    assert signals(world) == 2 + 3
    told = world.read("namespace(None)\nrun = Flow('Child').latest_run\ntell([run.successful, run.data.seen])")
    assert told == [True, f"Parent/argo-{next(iter(ran))}"]


def test_both_signals_of_one_success_start_our_child_once(start: Start) -> None:
    world = start(**THEIRS)
    world.write("parent.py", PARENT.format(project=""))
    world.write("child.py", CHILD.format(trigger="@trigger_on_finish(flow='Parent')"))
    use_their_event_source(world)
    world.deploy("parent.py")
    world.deploy("child.py")
    world.live.start_all()
    world.trigger("parent.py")
    ran = world.run_all()
    assert list(ran.values()) == ["Succeeded", "Succeeded"], world.output()
    assert signals(world) == 3 + 3  # of each run Metaflow's events of its two steps, and our outcome
    assert len([line for line in world.kubernetes.store.requests if line.startswith("PATCH") and "child-" in line])


@pytest.mark.parametrize("trigger", ["@trigger_on_finish(flow='Parent')", "@trigger(event='parent-ready')"])
def test_our_parent_starts_a_child_that_metaflow_deployed_without_us(start: Start, trigger: str) -> None:
    world = start(**THEIRS)
    parent = PARENT.format(project="")
    if "event=" in trigger:
        parent = parent.replace("FlowSpec,", "FlowSpec, emit_event,").replace("pass", "emit_event('parent-ready')")
    world.write("parent.py", parent)
    world.write("child.py", CHILD.format(trigger=trigger))
    use_their_event_source(world)
    world.deploy("parent.py")
    world.deploy("child.py", **hidden(world))
    (sensor,) = (item for item in world.kubernetes.objects("sensors").values())
    assert "app.kubernetes.io/managed-by" not in sensor["metadata"].get("labels", {})  # upstream's own
    world.live.start_all()
    world.trigger("parent.py")
    ran = world.run_all()
    assert list(ran.values()) == ["Succeeded", "Succeeded"], world.output()
    told = world.read("namespace(None)\nrun = Flow('Child').latest_run\ntell([run.successful, run.data.seen])")
    assert told == [True, "parent-ready" if "event=" in trigger else f"Parent/argo-{next(iter(ran))}"]
