"""Poll records: what people and programs read about the poll triggers of a cluster, and what they may change.

In:   a namespace; the caller's own access to the Kubernetes API.
Out:  plain dicts with the keys of the local engine's; flags in the triggers' ConfigMaps, which deployments leave alone.

Not here: polling (`polling.argo`). A trigger is known by its name; where several deployments have one of a name, by
`<deployed name>/<name>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from metaflow_extensions.triggers.contract.local_start import timestamp_text

from ....poll.errors import PollValueError
from ....polling import record
from ....polling.argo import store
from ... import poll_rows
from .. import NAME
from ..deploy.cluster import MANAGER, Cluster, Superseded
from ..deploy.instructions import DEPLOYED_NAME, MANAGED_BY
from ..deploy.ownership import labels_of

_TRIES = 5
_SILENT = timedelta(seconds=90)
"""A poller renews its Lease every 5 seconds. Clocks may differ a little."""
_UPDATED = "updated_at"


@dataclass(frozen=True)
class Namespace:
    """Where the triggers are."""

    cluster: Cluster
    name: str


@contextmanager
def opened(path: str, declared: Sequence[Any] = (), cluster: Cluster | None = None) -> Iterator[Namespace]:
    """The triggers of a namespace; "" is that of the configuration. Raises DiagnosticError (FT701)."""
    from .... import seams

    name = path.strip("/") or str(seams.configured("KUBERNETES_NAMESPACE") or "default")
    yield Namespace(cluster or Cluster.of(), name)


def schedules(
    at: Namespace, enabled_only: bool = False, limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """The triggers, sorted by name."""
    whole = _Whole(at)
    return poll_rows.in_order((whole.schedule(item) for item in whole.items), enabled_only, limit, offset)


def schedule(at: Namespace, name: str) -> dict[str, Any] | None:
    """One trigger, or None."""
    whole = _Whole(at)
    found = whole.named(name)
    return whole.schedule(found[0]) if len(found) == 1 else None


def known(at: Namespace, name: str) -> None:
    """Raises TriggerNotFound, and PollValueError where several have the name."""
    _Whole(at).only(name)


def set_enabled(at: Namespace, name: str, enabled: bool) -> None:
    """Let a trigger be polled from its next tick on, or not. Raises TriggerNotFound, and TypeError for no bool."""
    value = poll_rows.flag(enabled)
    _set(at, _Whole(at).only(name), store.ENABLED, value)


def set_paused(at: Namespace, flow: str | None, paused: bool) -> list[str]:
    """Hold the starts of all triggers of a flow, or of all; the names of these flows. Raises PollValueError (FT730)."""
    whole = _Whole(at)
    flows = {_flow(item) for item in whole.items} | {labels_of(item)[DEPLOYED_NAME] for item in whole.items}
    found = [item for item in whole.items if flow is None or flow in (_flow(item), labels_of(item)[DEPLOYED_NAME])]
    if flow is not None and not found:
        raise poll_rows.no_flow(flow, f"namespace `{at.name}`", flows)
    for item in found:
        _set(at, item, store.PAUSED, str(paused).lower())
    return sorted({labels_of(item)[DEPLOYED_NAME] for item in found})


def paused(at: Namespace) -> list[str]:
    """Deployed names of the flows whose polled starts are held."""
    items = _Whole(at).items
    return sorted({labels_of(item)[DEPLOYED_NAME] for item in items if store.is_on(item["data"], store.PAUSED, False)})


def history(at: Namespace, name: str, limit: int | None = None, offset: int = 0) -> list[dict[str, Any]]:
    """The accepted fires of a trigger, newest first; `[]` for an unknown name."""
    whole = _Whole(at)
    found = whole.named(name)
    if len(found) != 1:
        return []
    (item,) = found
    claims = record.state_or_why(item["data"].get(store.STATE))[0]["claims"]
    return [_execution(at, item, claim) for claim in poll_rows.newest(claims, limit, offset)]


class _Whole:
    """All records of a namespace, the pollers and their Leases, each listed when it is asked for."""

    def __init__(self, at: Namespace) -> None:
        self._at = at
        selector = f"{MANAGED_BY}={MANAGER}"
        found = at.cluster.find("ConfigMap", at.name, selector)
        self.items = [item for item in found if store.DECLARATION in (item.get("data") or {})]
        self._pollers: list[Any] | None = None
        self._leases: dict[str, Any] = {}

    def named(self, name: str) -> list[Any]:
        return poll_rows.named(name, self._by_name())

    def only(self, name: str) -> Any:
        return poll_rows.only(name, self._by_name())

    def _by_name(self) -> list[tuple[str, str, Any]]:
        return [(labels_of(item)[DEPLOYED_NAME], _name(item), item) for item in self.items]

    def schedule(self, item: Any) -> dict[str, Any]:
        data, metadata = item["data"], item["metadata"]
        declared = record.declaration(data[store.DECLARATION])
        state, problem = record.state_or_why(data.get(store.STATE))
        return poll_rows.schedule(
            metadata.get("uid"),
            declared,
            state,
            enabled=store.is_on(data, store.ENABLED, True),
            created=metadata.get("creationTimestamp"),
            updated=data.get(_UPDATED),
            target=NAME,
            down=self._down(item) or problem or state.get("down"),
        )

    def _down(self, item: Any) -> str | None:
        """Why nothing polls a trigger, as the cluster has it."""
        if self._pollers is None:
            selector = f"{MANAGED_BY}={MANAGER},{DEPLOYED_NAME}"
            self._pollers = self._at.cluster.find("Deployment", self._at.name, selector)
            self._leases = {
                labels_of(lease)[DEPLOYED_NAME]: lease
                for lease in self._at.cluster.find("Lease", self._at.name, selector)
            }
        deployed = labels_of(item)[DEPLOYED_NAME]
        mine = next((one for one in self._pollers if labels_of(one)[DEPLOYED_NAME] == deployed), None)
        return not_polled(item, mine, self._leases.get(deployed))


def not_polled(item: Any, poller: Any, lease: Any) -> str | None:
    """Why nothing polls the trigger of a ConfigMap, by the Deployment and the Lease of its flow, None where it has
    none; None: it is polled, or its poller itself says why not."""
    if poller is None:
        return "its flow has no poller"
    if not is_declared(item, poller):
        return poll_rows.NOT_DECLARED
    spec = (lease or {}).get("spec") or {}
    name = f"{poller['metadata']['namespace']}/{poller['metadata']['name']}"
    if not spec.get("renewTime"):
        return f"its poller has not begun: see the pods of Deployment {name}"
    renewed = datetime.fromisoformat(str(spec["renewTime"]).replace("Z", "+00:00"))
    if datetime.now(timezone.utc) - renewed > _SILENT:
        return f"its poller was last heard of at {spec['renewTime']}: see the pods of Deployment {name}"
    return None


def is_declared(item: Any, poller: Any) -> bool:
    """Whether the deployed flow still declares the trigger of a ConfigMap: its poller is told of it."""
    command = poller["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    return item["metadata"]["name"] in str(command).split()


def _execution(at: Namespace, item: Any, claim: dict[str, Any]) -> dict[str, Any]:
    run_id = f"argo-{claim['name']}" if claim.get("run_started_at") else None
    declared = record.declaration(item["data"][store.DECLARATION])
    return poll_rows.execution(item["metadata"].get("uid"), declared, claim, run_id, _context(at, claim))


def _context(at: Namespace, claim: dict[str, Any]) -> Any:
    """What was fired; None where it was too large to be kept and its Workflow is gone."""
    if claim["context"] is not None:
        return json.loads(claim["context"])
    from metaflow_extensions.triggers.plugins.argo_source import document_of

    from ....polling.fires import RESERVED

    payload = json.loads(claim["payload"]) if "payload" in claim else None
    if payload is None:
        found = at.cluster.get("Workflow", at.name, claim["name"])
        told = document_of(found) if found else None
        payload = told["events"][0]["event"]["payload"] if told else None
    return None if payload is None else {key: value for key, value in payload.items() if key not in RESERVED}


def _set(at: Namespace, item: Any, key: str, value: str) -> None:
    """Write one flag. Whoever else writes meanwhile loses nothing."""
    for attempt in range(1, _TRIES + 1):
        item["data"] = {**item["data"], key: value, _UPDATED: timestamp_text(datetime.now(timezone.utc))}
        try:
            at.cluster.replace(item)
        except Superseded as error:
            if attempt == _TRIES:
                raise PollValueError("FT704", error.problem.message) from error
            item = at.cluster.get("ConfigMap", at.name, item["metadata"]["name"])
            if item is None:
                raise
        else:
            return


def _name(item: Any) -> str:
    return str(json.loads(item["data"][store.DECLARATION])["name"])


def _flow(item: Any) -> str:
    return str(json.loads(item["data"][store.DECLARATION])["workflow"])
