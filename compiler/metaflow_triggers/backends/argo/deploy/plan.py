"""Plan: what has to be done so that a cluster has some deployments, or one of them no more.

In:   deployments; the cluster, which is only read.
Out:  `Plan`; DiagnosticError (FT703) for an object that is not ours.

Not here: carrying it out (`execute.py`), the words for what changes (`adoption.py`, `drift.py`).

Ours comes before upstream's goes, so that no event falls between the two. What is still to be deleted then stands in
the WorkflowTemplate until it is gone: the labels of upstream's objects would not tell the next `create`.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....model.marks import NAMES
from ....model.settings import Settings
from ...plans import covers
from ..compile import names
from ..compile.shared import RUN_ROLE, without_rights
from . import parents, tls_secrets
from .cluster import KINDS, MANAGER, Cluster, key
from .instructions import DEPLOYED_NAME, FLOW, MANAGED_BY, UNFINISHED, Deployment, Instruction, Plan, Step
from .live import OF_A_POLLER, OF_ALL_FLOWS, Key, Live, read
from .ownership import (
    adopts,
    annotations_of,
    is_ours,
    is_upstreams,
    labels_of,
    marked,
    same_flow,
    with_our_managed_fields,
)
from .polled import polls_left_out

_ORDER = tuple(KINDS)


def plan_create(
    api: Cluster,
    deployments: Sequence[Deployment],
    settings: Settings,
    new_secret: Callable[[], str],
    *,
    raced: bool = False,
) -> Plan:
    """`new_secret` makes the webhook's secret where there is none yet; `raced`: another `create` is under way.

    Raises DiagnosticError; nothing is changed.
    """
    called = [name for each in deployments for name in (each.deployed_name, *each.replaces)]
    runs, sensors = settings.kubernetes_namespace, settings.argo_sensor_namespace
    kinds = [key(item) for each in deployments for item in each.objects]
    live = read(api, called, runs, sensors, kinds, parents=parents.asked(deployments))
    absent = tls_secrets.missing(live, settings)
    if absent:
        raise DiagnosticError(absent)
    deployments, remarks = parents.settled(live, deployments, settings)
    # What an earlier version bound stays bound: it belongs to no flow, so no `create` takes it away.
    starts = any(item["kind"] in ("Sensor", "Deployment") for each in deployments for item in each.objects)
    if starts and ("RoleBinding", runs, RUN_ROLE) not in live.objects:
        remarks += tuple(without_rights(settings))
    deployments = [_with_known_token(live, each, settings, raced) for each in deployments]
    wanted = {key(item): item for each in deployments for item in complete(each, settings)}
    if settings.argo_event_source_is_ours:
        wanted |= _webhook_secrets(live, settings, settings.argo_webhook_secret, new_secret)
    if settings.argo_outcome_event_source_is_ours:
        wanted |= _webhook_secrets(live, settings, settings.argo_outcome_secret, new_secret)
    found = {where: live.get(where) for where in wanted}
    adopted: dict[str, tuple[Any, Any, Any]] = {}
    gone: dict[str, list[Any]] = {}
    for each in deployments:
        theirs = _upstreams(live, each, settings)
        if theirs is not None:
            adopted[each.deployed_name] = theirs
        gone[each.deployed_name] = _leftovers(live, each, settings, wanted, theirs)
    left_out = [found for each in deployments for found in polls_left_out(live, each, wanted)]
    if left_out:
        raise DiagnosticError(left_out)
    steps, last = [], []
    for where, item in sorted(wanted.items(), key=lambda pair: (_ORDER.index(pair[0][0]), pair[0])):
        first, final = _unfinished(item, gone, settings)
        steps.append(_write(first, found[where]))
        if final is not None:
            last.append(Step("updated", *where, (_apply(final, force=where[2] in adopted),), first, final))
    deletes = [_delete(item) for items in gone.values() for item in items]
    return Plan((*steps, *deletes, *last), adopted, remarks)


def plan_delete(api: Cluster, deployed_name: str, settings: Settings, *, shared: bool = False) -> Plan:
    """Everything that `create` made for the flow, or upstream did. What others made stays.

    What all flows share stays too unless `shared`. Raises DiagnosticError(FT708) while another flow of ours is left.
    """
    runs = settings.kubernetes_namespace
    places = sorted({runs, settings.argo_sensor_namespace})
    wanted = [(kind, place, "") for kind in OF_ALL_FLOWS for place in places] if shared else []
    live = read(api, [] if shared else [deployed_name], runs, settings.argo_sensor_namespace, wanted)
    # What polls and what starts runs goes first; what is remembered of polls last, so that nothing polls anew.
    first, *others = OF_A_POLLER
    order = (first, "Sensor", "CronWorkflow", *others, "WorkflowTemplate", "Secret")
    items = sorted(_all_of(live, deployed_name, settings), key=lambda item: order.index(item["kind"]))
    if shared:
        left = live.flows() - {deployed_name}
        if left:
            raise DiagnosticError([_in_use(left, places)])
        items += live.of_all_flows()
    return Plan(tuple(_delete(item) for item in items), {})


def _in_use(left: set[str], places: list[str]) -> Diagnostic:
    flows = ", ".join(f"`{name}`" for name in sorted(left))
    where = " and ".join(f"`{place}`" for place in places)
    return Diagnostic(
        "FT708",
        f"what all flows share is in use: {len(left)} of ours {'is' if len(left) == 1 else 'are'} left in {where}",
        notes=(flows,),
        helps=("delete these first; `delete` without --shared removes this flow alone",),
    )


def _all_of(live: Live, deployed_name: str, settings: Settings) -> list[Any]:
    """Every object of a deployment of ours or upstream's."""
    runs = settings.kubernetes_namespace
    template = live.get(("WorkflowTemplate", runs, deployed_name))
    found: list[Any] = []
    if template is not None and is_upstreams(template):
        found = [_upstreams_sensor(live, template, settings), template]
    elif template is not None:
        found = _due(live, template)
    found += [live.upstreams_schedule(runs, deployed_name), *live.of_flow(deployed_name)]
    return list({key(item): item for item in found if item is not None}.values())


