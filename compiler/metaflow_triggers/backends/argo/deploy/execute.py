"""Execute: carries a plan out.

In:   a plan, the cluster.
Out:  each step told when it is done; DiagnosticError at the request that the cluster refused, `Superseded` where an
      object is no longer what it was.

Not here: deciding anything. Carried out twice, a plan leaves what it leaves when carried out once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ....diagnostics import DiagnosticError
from ...plans import Stopped
from .cluster import Cluster, Superseded
from .instructions import Instruction, Plan, Step

_SEEN = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries, until the server sees a Role that was just written."""


def rehearse(api: Cluster, plan: Plan) -> None:
    """Every request as a dry run of the server: schemas, rights, quotas and admission are asked before any write."""
    taken: set[tuple[str, str, str]] = set()
    for item in plan.instructions:
        where = (item.kind, item.namespace, item.name)
        # The fields that `take` takes are still upstream's in a dry run, and the second write of an object is like
        # the first.
        if where not in taken or item.verb == "delete":
            _request(api, item, dry_run=True)
        if item.verb == "apply":
            taken.add(where)


def execute(api: Cluster, plan: Plan, told: Callable[[Step], None]) -> None:
    """Step by step. Raises DiagnosticError or Superseded; what was done stays."""
    for number, step in enumerate(plan.steps):
        for calls, item in enumerate(step.instructions):
            try:
                _request(api, item, dry_run=False)
            except DiagnosticError as refused:
                left = (other for other in plan.steps[number + 1 :] if other.instructions)
                raise Stopped(refused, step, calls, len(step.instructions), left) from refused
        told(step)


def _request(api: Cluster, item: Instruction, *, dry_run: bool) -> None:
    if item.verb == "make":
        api.make(item.body, dry_run)
    elif item.verb == "take":
        api.take(item.body, item.managers, dry_run)
    elif item.kind == "RoleBinding" and item.verb == "apply":
        _bind(api, item, dry_run)
    elif item.verb == "apply":
        api.apply(item.body, force=item.force, version=item.version, dry_run=dry_run)
    elif item.verb == "delete":
        api.delete(item.kind, item.namespace, item.name, item.uid, dry_run)
    else:
        raise AssertionError(item.verb)


def _bind(api: Cluster, item: Instruction, dry_run: bool) -> None:
    """Of who may not grant what they like, the server compares the Role with their own rights. In a dry run there is no
    Role yet, which is told of those only who may write the binding; and it reads Roles from a view that is behind what
    it has just written."""
    for seconds in () if dry_run else _SEEN:
        if api.apply(item.body, force=item.force, version=item.version, absent=True) is not None:
            return
        time.sleep(seconds)
    api.apply(item.body, force=item.force, version=item.version, dry_run=dry_run, absent=dry_run)


__all__ = ["Superseded", "execute", "rehearse"]
