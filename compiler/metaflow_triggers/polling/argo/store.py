"""Store: records in ConfigMaps, and the lease as a Lease of the cluster.

In:   names, the API.
Out:  `ConfigMaps` and `LeaseObject` (`polling.places`).

Not here: what stands in a record (`polling.record`). `create` makes the objects and owns the declaration; people own
the flags. Each write names the `resourceVersion` that was read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract.local_start import timestamp_text

from .. import record
from ..places import Held, NoLease, Read
from .api import Api, said

DECLARATION, STATE, ENABLED, PAUSED = "declaration", "state", "enabled", "paused"
"""Keys of a ConfigMap's data."""
LARGEST = 900_000
"""Bytes of a state. A ConfigMap takes 1 MiB with all that is around."""


def is_on(data: dict[str, str], key: str, default: bool) -> bool:
    """A flag of people."""
    return data.get(key, str(default).lower()) == "true"


class ConfigMaps:
    """The records of one namespace, by the names of their ConfigMaps. The version is the whole object."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._records = f"/api/v1/namespaces/{namespace}/configmaps"

    def read(self, key: str) -> Read:
        """A record. Raises OSError, ValueError."""
        status, item = self._api.get(f"{self._records}/{key}")
        if status != 200:
            raise OSError(f"the record {key} cannot be read: {said(status, item)}")
        data = item.get("data") or {}
        declared = record.declaration(data.get(DECLARATION, "null"))
        state = record.state_of(data.get(STATE))
        return Read(declared, state, is_on(data, ENABLED, True), str(item["metadata"].get("uid", "")), item)

    def write(self, key: str, read: Read) -> bool:
        """Store `read.state`, if nobody has written since. Raises OSError, Full."""
        text = record.state_text(read.state, LARGEST)
        item = {**read.version, "data": {**(read.version.get("data") or {}), STATE: text}}
        status, told = self._api.replace(f"{self._records}/{key}", item)
        if status not in (200, 409):
            raise OSError(f"the record {key} cannot be written: {said(status, told)}")
        return status == 200

    def is_paused(self, read: Read) -> bool:
        """Whether nothing may be started now."""
        return is_on(read.version.get("data") or {}, PAUSED, False)


class LeaseObject:
    """A Lease that `create` has made, by its path."""

    def __init__(self, api: Api, path: str) -> None:
        self._api, self._path = api, path

    def read(self) -> Held:
        """The lease. Raises OSError, NoLease."""
        status, item = self._api.get(self._path)
        if status != 200:
            raise NoLease(f"the lease {self._path} cannot be read: {said(status, item)}")
        spec = item.get("spec") or {}
        holder = str(spec.get("holderIdentity") or "")
        seen = (holder, spec.get("renewTime"), (item.get("metadata") or {}).get("resourceVersion"))
        seconds = float(spec.get("leaseDurationSeconds") or 0)
        return Held(holder, int(spec.get("leaseTransitions") or 0), seen, seconds, item)

    def write(self, was: Held, holder: str, epoch: int, now: datetime, seconds: float) -> bool:
        """Write it if nobody has written since. Raises OSError, NoLease."""
        spec: dict[str, Any] = {
            **(was.raw.get("spec") or {}),
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, int(seconds)),
            "renewTime": _micro(now),
            "leaseTransitions": epoch,
            **({} if epoch == was.epoch else {"acquireTime": _micro(now)}),
        }
        status, told = self._api.replace(self._path, {**was.raw, "spec": spec})
        if status not in (200, 409):
            raise NoLease(f"the lease {self._path} cannot be written: {said(status, told)}")
        return status == 200

    def release(self, was: Held) -> None:
        """Have no holder, if nobody has written since. Raises OSError."""
        self._api.replace(self._path, {**was.raw, "spec": {**(was.raw.get("spec") or {}), "holderIdentity": ""}})


def _micro(moment: datetime) -> str:
    """As Kubernetes' MicroTime has it."""
    return timestamp_text(moment).replace("+00:00", "Z")