# --- what shall be ----------------------------------------------------------------------------------


def complete(deployment: Deployment, settings: Settings) -> Iterator[Any]:
    """The deployment's objects with what no file holds: the token, the flow's model."""
    marks: dict[str, str] = {}
    for item in deployment.objects:
        if item["kind"] == "WorkflowTemplate":
            marks = {name: value for name, value in labels_of(item).items() if name in NAMES}
            yield _completed_template(item, deployment)
        else:
            yield item
    yield secret(
        names.token_secret(deployment.deployed_name),
        settings.kubernetes_namespace,
        deployment.token,
        {DEPLOYED_NAME: deployment.deployed_name, **marks},
    )


def _with_known_token(live: Live, deployment: Deployment, settings: Settings, raced: bool) -> Deployment:
    """With the token that another `create` of this flow has left, which has ended, was cut short or is under way."""
    if deployment.token_is_chosen:
        return deployment
    runs = settings.kubernetes_namespace
    template = live.get(("WorkflowTemplate", runs, deployment.deployed_name))
    told = annotations_of(template).get("metaflow/production_token") if template else None
    # The same answer as the plan gets: of two answers the second may have what the other one has just made.
    left = secret_text(live.get(("Secret", runs, names.token_secret(deployment.deployed_name))))
    # The template's is what Metaflow asks for; while another one is at work the Secret, which comes first, is newer.
    known = left or told if raced else told or left
    return dataclasses.replace(deployment, token=known) if known else deployment


