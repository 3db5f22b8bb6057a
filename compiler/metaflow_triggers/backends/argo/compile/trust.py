"""Trust: of which parents the exit handler alone is believed.

In:   the flows that are compiled together, METAFLOW_TRIGGERS_UNPROVEN_PARENTS.
Out:  where a dependency's outcomes are taken from, and what is said of those that anybody may publish.

Not here: the event source of outcomes and its secret (`shared`), what a Sensor asks of an outcome (`event_delivery`).

The exit handlers of our deployments publish at an event source of their own, whose token nobody else is given. The
event that Metaflow itself publishes of a success goes where all events go, and so do outcomes of deployments of earlier
versions: who holds the token of that event source may publish the like. A flow among those that are compiled together
is deployed by us. Of another one nobody knows here, so that its outcomes are taken either way unless the setting says
otherwise. (Our exit handlers publish at both places.)
"""

from __future__ import annotations

from dataclasses import dataclass

from ....diagnostics import Diagnostic
from ....graph.link import Identity, identity, qualified_name, wanted
from ....model.flows import FinishDependency, Flow, TriggerGraph
from ....model.settings import Settings
from .options import Options

SETTING = "METAFLOW_TRIGGERS_UNPROVEN_PARENTS"


@dataclass(frozen=True)
class Trust:
    """`compiled`: the flows that are deployed by us. `said`: the setting, or None."""

    compiled: frozenset[Identity] = frozenset()
    said: str | None = None

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
            return parent in self.compiled
        return not {dependency.flow, qualified_name(parent)} & {name.strip() for name in said.split(",")}


def trust(graph: TriggerGraph, settings: Settings) -> Trust:
    """Of a compilation."""
    return Trust(frozenset(identity(flow) for flow in graph.flows), settings.argo_unproven_parents)


def outcome_place(dependency: FinishDependency, options: Options, believed: Trust) -> tuple[str, str, bool]:
    """Event source, event, and whether what comes there is proven."""
    if believed.proves(dependency, options):
        return options.outcome_event_source, options.outcome_event, True
    return options.event_source, options.event, False


def unproven(flow: Flow, dependency: FinishDependency) -> Diagnostic:
    """What is said of a dependency whose outcomes anybody may publish who may publish events."""
    return Diagnostic(
        "FT507",
        f"on argo-workflows `{flow.name}` starts when anybody who may publish events says that `{dependency.flow}` has "
        "ended",
        dependency.span,
        label=f"that metaflow-triggers deploys `{dependency.flow}` is not known here",
        helps=(
            f"compile `{flow.name}` and `{dependency.flow}` together: then the exit handler alone is believed",
            f"or set {SETTING} to `refuse`, or to the names of the flows that Metaflow alone deploys",
        ),
    )
