"""Trust: of which parents the exit handler alone is believed.

In:   the flows that are compiled together, what is deployed where somebody has looked, the setting
      METAFLOW_TRIGGERS_UNPROVEN_PARENTS.
Out:  where a dependency's outcomes are taken from, and what is said of those that anybody may publish.

Not here: the event source of outcomes and its secret (`shared`), what a Sensor asks of an outcome (`event_delivery`).

The exit handlers of our deployments publish at an event source of their own, whose token nobody else is given. The
event that Metaflow itself publishes of a success goes where all events go, and so do outcomes of deployments of earlier
versions: who holds the token of that event source may publish the like. A flow among those that are compiled together
is deployed by us, and so is one whose WorkflowTemplate in the cluster says so. Of another one nobody knows here: its
outcomes are taken from where all events go unless the setting says otherwise. Our exit handlers publish at both places,
unless the setting refuses what has no proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....diagnostics import Diagnostic
from ....model.facts import Identity, identities, qualified_name, wanted
from ....model.flows import FinishDependency, Flow, TriggerGraph
from ....model.settings import Settings
from . import names
from .options import Options, read_options

SETTING = "METAFLOW_TRIGGERS_UNPROVEN_PARENTS"

OUTCOMES = "metaflow-triggers/outcomes"
"""Annotation of a WorkflowTemplate: where its exit handler proves what it publishes, as `outcomes_at` writes it."""


@dataclass(frozen=True)
class Trust:
    """`compiled`: the flows that are deployed together. `said`: the setting, or None. `deployed`: WorkflowTemplates
    that are known to publish with proof; None where nobody has looked."""

    compiled: frozenset[Identity] = frozenset()
    said: str | None = None
    deployed: frozenset[str] | None = None

    def proves(self, dependency: FinishDependency, options: Options) -> bool:
        """Whether only what the parent's exit handler publishes counts.

        A trigger that names an event source means that one, whoever publishes there.
        """
        if options.names_source or options.outcomes_are_shared:
            return False
        said = (self.said or "allow").strip()
        if said in ("refuse", "all"):
            return said == "refuse"
        parent = wanted(dependency)
        if said == "allow":
            return parent in self.compiled or template_of(dependency) in (self.deployed or ())
        return not {dependency.flow, qualified_name(parent)} & {name.strip() for name in said.split(",")}


def trust(graph: TriggerGraph, settings: Settings) -> Trust:
    """Of a compilation."""
    return Trust(identities(graph), settings.argo_unproven_parents)


def template_of(dependency: FinishDependency) -> str:
    """The name of the parent's WorkflowTemplate."""
    return names.template_name(dependency.flow, dependency.project, dependency.branch)


def outcomes_at(settings: Settings) -> str:
    """Where exit handlers prove what they publish."""
    return f"{settings.argo_sensor_namespace}/{settings.argo_outcome_event_source}/{settings.argo_outcome_event}"


def also_shared(settings: Settings) -> bool:
    """Whether exit handlers publish where all events go, too: for flows that take outcomes from there."""
    return (settings.argo_unproven_parents or "").strip() != "refuse"


def without_proof(flow: Flow, settings: Settings, believed: Trust) -> Iterator[FinishDependency]:
    """Dependencies whose outcomes anybody may publish who may publish events."""
    for trigger in flow.triggers:
        options = read_options(trigger, settings)
        for item in trigger.dependencies:
            if isinstance(item, FinishDependency) and not believed.proves(item, options):
                yield item


def outcome_place(dependency: FinishDependency, options: Options, believed: Trust) -> tuple[str, str, bool]:
    """Event source, event, and whether what comes there is proven."""
    if believed.proves(dependency, options):
        return options.outcome_event_source, options.outcome_event, True
    return options.event_source, options.event, False


def unproven(flow: Flow, dependency: FinishDependency, believed: Trust) -> Diagnostic:
    """What is said of a dependency whose outcomes anybody may publish who may publish events."""
    if believed.deployed is None:
        label = f"that metaflow-triggers deploys `{dependency.flow}` is not known here"
        first = (
            f"compile `{flow.name}` and `{dependency.flow}` together, or let `create` look: then the exit handler alone"
        )
    elif template_of(dependency) in believed.deployed:
        label = f"where `{flow.name}` listens is said by its options or by {SETTING}"
        first = "leave that out: then the exit handler alone"
    else:
        label = f"no `{dependency.flow}` of ours is deployed that proves its outcomes"
        first = f"deploy `{dependency.flow}` by this version, then `{flow.name}` again: then the exit handler alone"
    return Diagnostic(
        "FT507",
        f"on argo-workflows `{flow.name}` starts when anybody who may publish events says that `{dependency.flow}` has "
        "ended",
        dependency.span,
        label=label,
        helps=(
            f"{first} is believed",
            f"or set {SETTING} to `refuse`, or to the names of the flows that Metaflow alone deploys",
        ),
    )
