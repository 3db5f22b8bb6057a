"""Deploying a poller: what is remembered stays, what is declared no more goes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.compile.poller import config_map_name, poller_name
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.deploy.drift import starts
from metaflow_triggers.backends.argo.deploy.inventory import inventory
from metaflow_triggers.backends.argo.polls import records
from metaflow_triggers.backends.shape import About
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.graph.differences import recorded, since_recorded
from metaflow_triggers.model.flows import Flow, PollTrigger
from metaflow_triggers.model.names import digest
from metaflow_triggers.poll import TriggerNotFound
from metaflow_triggers.poll.errors import PollValueError

from ...unit.backends.argo.argo_flows import SETTINGS, event, flow, trigger
from ...unit.commands.warm import warm
from . import deployments
from .kubernetes_stand_in import KubernetesStandIn
from .poll_world import poll

OF_A_POLLER = ("deployments", "leases", "configmaps")
MANAGE = """
from cloaca import DefaultRunner

runner = DefaultRunner("argo://flows")
names = [item["trigger_name"] for item in runner.list_trigger_schedules()]
runner.set_trigger_enabled("inbox", False)
print(names, runner.get_trigger_schedule("inbox")["enabled"], runner.get_trigger_execution_history("inbox"))
"""
PROJECT_FILE = """
[settings]
METAFLOW_KUBERNETES_NAMESPACE = "flows"
[profiles.other.settings]
METAFLOW_KUBERNETES_NAMESPACE = "elsewhere"
"""


def create(client: Any, of: Flow, *polls: PollTrigger, settings: Any = SETTINGS) -> converge.Report:
    return deployments.create(client, of, settings, polls=polls, about=deployments.about(of))


def polls_of(of: Flow, *named: str) -> list[PollTrigger]:
    return [replace(poll(name, of.name), file=of.file) for name in named]


def kept(server: KubernetesStandIn, name: str) -> Any:
    (item,) = (
        item
        for item in server.objects("configmaps").values()
        if json.loads(item["data"]["declaration"])["name"] == name
    )
    return item


def poller_remembers(server: KubernetesStandIn, name: str) -> None:
    """As the poller writes."""
    item = copy.deepcopy(kept(server, name))
    item["data"] |= {"state": json.dumps({"version": 1, "epoch": 1, "generation": 7, "claims": [], "once": []})}
    item["data"]["enabled"] = "false"
    key = ("/api/v1", "flows", "configmaps", item["metadata"]["name"])
    with server.store.lock:
        server.store.write(key, item, "metaflow-triggers-poller", False)


def test_what_is_remembered_survives_a_deployment_and_goes_with_the_flow(
    server: KubernetesStandIn, client: Any
) -> None:
    of = flow()
    create(client, of, *polls_of(of, "inbox", "orders"))
    assert {plural: len(server.objects(plural)) for plural in OF_A_POLLER} == {
        "deployments": 1,
        "leases": 1,
        "configmaps": 2,
    }
    poller_remembers(server, "inbox")
    changed = [replace(item, interval_milliseconds=60_000, interval="1m") for item in polls_of(of, "inbox")]
    create(client, of, *changed)
    told = kept(server, "inbox")["data"]
    assert json.loads(told["declaration"])["poll_interval"] == "1m"
    assert json.loads(told["state"])["generation"] == 7 and told["enabled"] == "false"
    # A trigger that has gone is polled no more; what is remembered of it stays while the flow is polled.
    (deployment,) = server.objects("deployments").values()
    command = deployment["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    assert kept(server, "orders")["metadata"]["name"] not in command
    with records.opened("flows", cluster=Cluster.of(client)) as at:
        orders = records.schedule(at, "orders")
        assert orders is not None and orders["declared"] is False
        assert orders["down"] == "the deployed flow declares it no more"
    converge.delete("demoflow", SETTINGS, client=client)
    left = {key[2] for key in server.store.objects}
    assert not left & {*OF_A_POLLER, "workflowtemplates"}
    assert not [key for key in server.store.objects if "poller" in key[3]]


def test_nothing_is_left_when_the_last_trigger_has_gone(server: KubernetesStandIn, client: Any) -> None:
    of = flow(trigger(event("data-ready")))
    create(client, of, *polls_of(of, "inbox"))
    create(client, of)
    assert not [key for key in server.store.objects if key[2] in OF_A_POLLER or "poller" in key[3]]
    assert len(server.objects("sensors")) == 1


def test_shared_objects_go_with_the_last_flow_that_is_polled(server: KubernetesStandIn, client: Any) -> None:
    of, other = flow(), flow(name="Other")
    create(client, of, *polls_of(of, "inbox"))
    create(client, other, *polls_of(other, "inbox"))
    before = deployments.state(server)
    with pytest.raises(DiagnosticError) as raised:
        converge.delete("demoflow", SETTINGS, client=client, shared=True)
    assert [(item.code, item.notes) for item in raised.value.diagnostics] == [("FT708", ("`other`",))]
    assert deployments.state(server) == before
    converge.delete("demoflow", SETTINGS, client=client)
    assert [key[3] for key in server.store.objects if "poller" in key[3]] and kept(server, "inbox")
    converge.delete("other", SETTINGS, client=client, shared=True)
    assert deployments.state(server) == {}
    create(client, of, *polls_of(of, "inbox"))
    assert len(server.objects("deployments")) == 1


def test_the_poller_ends_before_what_it_needs_goes(server: KubernetesStandIn, client: Any) -> None:
    """Else it would report what is no fault, or start a flow that is going."""
    of = flow()
    create(client, of, *polls_of(of, "inbox"))
    begun = len(server.store.writes)
    converge.delete("demoflow", SETTINGS, client=client)
    gone = [line.split("?")[0].split("/")[-2] for line in server.store.writes[begun:] if line.startswith("DELETE")]
    assert gone.index("deployments") < min(gone.index(kind) for kind in ("configmaps", "leases", "roles"))
    assert gone.index("deployments") < gone.index("workflowtemplates")


def test_a_flow_of_upstreams_that_gets_a_poll_is_taken_over(server: KubernetesStandIn, client: Any) -> None:
    of = flow(trigger(event("data-ready")))
    deployments.put_upstreams(server)
    create(client, of, *polls_of(of, "inbox"))
    assert len(server.objects("deployments")) == 1 and kept(server, "inbox")
    assert len(server.objects("sensors")) == 1
    assert deployments.verbs(create(client, of, *polls_of(of, "inbox"))) == {"unchanged"}
    # A start that would change stops it, and nothing of a poller is made.
    converge.delete("demoflow", SETTINGS, client=client)
    deployments.put_upstreams(server)
    before = deployments.state(server)
    told = deployments.about(of, "DemoFlow now starts on any of A or B")
    with pytest.raises(DiagnosticError, match="FT705"):
        deployments.create(client, of, polls=polls_of(of, "inbox"), about=told)
    assert deployments.state(server) == before


def test_a_poller_of_somebody_else_is_not_taken(server: KubernetesStandIn, client: Any) -> None:
    of = flow()
    name = poller_name("demoflow")
    labels = {"app": "theirs"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "theirs"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": pod}
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    server.store.create(("/apis/apps/v1", "flows", "deployments", name), item, "kubectl")
    before = deployments.state(server)
    with pytest.raises(DiagnosticError, match="FT703"):
        create(client, of, *polls_of(of, "inbox"))
    assert deployments.state(server) == before


def test_a_flow_without_polls_asks_for_no_poller(server: KubernetesStandIn, client: Any) -> None:
    create(client, flow(trigger(event("data-ready"))))
    assert not [line for line in server.store.requests if "leases" in line or "deployments" in line]


def test_polls_of_a_file_that_was_not_read_are_not_ended(
    server: KubernetesStandIn, client: Any, tmp_path: Path
) -> None:
    of = flow(file=str(tmp_path / "flow.py"))
    (tmp_path / "polls.py").write_text("@trigger('DemoFlow', name='beside')\n")
    beside = [replace(poll("beside", of.name), file=str(tmp_path / "polls.py"))]
    create(client, of, *beside, *polls_of(of, "inbox"))
    before = dict(server.store.objects)
    with pytest.raises(DiagnosticError, match="FT515: poll trigger `beside`"):
        create(client, of, *polls_of(of, "inbox"))
    assert server.store.objects == before
    (tmp_path / "polls.py").write_text("")
    create(client, of, *polls_of(of, "inbox"))
    assert len(server.objects("deployments")) == 1


def test_the_name_of_a_record_tells_its_trigger_whatever_the_flow_is_called() -> None:
    long = "shop.user.somebody.withaverylongname.orderprocessingflow"
    inbox, other, longest = (config_map_name(long, name) for name in ("inbox", "Inbox", "t" * 200))
    assert "-poll-inbox-" in inbox and "-poll-inbox-" in other and inbox != other and longest.count("t") >= 20
    assert inbox != config_map_name(long.replace("flow", "flux"), "inbox")
    for name in (inbox, other, longest):
        assert len(name) <= 63 and name.startswith("shop-user-"), name
    # What could be read stays as it is: it is the name of what is remembered.
    assert config_map_name("fileprocessor", "inbox") == "fileprocessor-poll-inbox-" + digest_of(
        "fileprocessor", "inbox"
    )
    assert config_map_name("f" * 35, "inbox") == f"{'f' * 35}-poll-inbox-" + digest_of("f" * 35, "inbox")


def digest_of(deployed: str, trigger: str) -> str:
    return digest(f"{deployed}-poll-{trigger}", deployed, trigger, length=16)


def test_a_projects_inventory_has_the_poller(server: KubernetesStandIn, client: Any) -> None:
    of, settings = flow(), replace(SETTINGS, project_id="shop", user="ada")
    create(client, of, *polls_of(of, "inbox"), settings=settings)
    (found,) = inventory("shop", settings, Cluster.of(client))
    assert {noun.partition(" ")[0] for noun in found.objects} >= {"Deployment", "Lease", "ConfigMap", "Role"}


def test_records_are_those_of_the_local_engine(server: KubernetesStandIn, client: Any) -> None:
    of = flow()
    create(client, of, *polls_of(of, "inbox"))
    with records.opened("flows", cluster=Cluster.of(client)) as at:
        (row,) = records.schedules(at)
        assert (row["trigger_name"], row["workflow_name"], row["enabled"], row["target"]) == (
            "inbox",
            "DemoFlow",
            True,
            "argo-workflows",
        )
        assert row["down"].startswith("its poller has not begun")
        records.set_enabled(at, "inbox", False)
        assert records.schedules(at, enabled_only=True) == []
        assert records.set_paused(at, "DemoFlow", True) == ["demoflow"] == records.paused(at)
        assert records.set_paused(at, None, False) == ["demoflow"] and records.paused(at) == []
        assert (records.history(at, "inbox"), records.history(at, "none"), records.schedule(at, "none")) == (
            [],
            [],
            None,
        )
        with pytest.raises(TriggerNotFound):
            records.set_enabled(at, "inbx", True)
        with pytest.raises(PollValueError, match="FT730"):
            records.set_paused(at, "Demo", True)
    assert kept(server, "inbox")["data"]["enabled"] == "false"


def test_commands_look_after_what_is_deployed(server: KubernetesStandIn, client: Any, tmp_path: Path) -> None:
    of = flow()
    create(client, of, *polls_of(of, "inbox", "orders"))
    create(client, of, *polls_of(of, "inbox"))
    (tmp_path / "metaflow-triggers.toml").write_text(PROJECT_FILE)
    (tmp_path / "below").mkdir()

    with warm(tmp_path, **server.kubeconfig(tmp_path)) as triggers:

        def told(*arguments: str) -> str:
            done = triggers(*arguments, "--backend", "argo-workflows", cwd=tmp_path / "below")
            assert done.code == 0, done.err
            return str(done.out)

        assert "inbox" in told("list") and "its poller has not begun" in told("list")
        enabled = {line.split("  ")[0]: line for line in told("list").splitlines()[1:]}
        assert "  not declared  " in enabled["orders"] and "  yes  " not in enabled["orders"]
        assert "  yes  " in enabled["inbox"]
        assert json.loads(told("history", "inbox", "--format", "json")) == []
        assert told("disable", "inbox") == "inbox is polled no more\n"
        assert "demoflow waits until it is resumed" in told("pause", "DemoFlow")
        row, gone = json.loads(told("list", "--format", "json"))["poll_triggers"]
        assert row["enabled"] is False and "declared" not in row
        assert gone["enabled"] is True and gone["declared"] is False
        assert "paused: demoflow" in told("list")
        told("resume")
        told("enable", "inbox")
        done = triggers("disable", "inbx", "--backend", "argo-workflows", cwd=tmp_path)
        assert (done.code, "FT727" in done.err, "did you mean `inbox`?" in done.err) == (1, True, True), done.err
        for typed in ("list", "history inbox", "enable inbox", "disable inbox", "pause", "resume"):
            done = triggers(*typed.split(), "--backend", "argo-workflows", "--profile", "none", cwd=tmp_path)
            assert (done.code, "FT033" in done.err) == (2, True), (typed, done)
        done = triggers("disable", "inbox", "--backend", "argo-workflows", "--profile", "other", cwd=tmp_path)
        assert (done.code, "FT727" in done.err) == (1, True), done
        for address in ("argo://flows", "argo://"):
            (tmp_path / "manage.py").write_text(MANAGE.replace("argo://flows", address))
            done = triggers("exec", "manage.py", cwd=tmp_path)
            assert (done.code, done.out) == (0, "['inbox', 'orders'] False []\n"), done.err


def test_what_changes_of_polls_is_said(server: KubernetesStandIn, client: Any) -> None:
    """`create --plan` and `diff --live`; also of a flow that a version deployed which recorded no polls."""
    of = flow()
    inbox, orders = polls_of(of, "inbox", "orders")

    def deployment(model: Any, *polls: PollTrigger) -> tuple[Any, About]:
        told = About(of, model, lambda then: since_recorded(then, of, polls), list, polls=polls)
        return deployments.files(of, SETTINGS, polls), told

    rare = replace(inbox, interval_milliseconds=7_200_000, interval="2h")
    for model in (recorded(of, [inbox, orders]), recorded(of)):
        files, told = deployment(model, inbox, orders)
        name = names.own_name(of)
        converge.create(files, SETTINGS, client=client, deployed_name=name, production_token="token-1", about=told)
        files, told = deployment(recorded(of, [rare]), rare)
        deployed = converge.deployment(files, name, "token-1", about=told)
        plan = converge.plan(deployed, SETTINGS, api=Cluster.of(client))
        said = list(starts(plan, told))
        assert "DemoFlow is polled by inbox every 2h instead of" in said[0]
        if "polls" in model:
            assert said[1:] == ["DemoFlow is no longer polled by orders"]
