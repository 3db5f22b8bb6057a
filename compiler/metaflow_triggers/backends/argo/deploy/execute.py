"""Execute: carries a plan out.

In:   a plan, the cluster.
Out:  each step told when it is done; DiagnosticError at the request that the cluster refused, `Superseded` where an
      object is no longer what it was.

Not here: deciding anything. Carried out twice, a plan leaves what it leaves when carried out once.
"""

from __future__ import annotations

from collections.abc import Callable

from ....diagnostics import DiagnosticError
from ...plans import Stopped
from .cluster import Cluster, Superseded
from .instructions import Instruction, Plan, Step


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
    elif item.verb == "apply":
        api.apply(item.body, force=item.force, version=item.version, dry_run=dry_run)
    elif item.verb == "delete":
        api.delete(item.kind, item.namespace, item.name, item.uid, dry_run)
    else:
        raise AssertionError(item.verb)


__all__ = ["Superseded", "execute", "rehearse"]
