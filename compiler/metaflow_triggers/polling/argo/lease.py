"""Lease: which process polls.

In:   the name of a Lease that `create` has made, this process's own name, a clock that never goes back.
Out:  whether this process polls, since which transition (`epoch`), and until when that is sure.

Not here: what is polled. No wall clock is compared: a holder is taken for gone when its Lease has stood still, for the
eyes of this process, for as long as a Lease lasts. That is longer than a poll may take, so polls do not overlap; what a
holder does that wakes up later is refused by the resourceVersion of what it writes (`record`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract.local_start import timestamp_text

from .api import Api, said

SECONDS = 45
"""How long a Lease lasts. A poll begins only while a third of that has not passed since it was renewed, so that its 30
seconds end before anybody else may poll."""


class NoLease(Exception):
    """The Lease cannot be asked for."""


class Lease:
    """One thread uses it, but for `is_sure`."""

    def __init__(
        self,
        api: Api,
        path: str,
        holder: str,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        seconds: float,
    ) -> None:
        self._api, self._path, self._holder = api, path, holder
        self._monotonic, self._now = monotonic, now
        self._seconds = seconds
        self._seen: tuple[Any, float] | None = None
        self._sure_until = float("-inf")
        self.epoch: int | None = None

    def is_sure(self) -> bool:
        """Whether this process holds it, and nobody can have taken it."""
        return self.epoch is not None and self._monotonic() < self._sure_until

    def keep(self) -> bool:
        """Take or renew it; whether it is ours. Raises OSError and NoLease, after which nobody knows."""
        asked = self._monotonic()
        status, item = self._api.get(self._path)
        if status != 200:
            raise NoLease(f"the lease {self._path} cannot be read: {said(status, item)}")
        spec = item.get("spec") or {}
        transitions = int(spec.get("leaseTransitions") or 0)
        ours = spec.get("holderIdentity") == self._holder
        if ours and self.epoch is not None and self.epoch != transitions:
            ours = False  # a process of this name has taken it meanwhile
        if not ours:
            self.epoch = None
            if not self._is_free(spec, item, asked):
                return False
        if not ours or self.epoch is None:
            transitions += 1
        item["spec"] = {
            **spec,
            "holderIdentity": self._holder,
            "leaseDurationSeconds": max(1, int(self._seconds)),
            "renewTime": _micro(self._now()),
            "leaseTransitions": transitions,
            **({} if self.epoch is not None else {"acquireTime": _micro(self._now())}),
        }
        status, told = self._api.replace(self._path, item)
        if status == 409:
            self.epoch = None
            return False
        if status != 200:
            raise NoLease(f"the lease {self._path} cannot be written: {said(status, told)}")
        self.epoch = transitions
        self._sure_until = asked + self._seconds / 3
        return True

    def give_up(self) -> None:
        """Let another process take it at once. Raises OSError."""
        if self.epoch is None:
            return
        status, item = self._api.get(self._path)
        spec = item.get("spec") or {}
        if status == 200 and (spec.get("holderIdentity"), spec.get("leaseTransitions")) == (self._holder, self.epoch):
            item["spec"] = {**spec, "holderIdentity": ""}
            self._api.replace(self._path, item)
        self.epoch = None

    def _is_free(self, spec: dict[str, Any], item: dict[str, Any], now: float) -> bool:
        holder = spec.get("holderIdentity")
        if not holder or holder == self._holder:  # the container has started anew: the process before it has ended
            return True
        seen = (holder, spec.get("renewTime"), (item.get("metadata") or {}).get("resourceVersion"))
        if self._seen is None or self._seen[0] != seen:
            self._seen = (seen, now)
        return now - self._seen[1] >= max(self._seconds, float(spec.get("leaseDurationSeconds") or 0))


def _micro(moment: datetime) -> str:
    """As Kubernetes' MicroTime has it."""
    return timestamp_text(moment).replace("+00:00", "Z")
