"""Lower: a flow's triggers as the decisions behind its Sensors and its CronWorkflow.

In:   a flow, the settings, whose outcomes are believed.
Out:  `resources.Sensor`s (none for a flow that no event starts), `resources.CronWorkflow` or None.

Not here: keys of objects, refusing (whoever calls has asked `argo.refusals`), how an event becomes a start
(`argo.starts`).

What Argo Events does with these values is in its sources, release 1.9.11:
filters in pkg/sensors/dependencies/filter.go, parameters in pkg/sensors/triggers/params.go,
`operation: patch` (get, else create) in pkg/sensors/triggers/standard-k8s/standard-k8s.go,
sets of events in pkg/eventbus/jetstream/sensor/trigger_conn.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ....model.facts import is_set
from ....model.flows import EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.marks import mark_values
from ....model.settings import Settings
from . import event_delivery, names, sets
from .alike import Alike, alike
from .document import set_document, trigger_document
from .escape import inert_json
from .options import Options, read_options
from .resources import CronWorkflow, Sensor, SensorDependency, StartTrigger, Write
from .trust import Trust

SENSOR_ACCOUNT = "metaflow-triggers-sensor"


def sensors(flow: Flow, settings: Settings, believed: Trust) -> tuple[Sensor, ...]:
    """The flow's Sensors: one, or one for each pair of event bus and namespace that its options name."""
    drafts: dict[tuple[str, str], _Draft] = {}
    for trigger in flow.triggers:
        options = read_options(trigger, settings)
        draft = drafts.setdefault((options.event_bus, options.namespace), _Draft())
        if is_set(trigger):
            _add_set(draft, flow, trigger, options, believed)
        else:
            _add_each(draft, flow, trigger, options, believed)
    deployed, marks = names.own_name(flow), mark_values(flow, settings)
    document = inert_json(trigger_document(flow)) if drafts else ""
    return tuple(
        Sensor(
            name=names.sensor_name(deployed) if place == 0 else names.further_sensor_name(deployed, bus, namespace),
            namespace=namespace,
            deployed_name=deployed,
            event_bus=bus,
            service_account=settings.argo_sensor_service_account or SENSOR_ACCOUNT,
            workflow_namespace=settings.kubernetes_namespace,
            dependencies=(*draft.dependencies.values(), *draft.refused.values()),
            triggers=(*_single_triggers(draft, document), *draft.sets),
            refused_conditions=" || ".join(draft.refused),
            marks=marks,
        )
        for place, ((bus, namespace), draft) in enumerate(drafts.items())
    )


def sensor_namespaces(flow: Flow, settings: Settings) -> list[str]:
    """Where the flow's Sensors are, in their order."""
    options = (read_options(trigger, settings) for trigger in flow.triggers)
    return [namespace for _, namespace in dict.fromkeys((one.event_bus, one.namespace) for one in options)]


def schedule(flow: Flow, settings: Settings) -> CronWorkflow | None:
    """The flow's schedule under upstream's name. AWS reads a cron without timezone in UTC; so does this."""
    if flow.schedule is None:
        return None
    from ....language.cron import cut_to_five_fields
    from .clock_guard import kept

    name, namespace, marks = names.own_name(flow), settings.kubernetes_namespace, mark_values(flow, settings)
    if settings.compatibility == "upstream":
        cron = cut_to_five_fields(flow.schedule.cron)
        return CronWorkflow(name, namespace, cron, flow.schedule.timezone or "", marks=marks)
    timezone = flow.schedule.timezone or "UTC"
    meant = kept(flow.schedule.cron, timezone)
    return CronWorkflow(name, namespace, meant.cron, timezone, meant.when, marks)


@dataclass
class _Draft:
    """A Sensor while its triggers are collected. Dependencies are kept in the order in which the user wrote them."""

    dependencies: dict[str, SensorDependency] = field(default_factory=dict)
    refused: dict[str, SensorDependency] = field(default_factory=dict)
    # (tries, starts per second) -> (dependency, what it writes); decorators that agree share one trigger
    singles: dict[tuple[int, int | None], list[tuple[str, tuple[Write, ...]]]] = field(default_factory=dict)
    sets: list[StartTrigger] = field(default_factory=list)


def _add_each(draft: _Draft, flow: Flow, trigger: Trigger, options: Options, believed: Trust) -> None:
    """Each event is a start of its own."""
    singles = draft.singles.setdefault((options.steps, options.rate_limit), [])
    needs = {id(item): event_delivery.required_fields(flow, trigger, item) for item in trigger.dependencies}
    for dependency, beside in zip(trigger.dependencies, alike(trigger), strict=True):
        fields = needs[id(dependency)]
        refused: list[SensorDependency] = []
        if isinstance(dependency, EventDependency):
            found = event_delivery.event(flow, dependency, fields, options, beside)
            if dependency is beside.group[0]:
                refused = event_delivery.refused_event(beside, [needs[id(item)] for item in beside.group], options)
        elif isinstance(dependency, FinishDependency):
            found = event_delivery.finish(flow, dependency, fields, options, beside, believed)
            refused = event_delivery.refused_finish(dependency, fields, options, beside, believed)
        else:
            assert_never(dependency)
        for item, writes in found:
            if draft.dependencies.setdefault(item.name, item) is item:
                singles.append((item.name, writes))
        for item in refused:
            draft.refused.setdefault(item.name, item)


def _single_triggers(draft: _Draft, document: str) -> list[StartTrigger]:
    out = []
    for place, ((steps, rate_limit), singles) in enumerate(draft.singles.items()):
        if not singles:
            continue
        writes = tuple(write for _, writes in singles for write in writes)
        told, record = event_delivery.record(writes)
        out.append(
            StartTrigger(
                name="start" if place == 0 else "start-on-finish",
                # Explicit: without conditions Argo would wait for all dependencies.
                conditions=" || ".join(name for name, _ in singles),
                reset=None,
                arguments=event_delivery.ARGUMENTS,
                preparations=(),
                writes=writes,
                steps=steps,
                rate_limit=rate_limit,
                document=document,
                told=told,
                record=record,
            )
        )
    return out


def _add_set(draft: _Draft, flow: Flow, trigger: Trigger, options: Options, believed: Trust) -> None:
    """One start for a set of events, the newest of each dependency."""
    members = []
    for number, (dependency, beside) in enumerate(zip(trigger.dependencies, alike(trigger), strict=True)):
        fields = event_delivery.required_fields(flow, trigger, dependency)
        place = sets.Place(number, beside)
        if isinstance(dependency, EventDependency):
            member = sets.event(flow, dependency, fields, options, place)
            # Each dependency of a set is lacking for itself.
            refused = event_delivery.refused_event(Alike((dependency,), beside.parts), [fields], options)
        elif isinstance(dependency, FinishDependency):
            member = sets.finish(flow, dependency, fields, options, place, believed)
            refused = event_delivery.refused_finish(dependency, fields, options, beside, believed)
        else:
            assert_never(dependency)
        members.append(member)
        draft.dependencies.setdefault(member.dependency.name, member.dependency)
        for item in refused:
            draft.refused.setdefault(item.name, item)
    name = {"event": "start-all-events", "finish": "start-all-flows"}[trigger.kind]
    document = inert_json(set_document(flow, trigger))
    draft.sets.append(sets.trigger(flow, name, tuple(members), options, document))