def _completed_template(item: Any, deployment: Deployment) -> Any:
    # Upstream's other commands (terminate, suspend, create from another machine) compare the token with these
    # annotations (argo_workflows.py:525-560).
    content = copy.deepcopy(item)
    for place in (content["metadata"], content["spec"].setdefault("workflowMetadata", {})):
        place.setdefault("annotations", {})["metaflow/production_token"] = deployment.token
    if deployment.model is not None:
        told = json.dumps(deployment.model, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        content["metadata"]["annotations"][FLOW] = told
    return content


def secret(name: str, namespace: str, token: str, more: dict[str, str]) -> Any:
    """A Secret of ours whose key `token` holds `token`."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_BY: MANAGER, **more}},
        "type": "Opaque",
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }


def secret_text(item: Any) -> str | None:
    """The token in a Secret, or None."""
    encoded = ((item or {}).get("data") or {}).get("token")
    return base64.b64decode(encoded).decode() if encoded else None


def _webhook_secrets(live: Live, settings: Settings, name: str, new_secret: Callable[[], str]) -> dict[Key, Any]:
    """A webhook's secret in both namespaces, with one value: that of the one that exists, else a new one."""
    namespaces = sorted({settings.argo_sensor_namespace, settings.kubernetes_namespace})
    found = {namespace: live.get(("Secret", namespace, name)) for namespace in namespaces}
    known = [text for text in map(secret_text, found.values()) if text]
    token = known[0] if known else new_secret()
    missing = [secret(name, namespace, token, {}) for namespace in namespaces if found[namespace] is None]
    return {key(item): item for item in missing}


# --- what is there ----------------------------------------------------------------------------------


def _upstreams(live: Live, deployment: Deployment, settings: Settings) -> tuple[Any, Any, Any] | None:
    """WorkflowTemplate, Sensor and CronWorkflow that upstream deployed of this flow, under its name or a former one."""
    template = next(item for item in deployment.objects if item["kind"] == "WorkflowTemplate")
    for name in (deployment.deployed_name, *deployment.former_names):
        found = live.get(("WorkflowTemplate", settings.kubernetes_namespace, name))
        if found is not None and is_upstreams(found) and same_flow(annotations_of(template), annotations_of(found)):
            schedule = live.upstreams_schedule(settings.kubernetes_namespace, name)
            return found, _upstreams_sensor(live, found, settings), schedule
    return None


def _upstreams_sensor(live: Live, template: Any, settings: Settings) -> Any:
    """The Sensor that upstream made for its template, or None. One that starts something else is not."""
    told, name = annotations_of(template), template["metadata"]["name"]
    # Metaflow before 2.9 wrote no annotation (cleanup_previous_sensors in argo_workflows.py).
    namespace = told.get("metaflow/sensor_namespace", settings.kubernetes_namespace)
    sensor = live.get(("Sensor", namespace, told.get("metaflow/sensor_name", name.replace(".", "-"))))
    return sensor if sensor is not None and starts_only(sensor, name) else None


def starts_only(sensor: Any, name: str) -> bool:
    """Whether a Sensor starts runs of one WorkflowTemplate, and does nothing else."""
    triggers = (sensor.get("spec") or {}).get("triggers") or []
    started = set()
    for trigger in triggers:
        source = ((trigger.get("template") or {}).get("k8s") or {}).get("source") or {}
        spec = (source.get("resource") or {}).get("spec") or {}
        started.add((spec.get("workflowTemplateRef") or {}).get("name"))
    return started == {name}


def _leftovers(
    live: Live, deployment: Deployment, settings: Settings, wanted: dict[Key, Any], theirs: tuple[Any, Any, Any] | None
) -> list[Any]:
    """What has to go once the deployment is there, in the order of deleting."""
    where = ("WorkflowTemplate", settings.kubernetes_namespace, deployment.deployed_name)
    found: list[Any] = []
    if theirs is not None:
        template, sensor, schedule = theirs
        found += [sensor, schedule, template]
    before = live.get(where)
    if before is not None and not is_upstreams(before):
        found += _due(live, before)
    found.append(live.upstreams_schedule(settings.kubernetes_namespace, deployment.deployed_name))
    found += _not_remembered(live.of_flow(deployment.deployed_name), wanted)
    for name in deployment.replaces:
        found += _all_of(live, name, settings)
    return list({key(item): item for item in found if item is not None and key(item) not in wanted}.values())


def _not_remembered(items: list[Any], wanted: dict[Key, Any]) -> list[Any]:
    """Without what is remembered of triggers that the flow has no more, while it has others: should one come back, an
    equal context starts no second run, and no number is given twice.
    """
    polled = any(kind == "ConfigMap" for kind, _, _ in wanted)
    return [item for item in items if not polled or item["kind"] != "ConfigMap"]


def _due(live: Live, template: Any) -> list[Any]:
    """What an interrupted `create` of ours had yet to delete."""
    found = []
    for kind, namespace, name, uid in json.loads(annotations_of(template).get(UNFINISHED, "[]")):
        item = live.get((kind, namespace, name))
        if item is not None and item["metadata"].get("uid") == uid:
            found.append(item)
    return found


def _unfinished(item: Any, gone: dict[str, list[Any]], settings: Settings) -> tuple[Any, Any]:
    """The object as it is written first, and, where that is not all, as it is written when the rest is gone."""
    final = marked(item)
    if item["kind"] != "WorkflowTemplate":
        return final, None
    name = item["metadata"]["name"]
    hidden = sorted(
        [*key(other), other["metadata"].get("uid")]
        for other in gone[name]
        if not found_by_itself(other, name, settings)
    )
    if not hidden:
        return final, None
    first = copy.deepcopy(item)
    first["metadata"].setdefault("annotations", {})[UNFINISHED] = json.dumps(hidden)
    return marked(first), final


def found_by_itself(item: Any, deployed_name: str, settings: Settings) -> bool:
    """Whether the next `create` finds a leftover without being told: by its label, where it looks anyway."""
    if item["kind"] == "CronWorkflow":
        return bool(item["metadata"]["name"] == deployed_name)
    usual = (settings.argo_sensor_namespace, settings.kubernetes_namespace)
    if item["kind"] in OF_A_POLLER:  # looked for where a WorkflowTemplate says that there is a poller
        return False
    mine = is_ours(item) and labels_of(item).get(DEPLOYED_NAME) == deployed_name
    return mine and item["metadata"]["namespace"] in usual


# --- steps ------------------------------------------------------------------------------------------


def _write(item: Any, found: Any) -> Step:
    where = key(item)
    if found is None:
        # Secrets hold what was drawn: of two that deploy at once, the second must take over the first one's.
        made = Instruction("make", *where, item) if item["kind"] == "Secret" else _apply(item)
        return Step("created", *where, (made,), None, item)
    adopted = adopts(item, found)
    # The hash in the object tells that we applied exactly this, so that nothing that we set earlier is left over; the
    # comparison that nobody changed it since. That takes no request, and unlike a dry run no right to write.
    if not adopted and covers(found, item):
        return Step("unchanged", *where, (), found, item)
    if not adopted:
        # A Secret was created, not applied: to the server that is another manager of the same name.
        version, force = found["metadata"].get("resourceVersion"), item["kind"] == "Secret"
        return Step("updated", *where, (_apply(item, version=version, force=force),), found, item)
    managers = with_our_managed_fields(found)
    before: tuple[Instruction, ...] = ()
    if managers is not None:
        before = (Instruction("take", *where, found, managers=managers),)
    elif item["kind"] == "CronWorkflow":
        # What upstream set would stay, and its `schedule` beside our `schedules` is one schedule too many.
        before = (_delete(found).instructions[0],)
    return Step("updated", *where, (*before, _apply(item, force=True)), found, item)


def _apply(item: Any, *, force: bool = False, version: str | None = None) -> Instruction:
    return Instruction("apply", *key(item), item, force=force, version=version)


def _delete(found: Any) -> Step:
    uid = found["metadata"].get("uid")
    return Step("deleted", *key(found), (Instruction("delete", *key(found), uid=uid),), found, None)
