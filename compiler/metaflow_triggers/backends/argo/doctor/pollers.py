"""Pollers: whether what polls for these flows in the cluster is at work.

In:   flows that poll triggers start, the settings, what has been asked.
Out:  a finding for each flow's poller, for its account's rights, and for each trigger.

Not here: what `create` may do (`rights`). A flow that is not deployed lacks nothing: `create` makes its poller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from ....doctor.findings import Finding, fine, lacking
from ....model.flows import Flow
from ....model.settings import Settings
from ....polling import record
from ....polling.argo import store
from ... import poll_health
from ..compile import names
from ..compile.poller import POLLER, poller_name, rules
from ..deploy.cluster import MANAGER
from ..deploy.instructions import DEPLOYED_NAME, MANAGED_BY
from ..polls.records import is_declared, not_polled
from ..trail.fields import parts, word
from .asking import CORE, Asked, each

_APPS, _LEASES = "/apis/apps/v1", "/apis/coordination.k8s.io/v1"
_REVIEW = "/apis/authorization.k8s.io/v1"


def pollers(settings: Settings, flows: Sequence[Flow], asked: Asked) -> Iterator[Finding]:
    """Flow by flow."""
    for flow in flows:
        yield from each(_of_flow(names.own_name(flow), settings.kubernetes_namespace, asked))


def _of_flow(deployed: str, namespace: str, asked: Asked) -> Iterator[Callable[[], Finding]]:
    """What is asked of one; questions that follow from an answer come after it."""
    thing, name = f"poller of {deployed}", poller_name(deployed)
    found: dict[str, Any] = {}

    def deployment() -> Finding:
        found["poller"] = item = asked.get(thing, _APPS, "deployments", namespace, name)
        if item is None:
            return fine(thing, "not deployed yet: `create` makes it")
        return _ready(thing, item, asked)

    yield deployment
    if found.get("poller") is None:
        return

    def records() -> Finding:
        path = _listed(namespace, "configmaps", f"{MANAGED_BY}={MANAGER},{DEPLOYED_NAME}={deployed}")
        answer = asked.answer(of_records, "GET", path, f"`list configmaps` in `{namespace}`")
        items = [item for item in parts(answer, "items") if store.DECLARATION in (item.get("data") or {})]
        found["records"] = [item for item in items if is_declared(item, found["poller"])]
        found["lease"] = asked.get(of_records, _LEASES, "leases", namespace, name)
        return fine(of_records, f"{len(found['records'])} of {len(items)} that are remembered are polled")

    of_records = f"poll triggers of {deployed}"
    yield records
    if "lease" not in found:
        return
    yield partial(_rights, deployed, namespace, [item["metadata"]["name"] for item in found["records"]], asked)
    for item in found["records"]:
        yield partial(_trigger, deployed, item, found["poller"], found["lease"])


def _listed(namespace: str, plural: str, selector: str) -> str:
    return f"{CORE}/namespaces/{quote(namespace)}/{plural}?labelSelector={quote(selector, safe='')}"


def _ready(thing: str, poller: Any, asked: Asked) -> Finding:
    """Whether a pod of the Deployment is at work; else why not, as its pods say."""
    status, spec = poller.get("status") or {}, poller.get("spec") or {}
    namespace, name = poller["metadata"]["namespace"], poller["metadata"]["name"]
    if spec.get("replicas") == 0:
        mend = f"kubectl scale deployment --namespace {namespace} {name} --replicas 1"
        return lacking(thing, f"Deployment {namespace}/{name} has no replicas: nothing is polled", mend)
    if status.get("readyReplicas"):
        return fine(thing)
    path = _listed(namespace, "pods", f"{POLLER}={name}")
    pods = parts(asked.answer(thing, "GET", path, f"`list pods` in `{namespace}`"), "items")
    said = [text for pod in pods for text in _waits(pod)]
    said += [word(item, "message") for item in parts(status, "conditions") if item.get("status") == "False"]
    told = next(filter(None, said), "it has no pod that is ready, and does not say why")
    mends = (
        f"kubectl describe pods --namespace {namespace} --selector {POLLER}={name}",
        f"kubectl logs --namespace {namespace} deployment/{name} --tail -1",
    )
    return lacking(thing, f"Deployment {namespace}/{name} is not ready: {told}", *mends)


def _waits(pod: Any) -> Iterator[str]:
    """Why the containers of a pod do not run, or were ended."""
    status = pod.get("status") or {}
    for item in parts(status, "containerStatuses"):
        for state in ((item.get("state") or {}).get("waiting"), (item.get("lastState") or {}).get("terminated")):
            words = [word(state, key) for key in ("reason", "message")] if isinstance(state, dict) else []
            yield ": ".join(filter(None, words))
    yield from (word(item, "message") for item in parts(status, "conditions") if item.get("status") == "False")


def _rights(deployed: str, namespace: str, config_maps: list[str], asked: Asked) -> Finding:
    """Of the poller's account: each right of its Role."""
    name = poller_name(deployed)
    thing, user = f"rights of the poller of {deployed}", f"system:serviceaccount:{namespace}:{name}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    right = f"`create localsubjectaccessreviews.authorization.k8s.io` in `{namespace}`"
    missing = []
    for rule in rules(config_maps, name):
        for verb in rule.verbs:
            for one in rule.names or ("",):
                what = {"namespace": namespace, "verb": verb, "group": rule.api_group, "resource": rule.resources[0]}
                body = {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "LocalSubjectAccessReview",
                    "metadata": {"namespace": namespace},
                    "spec": {
                        "user": user,
                        "groups": groups,
                        "resourceAttributes": what | ({"name": one} if one else {}),
                    },
                }
                path = f"{_REVIEW}/namespaces/{quote(namespace)}/localsubjectaccessreviews"
                answer = asked.answer(thing, "POST", path, right, body) or {}
                if not (answer.get("status") or {}).get("allowed"):
                    missing.append(" ".join(filter(None, (verb, rule.resources[0], one))))
    if not missing:
        return fine(thing)
    told = f"ServiceAccount {namespace}/{name} may not {', '.join(missing)}"
    return lacking(thing, told, "metaflow-triggers create PATHS --backend argo-workflows")


def _trigger(deployed: str, item: Any, poller: Any, lease: Any) -> Finding:
    """What is remembered of a trigger that says that it is not polled, or cannot start anything."""
    data = item["data"]
    declared = record.declaration(data[store.DECLARATION])
    thing, name = f"poll trigger {deployed}/{declared.name}", item["metadata"]["name"]
    namespace = item["metadata"]["namespace"]
    state, problem = record.state_or_why(data.get(store.STATE))
    log = f"kubectl logs --namespace {namespace} deployment/{poller['metadata']['name']} --tail -1"
    forget = f"kubectl delete configmap --namespace {namespace} {name}, and `create`: what it remembers is forgotten"
    if problem is not None:
        return lacking(thing, problem, forget)
    down = not_polled(item, poller, lease) or state.get("down")
    if down:
        return lacking(thing, f"it is not polled: {' '.join(str(down).split())}", log)
    ails = poll_health.ailment(state, len(data.get(store.STATE, "")), store.LARGEST)
    if ails is None:
        return fine(thing)
    if ails.is_full:
        return lacking(thing, ails.told, "fewer contexts by `dedup_keys`, or by another name", forget)
    return lacking(thing, ails.told, log)
