"""Situations: why an event did not start a flow, one row each, for every target.

In:   nothing.
Out:  `SITUATIONS`: what is the matter, and the causes that `trail` has to name, no more and no fewer.

Not here: how a situation is made on a target: that is a column (`local.py`), which also says why it cannot have a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Situation:
    """`causes`: the codes of the answer about the flow, in order; `on`: those of a target that has others."""

    name: str
    is_so: str
    causes: tuple[str, ...]
    on: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def expected(self, target: str) -> tuple[str, ...]:
        return self.on.get(target, self.causes)


SITUATIONS = (
    Situation("right-start", "it started a run", ("run",)),
    Situation("whole-set", "it was the last of a set", ("run",)),
    Situation("duplicate", "it was sent twice under one id", ("run",)),
    Situation("failed-in-a-step", "its run failed in the user's code", ("run",)),
    Situation("filter-at-depth", "a field below two objects is not what the filter wants", ("filter",)),
    Situation("filter-in-a-list", "no element of a list has all that the filter wants", ("filter-together",)),
    Situation("two-filters", "neither of two dependencies wants it", ("filter", "filter")),
    Situation("long-number", "it has a number that AWS's matcher does not read", ("filter", "number-not-kept")),
    Situation("missing-field", "it lacks what a required parameter needs", ("missing-field",)),
    Situation("missing-field-in-set", "the same, in a set", ("missing-field",)),
    Situation("wrong-type", "its value does not fit its parameter", ("wrong-type",)),
    Situation("half-a-set", "the other event of the set has not come", ("waiting-in-set",),
              {"argo-workflows": ("set-not-kept",)}),
    Situation("set-reset", "the reset came before the other event", ("set-reset",),
              {"argo-workflows": ("set-not-kept",)}),
    Situation("set-replaced", "a newer event took its place in the set", ("set-replaced",),
              {"argo-workflows": ("set-not-kept",)}),
    Situation("other-payload", "its id was used before, with another payload", ("other-payload", "run")),
    Situation("same-id-two-names", "its id is also that of another event", ("run", "same-id")),
    Situation("paused", "somebody has paused the flow", ("paused",)),
    Situation("disabled", "what would start the flow is disabled", ("disabled",)),
    Situation("gone", "somebody deleted what would start the flow", ("gone",)),
    Situation("wrong-bus", "it went to a bus on which the flow does not listen", ("wrong-bus",)),
    Situation("no-right", "what starts the flow lacks a right", ("no-right",)),
    Situation("throttled", "the backend is throttled", ("throttled",)),
    Situation("dead-letter", "the start was given up", ("dead-letter",)),
    Situation("busy", "as many runs as may be are active", ("queued",)),
    Situation("before-user-code", "its run could not begin", ("failed-before-user-code",)),
    Situation("lost", "the process of its run was killed", ("lost",)),
    Situation("other-branch", "it is of another branch than the flow", ("other-branch",)),
    Situation("other-project", "it is of another project than the flow", ("other-project",)),
    Situation("misspelt", "no flow waits for its name", ("nobody-listens",)),
    Situation("suppressed-poll", "a run of an equal context is active", ("suppressed-poll",)),
    Situation("no-engine", "nobody has looked at it yet", ("not-read",)),
    Situation("listened-later", "the flow was first served after it came", ("not-listening-then",)),
    Situation("pruned", "it is too long ago", ("forgotten",),
              {"argo-workflows": ("may-be-deleted",)}),
    Situation("never-came", "nothing of this id ever came; its payload would start the flow", ("not-arrived",),
              {"local": ("not-accepted",)}),
    Situation("never-came-and-no", "nothing of this id ever came, and the filter wants no such payload", ("filter",),
              {"local": ("not-accepted", "filter")}),
    Situation("never-came-unknown", "nothing of this id ever came, and nobody says what it held", ("not-kept",),
              {"local": ("not-accepted",)}),
    Situation("cannot-be-asked", "the target cannot be read", ("could-not-ask",)),
)  # fmt: skip

NAMES = {item.name: item for item in SITUATIONS}
