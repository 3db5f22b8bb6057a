"""Namespaces: many flows, planned from one look at the cluster and carried out one after the other.

In:   flows as `backends.many` has them.
Out:  `Planned`; DiagnosticError as for one flow.

Not here: what a flow's plan is (`plan.py`), how it is carried out (`converge.py`): both are those of one flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .... import seams
from ....diagnostics import DiagnosticError
from ....graph.differences import added
from ....model.flows import Flow
from ....model.settings import Settings
from ...many import CHANGED, CREATED, DELETED, UNCHANGED, Planned, Thing, Wanted
from .. import SPEC
from . import converge
from .cluster import Cluster
from .deployer import NO_TOKEN, existing
from .drift import changed, differs, noun, shown, starts, unified
from .instructions import DEPLOYED_NAME, Deployment, Plan, Step
from .live import read
from .looked import Looked
from .ownership import labels_of
from .parents import proven
from .plan import plan_delete


class Namespaces:
    """`backends.many.Many` of this backend."""

    def __init__(self, settings: Settings, client: Any = None) -> None:
        self._settings = settings
        self._looked = Looked(Cluster.of(client).client)
        self._beside: tuple[Flow, ...] = ()

    def look(self, wanted: Sequence[Wanted]) -> None:
        """One list of each kind that every flow has."""
        self._looked = Looked(self._looked.client)
        self._beside = tuple(one.about.flow for one in wanted if one.about is not None)
        self._live([one.name for one in wanted])

    def _live(self, deployed: Sequence[str]) -> Any:
        runs, sensors = self._settings.kubernetes_namespace, self._settings.argo_sensor_namespace
        return read(self._looked, deployed, runs, sensors, ())

    def goes_before(self, wanted: Sequence[Wanted]) -> frozenset[str]:
        """Those that are deployed and do not prove their outcomes yet.

        Redeployed, they publish where either Sensor of those who wait listens, the one that there is and the one that
        comes; before that only the former hears them.
        """
        live = self._live([one.name for one in wanted])
        runs = self._settings.kubernetes_namespace
        there = {name for kind, namespace, name in live.objects if (kind, namespace) == ("WorkflowTemplate", runs)}
        return frozenset(there - proven(live, self._settings))

    def plan(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        assert one.about is not None
        token = (self._existing(one.name) or (None, None))[1] or NO_TOKEN
        found = converge.plan(self._deployment(one, token), self._settings, api=self._looked)
        one.about.remark(found.remarks)
        theirs = converge.changes(found, [one.about], self._settings)
        if theirs and not choices.get("accept_changes"):
            raise DiagnosticError([converge.would_change(theirs)])
        said = [*theirs, *starts(found, one.about)]
        if _verb(found.steps, one) == CREATED:
            said += [added(one.about.flow, one.about.polls).text]
        return _planned(found, one, tuple(said), full=bool(choices.get("full")))

    def _existing(self, name: str) -> tuple[str | None, str | None] | None:
        return existing(name, self._looked, self._settings.kubernetes_namespace)

    def _deployment(self, one: Wanted, token: str, *, chosen: bool = False) -> Deployment:
        return converge.deployment(
            one.files, one.name, token, token_is_chosen=chosen, about=one.about, beside=self._beside
        )

    def create(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        assert one.about is not None
        token = seams.resolve_token(one.state, SPEC.upstream, one.name, dict(choices), self._existing)
        chosen = bool(choices.get("given_token") or choices.get("generate_new_token"))
        done = converge.create_all(
            [self._deployment(one, token, chosen=chosen)],
            self._settings,
            about=[one.about],
            accept_changes=bool(choices.get("accept_changes")),
            before=one.upload,
            looked=self._looked,
        )
        return _planned(Plan(done.actions, {}), one, ())

    def plan_delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        found = plan_delete(self._looked, one.name, self._settings)
        return _deleted(found.steps)

    def delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        seams.check_token(one.state, SPEC.upstream, one.name, choices.get("authorize"), self._existing)
        done = converge.delete(one.name, self._settings, looked=Looked(self._looked.client))
        return _deleted(done.actions)


def _deleted(steps: Sequence[Step]) -> Planned:
    verb = DELETED if steps else UNCHANGED
    return Planned(verb, (), tuple(_thing(step) for step in steps), seen=_seen(steps))


def _planned(found: Plan, one: Wanted, said: tuple[str, ...], *, full: bool = False) -> Planned:
    own: list[Thing] = []
    shared: list[Thing] = []
    for step in changed(found.steps):
        (own if _is_own(step, one) else shared).append(_thing(step, full=full))
    return Planned(_verb(found.steps, one), said, tuple(own), tuple(shared), (), _seen(found.steps))


def _is_own(step: Step, one: Wanted) -> bool:
    return labels_of(step.now or step.was).get(DEPLOYED_NAME) == one.name or step.verb == "deleted"


def _verb(steps: Sequence[Step], one: Wanted) -> str:
    own = [step for step in steps if step.instructions and _is_own(step, one)]
    new = any((step.kind, step.name, step.verb) == ("WorkflowTemplate", one.name, CREATED) for step in own)
    return CREATED if new else CHANGED if own else UNCHANGED


def _thing(step: Step, *, full: bool = False) -> Thing:
    lines = list(differs(step))[1:] + (unified(step).splitlines() if full else [])
    return Thing(step.verb, noun(step), tuple(lines))


def _seen(steps: Sequence[Step]) -> Any:
    """What the cluster has of each object that the plan speaks of."""
    return [[step.kind, step.namespace, step.name, shown(step.was, step)] for step in steps]
