"""Looked: a cluster of which each kind is listed once, for the plans of many flows.

In:   a client of the `kubernetes` package.
Out:  what `Cluster` gives; questions are answered by what was listed, and by what was written since.

Not here: what is asked, and whether it may be written. What others have changed since is not seen: the plan that is
made after the first one asks the cluster itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .cluster import MANAGER, Cluster, key
from .instructions import DEPLOYED_NAME, MANAGED_BY
from .ownership import labels_of

_OURS = f"{MANAGED_BY}={MANAGER}"
_OF_FLOWS = re.compile(re.escape(f"{_OURS},{DEPLOYED_NAME}") + r" in \(([^)]*)\)")
_Objects = dict[str, Any]


@dataclass(frozen=True)
class Looked(Cluster):
    """`ours` and `all` have what was listed by kind and namespace, `asked` what was asked for by its name; `of_flows`
    has those of `ours` by the deployed name that they carry."""

    ours: dict[tuple[str, str], _Objects] = field(default_factory=dict)
    of_flows: dict[tuple[str, str], dict[str, _Objects]] = field(default_factory=dict)
    all: dict[tuple[str, str], _Objects] = field(default_factory=dict)
    asked: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def get(self, kind: str, namespace: str, name: str) -> Any:
        """The object, or None."""
        for lists in (self.ours, self.all):
            if name in lists.get((kind, namespace), ()):
                return lists[kind, namespace][name]
        if (kind, namespace) in self.all:
            return None
        if (kind, namespace, name) not in self.asked:
            self.asked[kind, namespace, name] = super().get(kind, namespace, name)
        return self.asked[kind, namespace, name]

    def find(self, kind: str, namespace: str, selector: str) -> list[Any]:
        """Objects that carry the labels."""
        if not selector:
            return list(self._listed(self.all, kind, namespace, "").values())
        found = self._listed(self.ours, kind, namespace, _OURS)
        flows = _OF_FLOWS.fullmatch(selector)
        if flows is None:
            return list(found.values())
        groups = self.of_flows[kind, namespace]
        return [item for name in dict.fromkeys(flows[1].split(",")) for item in groups.get(name, {}).values()]

    def _listed(self, lists: dict[tuple[str, str], _Objects], kind: str, namespace: str, selector: str) -> _Objects:
        if (kind, namespace) not in lists:
            found = super().find(kind, namespace, selector)
            lists[kind, namespace] = {item["metadata"]["name"]: item for item in found}
            if lists is self.ours:
                groups = self.of_flows.setdefault((kind, namespace), {})
                for name, item in lists[kind, namespace].items():
                    groups.setdefault(_flow_of(item), {})[name] = item
        return lists[kind, namespace]

    def make(self, item: Any, dry_run: bool = False) -> Any:
        """Create; the object as the server now has it."""
        return self._kept(super().make(item, dry_run), dry_run)

    def apply(
        self, item: Any, *, force: bool, version: str | None = None, dry_run: bool = False, absent: bool = False
    ) -> Any:
        """Server-side apply; the object as the server now has it, or with `absent` None."""
        done = super().apply(item, force=force, version=version, dry_run=dry_run, absent=absent)
        return None if done is None else self._kept(done, dry_run)

    def take(self, found: Any, managers: list[Any], dry_run: bool = False) -> Any:
        """Give the object these `managedFields`."""
        return self._kept(super().take(found, managers, dry_run), dry_run)

    def _kept(self, item: Any, dry_run: bool) -> Any:
        if not dry_run:
            kind, namespace, name = key(item)
            self.asked[kind, namespace, name] = item
            if (kind, namespace) in self.all:
                self.all[kind, namespace][name] = item
            if (kind, namespace) in self.ours:
                self._forget(kind, namespace, name)
                if labels_of(item).get(MANAGED_BY) == MANAGER:
                    self.ours[kind, namespace][name] = item
                    self.of_flows[kind, namespace].setdefault(_flow_of(item), {})[name] = item
        return item

    def _forget(self, kind: str, namespace: str, name: str) -> None:
        """That it is one of ours."""
        before = self.ours.get((kind, namespace), {}).pop(name, None)
        if before is not None:
            self.of_flows[kind, namespace][_flow_of(before)].pop(name, None)

    def delete(self, kind: str, namespace: str, name: str, uid: str | None = None, dry_run: bool = False) -> bool:
        """Whether it was there."""
        there = super().delete(kind, namespace, name, uid, dry_run)
        if not dry_run:
            self.asked[kind, namespace, name] = None
            self._forget(kind, namespace, name)
            self.all.get((kind, namespace), {}).pop(name, None)
        return there


def _flow_of(item: Any) -> str:
    return str(labels_of(item).get(DEPLOYED_NAME, ""))
