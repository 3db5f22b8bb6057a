"""Sets: one start for several events, the newest of each dependency, which the start consumes.

In:   a flow, the dependencies of one trigger, its options.
Out:  one dependency per member, and the `StartTrigger` that waits for all of them.

Not here: a start by one event (`argo.starts`).

Argo Events keeps one slot per dependency and trigger: a later event replaces an earlier one, a start hands over all
slots and clears them (processDependency in pkg/eventbus/jetstream/sensor/trigger_conn.go, release 1.9.11). So each
member is exactly one dependency: of two slots for one member nobody could tell which event is the newer one.

The name of the Workflow is a hash over the start keys of the set. A template of Argo Events sees one event only, so the
keys are first written into the template of the name, as hexadecimal digits, and that template hashes them.

Of an upstream flow's success only our own outcome counts: Metaflow's event of the same success comes as well and
would, after the set has started, stand in the slot for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

from metaflow_extensions.triggers.contract import words

from ....model.flows import EventDependency, FinishDependency, Flow
from ....model.names import word
from . import event_delivery, names
from .alike import Alike
from .escape import go_regexp, go_string
from .options import Options, origin
from .resources import Reset, SensorDependency, StartTrigger, Write
from .trust import Trust, outcome_place

_NO_ID = "none"


@dataclass(frozen=True)
class Member:
    """One dependency of a set: how it is told, and what it writes."""

    dependency: SensorDependency
    keys: tuple[tuple[str, str], ...]
    arguments: tuple[Write, Write]


@dataclass(frozen=True)
class Place:
    """Where a member stands: its number in the set, and whom it shares events with."""

    number: int
    beside: Alike


def event(flow: Flow, dependency: EventDependency, fields: tuple[str, ...], options: Options, place: Place) -> Member:
    """A named event. Its key is `<hash of the id, or "none">:<hash of the transport's id>`."""
    name = word(dependency.name, "event", "set", *place.beside.parts)
    conditions = [event_delivery.given(path) for path in fields]
    transform = event_delivery.event_transform(dependency)
    foreign = bool(dependency.origin)
    text = event_delivery.script(*conditions, filtered=bool(transform), foreign=foreign)
    scope = event_delivery.event_scope(flow, dependency.name)
    transport = f'{{{{ printf "%s %s" {scope} .Input.id | sha256sum }}}},'
    if foreign:
        source, subject = origin(dependency)
        return Member(
            SensorDependency(name, source, subject, (), transform, text),
            (("contextTemplate", f"{_NO_ID}:{transport}"),),
            event_delivery.arguments(
                name,
                event_delivery.foreign_envelope(dependency.name),
                True,
                event_delivery.FOREIGN_PAYLOAD,
                place.number,
            ),
        )
    own = (
        '{{ if and (kindIs "string" .Input.body.id) (ne "" (toString .Input.body.id)) }}'
        f'{{{{ printf "%s %s" {scope} .Input.body.id | sha256sum }}}}{{{{ else }}}}{_NO_ID}{{{{ end }}}}:'
    )
    pattern = go_regexp(dependency.name)
    return Member(
        SensorDependency(name, options.event_source, options.event, (pattern,), transform, text),
        (("dataTemplate", own), ("contextTemplate", transport)),
        event_delivery.arguments(name, event_delivery.ENVELOPE, False, event_delivery.PAYLOAD, place.number),
    )


def finish(  # noqa: PLR0917 - as `event`, and who is believed
    flow: Flow, dependency: FinishDependency, fields: tuple[str, ...], options: Options, place: Place, believed: Trust
) -> Member:
    """The outcomes of a flow. The name of the event tells which one it is."""
    parent = event_delivery.parent_name(dependency)
    source, subject, proven = outcome_place(dependency, options, believed)
    name = word(dependency.flow, "finish", parent, "set", *place.beside.parts, *event_delivery.proof(proven))
    transform = event_delivery.outcome_transform(dependency)
    text = event_delivery.script(*event_delivery.outcome_conditions(fields, proven), filtered=bool(transform))
    patterns = tuple(go_regexp(words.outcome_event(parent, outcome)) for outcome in dependency.match)
    outcome = f"(trimPrefix {go_string(words.outcome_event(parent, ''))} .Input.body.name)"
    key = f'(printf "%s/%s" .Input.body.payload.run_id {outcome})'
    return Member(
        SensorDependency(name, source, subject, patterns, transform, text),
        (
            (
                "dataTemplate",
                f'{{{{ printf "%s %s" {event_delivery.finish_scope(flow, parent)} {key} | sha256sum }}}}:,',
            ),
        ),
        event_delivery.arguments(name, event_delivery.ENVELOPE, False, event_delivery.PAYLOAD, place.number),
    )


def argument_names(count: int) -> tuple[str, ...]:
    """The arguments of a Workflow that a set of `count` events starts."""
    return tuple(f"{name}-{place}" for place in range(count) for name in event_delivery.ARGUMENTS)


def trigger(flow: Flow, name: str, members: tuple[Member, ...], options: Options, document: str) -> StartTrigger:
    """The trigger that waits for all members."""
    first = members[0].dependency.name
    prefix = names.workflow_prefix(names.own_name(flow))
    # Each write appends; the name's template is the first parameter of the Kubernetes trigger.
    place = "k8s.parameters.0.src.dataTemplate"
    opening = f'{prefix}-{{{{ $keys := "all" }}}}{{{{ range compact (splitList "," "'
    closing = (
        '") }}{{ $key := splitList ":" . }}'
        f'{{{{ $keys = printf "%s %s" $keys (ternary (last $key) (first $key) (eq (first $key) "{_NO_ID}")) }}}}'
        "{{ end }}{{ $keys | sha256sum | trunc 40 }}"
    )
    keys = [
        Write(member.dependency.name, source, text, place, append=True)
        for member in members
        for source, text in member.keys
    ]
    writes = (
        Write(first, "dataTemplate", opening, "metadata.name"),
        *(write for member in members for write in member.arguments),
    )
    told, record = event_delivery.record(writes)
    return StartTrigger(
        name=name,
        conditions=" && ".join(member.dependency.name for member in members),
        reset=Reset(options.reset_cron, options.reset_timezone) if options.reset_cron else None,
        arguments=argument_names(len(members)),
        preparations=(*keys, Write(first, "value", closing, place, append=True)),
        writes=writes,
        steps=options.steps,
        rate_limit=options.rate_limit,
        document=document,
        told=told,
        record=record,
    )
