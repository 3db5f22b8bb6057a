"""Instructions: what `create` and `delete` do to a cluster, as data.

In:   nothing; these are values.
Out:  `Deployment` (what shall be), `Instruction` (one request), `Step` (one object), `Plan`.

Not here: making a plan (`plan.py`), carrying it out (`execute.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....diagnostics import Diagnostic
from ....model.facts import Identity
from ....model.flows import Flow
from ...plans import numbered

MANAGED_BY = "app.kubernetes.io/managed-by"
DEPLOYED_NAME = "metaflow-triggers/deployed-name"
APPLIED = "metaflow-triggers/applied"
"""Annotation: hash of what was applied last. Stands in the cluster only."""
FLOW = "metaflow-triggers/flow"
"""Annotation of a WorkflowTemplate: the flow as `differences.recorded` has it. Stands in the cluster only."""
UNFINISHED = "metaflow-triggers/unfinished"
"""Annotation of a WorkflowTemplate: what is still to be deleted and would not be found by its labels."""


@dataclass(frozen=True)
class Deployment:
    """One flow with everything that it shall have. `objects` are without token and annotations of ours.

    `token_is_chosen`: the user asked for this token; else one that an interrupted `create` left is taken up.
    `model` is the flow as JSON (`differences.recorded`), or None. `former_names` are names under which Metaflow
    deployed the same flow before; `replaces` names of other deployments, of ours or upstream's, that this one stands
    for and that go when it is there. `flow` is the flow itself, or None: its Sensors depend on how its parents are
    deployed; of those `beside` this version deploys all before the command ends.
    """

    deployed_name: str
    objects: tuple[Any, ...]
    token: str
    token_is_chosen: bool = False
    model: Any = None
    former_names: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    flow: Flow | None = None
    beside: frozenset[Identity] = frozenset()


@dataclass(frozen=True)
class Instruction:
    """One request. `verb` is make (create, it must be absent), take (become the manager of fields that upstream set),
    apply (server-side), or delete.

    `version` is the resourceVersion, `uid` the uid that the object must have; None: any. `managers` are the
    managedFields that `take` writes.
    """

    verb: str
    kind: str
    namespace: str
    name: str
    body: Any = None
    version: str | None = None
    uid: str | None = None
    force: bool = False
    managers: Any = None

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Step:
    """What happens to one object. `verb` is created, updated, unchanged or deleted.

    `was` is what the cluster has of it and `now` what it will have, as JSON values (None: nothing).
    """

    verb: str
    kind: str
    namespace: str
    name: str
    instructions: tuple[Instruction, ...] = ()
    was: Any = None
    now: Any = None

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they are taken. `adopted` are the objects of upstream's that it takes over or
    deletes, by deployed name: (WorkflowTemplate, Sensor or None, CronWorkflow or None). `remarks` are what
    is to be said of the deployments as the cluster is (FT507, FT508)."""

    steps: tuple[Step, ...]
    adopted: Mapping[str, tuple[Any, Any, Any]]
    remarks: tuple[Diagnostic, ...] = ()

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        return tuple(item for step in self.steps for item in step.instructions)

    @property
    def same(self) -> bool:
        """Whether the cluster has all of it and nothing else."""
        return not self.instructions

    def __str__(self) -> str:
        lines = numbered(self.instructions)
        return "\n".join(lines) or "nothing to do"
