"""Deployments: flows on a stand-in cluster, by our code and as upstream leaves them, in this process or in another.

In:   flows of `argo_flows`, a running stand-in.
Out:  reports; what a cluster has, without what the server made up.

Not here: assertions.
"""

from __future__ import annotations

import copy
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from kubernetes import client as kubernetes_client
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.backends.shape import About, Manifest
from metaflow_triggers.model.flows import PollTrigger, TriggerGraph

from tests.flows import GRAPH

from ...unit.backends.argo.argo_flows import SETTINGS, upstream
from .kubernetes_stand_in import KubernetesStandIn

ARGO = "/apis/argoproj.io/v1alpha1"
UPSTREAMS_CLIENT = "OpenAPI-Generator"


def connect(url: str, token: str | None = None) -> Any:
    configuration = kubernetes_client.Configuration(host=url)
    if token:
        configuration.api_key["authorization"] = token
        configuration.api_key_prefix["authorization"] = "Bearer"
    return kubernetes_client.ApiClient(configuration)


BEGINNING = "mkdir -p $PWD/.logs && export INPUT_PATHS='' && mflog(){ :; } && true && mflog 'Task is starting.' && x"
"""Of a step's command, as a poller's begins."""


def files(chosen: Any, settings: Any = SETTINGS, polls: Sequence[PollTrigger] = ()) -> list[Manifest]:
    made = upstream()
    made["workflow_template"]["metadata"]["name"] = names.own_name(chosen)
    for template in made["workflow_template"]["spec"]["templates"] if polls else ():
        if "container" in template:
            template["container"]["command"] = ["bash", "-c", BEGINNING]
    graph = TriggerGraph((chosen,), (), (), (), tuple((0, item) for item in polls)) if polls else GRAPH
    return [*argo.manifests(chosen, graph, made, settings), *argo.shared_manifests(settings)]


def about(chosen: Any, *by_installing: str) -> About:
    """`by_installing` are what installing us would change."""
    return About(chosen, {"model": chosen.name}, lambda model: [f"was {model}"], lambda: list(by_installing))


def create(
    client: Any,
    chosen: Any,
    settings: Any = SETTINGS,
    token: str = "token-1",
    polls: Sequence[PollTrigger] = (),
    **more: Any,
) -> converge.Report:
    made = files(chosen, settings, polls)
    more = {"deployed_name": names.own_name(chosen), "production_token": token, **more}
    return converge.create(made, settings, client=client, **more)


def verbs(report: converge.Report) -> set[str]:
    return {action.verb for action in report.actions}


def upstreams_sensor(name: str = "demoflow", starts: str = "demoflow", *events: str) -> Any:
    """As Metaflow's `_compile_sensor` lays it out."""
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{starts}-", "namespace": "flows"},
        "spec": {"workflowTemplateRef": {"name": starts}},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "metaflow"}},
        "spec": {
            "dependencies": [
                {
                    "name": f"d{place}",
                    "eventName": "metaflow-event",
                    "eventSourceName": "argo-events-webhook",
                    "filters": {"exprs": [{"expr": f"name == '{event}'", "fields": [{"path": "body.payload.name"}]}]},
                }
                for place, event in enumerate(events or ("data-ready",))
            ],
            "triggers": [
                {"template": {"name": starts, "k8s": {"operation": "create", "source": {"resource": workflow}}}}
            ],
        },
    }


def upstreams_schedule(name: str, starts: str = "demoflow", cron: str = "0 9 * * *") -> Any:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": name, "namespace": "flows"},
        "spec": {
            "suspend": False,
            "schedule": cron,
            "timezone": None,
            "workflowSpec": {"workflowTemplateRef": {"name": starts}},
        },
    }


def put(server: KubernetesStandIn, plural: str, item: Any, namespace: str = "flows") -> None:
    key = (ARGO, namespace, plural, item["metadata"]["name"])
    # Metaflow writes the `schedule` that Argo Workflows has until 3.x.
    store = server.store.stored_before if "schedule" in item["spec"] else server.store.create
    store(key, copy.deepcopy(item), UPSTREAMS_CLIENT)


def change(server: KubernetesStandIn, key: Any, changed: Callable[[Any], object]) -> None:
    """As somebody does it who edits an object."""
    item = copy.deepcopy(server.store.objects[key])
    changed(item)
    server.store.write(key, item, "somebody", False)


def put_upstreams(
    server: KubernetesStandIn, *events: str, schedule: bool = True, name: str = "demoflow", **annotations: str
) -> None:
    """Everything that Metaflow deploys of a flow with a trigger."""
    made = upstream()["workflow_template"]
    made["metadata"]["name"] = name
    sensor = {"metaflow/sensor_name": name.replace(".", "-"), "metaflow/sensor_namespace": "argo"}
    made["metadata"]["annotations"].update({**sensor, "metaflow/triggers": "[]", **annotations})
    made["spec"]["parallelism"] = 7
    made["spec"]["ttlStrategy"] = {"secondsAfterCompletion": 5}
    put(server, "workflowtemplates", made)
    put(server, "sensors", upstreams_sensor(name.replace(".", "-"), name, *events), "argo")
    if schedule:
        put(server, "cronworkflows", upstreams_schedule(name, name))


def state(server: KubernetesStandIn) -> dict[str, Any]:
    """What the cluster has, without what the server made up and what was drawn; the secrets' equality stays."""
    found = {}
    drawn: dict[str, str] = {}
    for key, item in sorted(server.store.objects.items()):
        item = copy.deepcopy(item)
        for name in ("uid", "resourceVersion", "creationTimestamp", "generation"):
            item["metadata"].pop(name, None)
        managed = item["metadata"].get("managedFields", [])
        for entry in managed:
            entry.pop("time", None)
        managed.sort(key=lambda entry: (entry["manager"], entry["operation"]))
        if key[2] == "secrets" and key[3] in (SETTINGS.argo_webhook_secret, SETTINGS.argo_outcome_secret):
            token = item["data"]["token"]
            same = sum(name.startswith(f"{key[3]} ") for name in drawn.values())
            item["data"]["token"] = drawn.setdefault(token, f"{key[3]} {same}")
        found["/".join(key[1:])] = item
    return found


def in_a_process(work: Callable[[], Any]) -> int:
    """Starts `work` in a process of its own; its id. Its exit code is 0, or 1 when it raised."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Waits for a process; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(server: KubernetesStandIn, work: Callable[[], Any], write: int, when: str) -> bool:
    """Runs `work` in a process that is killed `when` ("before" or "after") its write number `write` takes effect.

    Whether there was such a write.
    """
    seen = 0
    children: list[int] = []

    def watch(at: str, method: str, path: str) -> None:
        nonlocal seen
        if at == when and "dryRun=All" not in path:
            seen += 1
            if seen == write:
                os.kill(children[0], signal.SIGKILL)
                if at == "before":
                    # The request is on its way; a killed process's request may also never arrive.
                    raise ConnectionAbortedError

    with server.store.lock:
        server.store.watch = watch
        children.append(in_a_process(work))
    code = ended(children[0])
    server.store.watch = None
    return code == -signal.SIGKILL
