"""Plan: what has to be done so that the account has a template's resources, or none of a flow's.

In:   a template and values of its parameters, or a deployed name; the account, which is only read.
Out:  `Plan`.

Not here: carrying it out (`execute.py`).
The account is asked by name, so that the number of questions depends on the flow alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ....diagnostics import DiagnosticError
from ..compile import names
from ..compile.assemble import TAG_DEPLOYED_NAME
from ..compile.lower import FLOW
from ..compile.open_settings import resolve, used
from .adoption import changed_starts, is_upstreams
from .alarms import ALARM, read_alarm
from .calls import Clients, calling
from .instructions import Instruction, Place, Plan, Result, Step
from .objects import ROLE, planned
from .ownership import ALARMS, BUSES, FORMER_STEPS, POLLER, is_ours, kind_of, remembered, reminders, tag_map
from .previous import (
    all_revisions,
    delete_machine,
    delete_rule,
    former_definitions,
    former_triggers,
    has_revisions,
    has_rules,
    old_revisions,
    pages,
    poller_definitions,
    runs_are_active,
    upstreams_schedule,
)
from .rules_and_schedules import RULE, SCHEDULE
from .state_machines import JOB_DEFINITION, MACHINE, flow_of, read_machine, used_definitions


def plan_create(
    template: dict[str, Any],
    values: dict[str, str],
    clients: Clients,
    known: dict[str, set[str]] | None = None,
    replaces: Sequence[str] = (),
) -> Plan:
    """What `create` has to do. `values` are of the template's parameters, all that have no default among them.

    `replaces` are deployed names, of ours or of Metaflow's alone: they go when this one is there.
    `known` is what the plans of one command tell each other: names under BUSES, FORMER_STEPS, ALARMS and POLLER at
    which they looked.
    Raises DiagnosticError: FT701 to FT704 at the question that failed, FT703 for an object that is not ours.
    """
    place = where(deployed_as(template), clients)
    scope: dict[str, Any] = {
        name: item["Default"] for name, item in template.get("Parameters", {}).items() if "Default" in item
    }
    scope |= values
    scope |= {"AWS::Partition": place.partition, "AWS::Region": place.region, "AWS::AccountId": place.account}
    adopted = is_upstreams(place, template)
    notes = _Notes(place, template, {} if known is None else known)
    attributes: dict[str, dict[str, Any]] = {}
    steps: list[Step] = []
    own_roles = frozenset(
        place.role_arn(names.role_name(place.deployed, logical, place.region))
        for logical, resource in template["Resources"].items()
        if resource["Type"] == ROLE
    )
    for logical in order(template["Resources"]):
        resource = template["Resources"][logical]
        properties = resolve(
            resource["Properties"],
            scope.__getitem__,
            lambda name, key: attributes[name][key],
            template.get("Mappings"),
        )
        more = notes.before() if logical == FLOW else {}
        found = planned(place, logical, resource["Type"], properties, own_roles=own_roles, reminders=more)
        scope[logical] = found.ref
        attributes[logical] = found.attributes
        steps.append(found.step)
        if resource["Type"] == SCHEDULE and properties["Name"] == "schedule":
            steps += _retire(place)  # beside it, so that the flow is never long without one, nor with two
    if not any(step.type == RULE and step.verb == "deleted" for step in steps):
        steps += _retire(place)
    kept = {(step.type, step.name) for step in steps if step.verb != "deleted"}
    steps += former_triggers(place, notes.buses, kept, alarms=notes.alarms, polled=notes.polled)
    changed = any(step.verb != "unchanged" for step in steps if step.type in (JOB_DEFINITION, MACHINE))
    if changed or (notes.polled and not notes.polls):  # a poller's machine goes before its job definition does
        in_use = _references(scope, template) | (poller_definitions(place) if notes.polls else set())
        steps += old_revisions(place, notes.step_names(), in_use)
    changes = tuple(changed_starts(place, template)) if adopted else ()
    old = [step for name in replaces if name != place.deployed for step in _replaced(name, clients, template)]
    return Plan(place.deployed, (*steps, *notes.after(steps), *old), changes)


def _replaced(deployed: str, clients: Clients, template: dict[str, Any]) -> tuple[Step, ...]:
    """What removes the deployment for which this one stands, whatever its flow is called."""
    found = read_machine(where(deployed, clients), deployed)
    flow = None if found is None else flow_of(found.definition)
    # A renamed flow has its steps still: job definitions that a run kept are found by them.
    steps = _states(template["Resources"][FLOW]["Properties"]["Definition"])
    return plan_delete(deployed, clients, dict.fromkeys(steps), flow).steps


def _states(definition: Any) -> Iterator[str]:
    """Names of all states, those inside of others too."""
    if isinstance(definition, dict):
        states = definition.get("States")
        if isinstance(states, dict):
            yield from states
        for item in definition.values():
            yield from _states(item)
    elif isinstance(definition, list):
        for item in definition:
            yield from _states(item)


def plan_delete(
    deployed: str,
    clients: Clients,
    steps: Iterable[str] = (),
    flow: str | None = None,
    *,
    drop_waiting: bool = False,
) -> Plan:
    """What `delete` has to do. `steps` are names of the flow's steps as far as they are known; `flow` is its name:
    what Metaflow alone deployed of it goes too, as with upstream's command. `drop_waiting`: events that wait go too.

    What says what else belongs to the flow, its state machine, goes last. Job definitions stay while an execution of
    the flow runs: its later steps need them. Raises DiagnosticError.
    """
    place = where(deployed, clients)
    found = read_machine(place, deployed)
    ours = found is not None and not found.deleting and is_ours(place, found.tags)
    upstreams = found is not None and not found.deleting and flow is not None and flow_of(found.definition) == flow
    tags = found.tags if ours and found is not None else {}
    buses = ["default", *remembered(BUSES, tags)] if ours else _all_buses(place)
    alarms = remembered(ALARMS, tags) if ours else _possible_alarm(place)
    polled = bool(remembered(POLLER, tags)) if ours else True
    out = list(former_triggers(place, buses, (), alarms=alarms, polled=polled, drop_waiting=drop_waiting))
    if ours or upstreams or found is None:
        out += _retire(place)
    definitions = [names.job_definition_name(deployed, step) for step in steps]
    definitions += remembered(FORMER_STEPS, tags)
    definitions += [names.poller_job_name(deployed)] if polled else []
    definitions += former_definitions(place, definitions)
    out += all_revisions(place, dict.fromkeys(definitions), runs_are_active(place) if found is not None else False)
    if ours or upstreams:
        out.append(delete_machine(place, deployed))
    return Plan(deployed, tuple(out))


def deployed_as(template: dict[str, Any]) -> str:
    """The deployed name that a template is for."""
    for resource in template["Resources"].values():
        tags = resource["Properties"].get("Tags")
        if isinstance(tags, list):  # a map on job definitions
            return tag_map(tags)[TAG_DEPLOYED_NAME]
    raise ValueError("no resource of the template has our tags")


def where(deployed: str, clients: Clients) -> Place:
    """Account and region of the clients' credentials."""
    if clients.identity is None:
        with calling("sts:GetCallerIdentity", "the caller"):
            clients.identity = clients["sts"].get_caller_identity()
    identity, region = clients.identity, clients["events"].meta.region_name
    return Place(clients, identity["Arn"].split(":")[1], region, identity["Account"], deployed)


def order(resources: dict[str, Any]) -> list[str]:
    """Logical names, each after what it refers to; otherwise in the template's order."""
    mentioned = {name: used(item["Properties"]) | set(item.get("DependsOn", [])) for name, item in resources.items()}
    needs = {name: [other for other in resources if other in mentioned[name]] for name in resources}
    out: list[str] = []

    def visit(name: str) -> None:
        if name not in out:
            for other in needs[name]:
                visit(other)
            out.append(name)

    # The flow first: a trigger must never find it missing.
    for name in sorted(resources, key=lambda name: name != FLOW):
        visit(name)
    return out


def _retire(place: Place) -> Iterator[Step]:
    found = upstreams_schedule(place)
    if found is not None:
        yield delete_rule(place, found, "default")


def _all_buses(place: Place) -> list[str]:
    events = place.clients["events"]
    with calling("events:ListEventBuses", "all buses"):
        return [item["Name"] for item in pages(events.list_event_buses, "EventBuses")]


def _possible_alarm(place: Place) -> list[str]:
    """The alarm that a deployment may have whose state machine does not say it any more."""
    name = names.alarm_name(place.deployed)
    try:
        return [name] if read_alarm(place, name) is not None else []
    except DiagnosticError as error:
        # Whoever may not ask for alarms has made none: that is no reason to leave all the rest.
        if [item.code for item in error.diagnostics] != ["FT702"]:
            raise
        return []


def _references(scope: dict[str, Any], template: dict[str, Any]) -> set[str]:
    """ARNs of the job definitions that the new state machine uses, as far as they exist."""
    return {
        scope[logical]
        for logical, resource in template["Resources"].items()
        if resource["Type"] == JOB_DEFINITION and not isinstance(scope[logical], Result)
    }


_REMINDED = (BUSES, FORMER_STEPS, ALARMS, POLLER)


class _Notes:
    """What the tags of the flow's state machine keep in mind: before the changes what was and will be, then what is."""

    def __init__(self, place: Place, template: dict[str, Any], known: dict[str, set[str]]) -> None:
        self._place = place
        resources = template["Resources"].values()
        found = read_machine(place, place.deployed)
        self._tags = found.tags if found is not None and is_ours(place, found.tags) else {}
        self._definitions = [
            item["Properties"]["JobDefinitionName"] for item in resources if item["Type"] == JOB_DEFINITION
        ]
        wanted = {item["Properties"]["EventBusName"] for item in resources if item["Type"] == RULE}
        self._new_buses = wanted - {"default"}
        self._new_alarms = {item["Properties"]["AlarmName"] for item in resources if item["Type"] == ALARM}
        self._poller = names.poller_name(place.deployed)
        self.polls = any(
            item["Type"] == MACHINE and item["Properties"]["StateMachineName"] == self._poller for item in resources
        )
        self.polled = self.polls or bool(remembered(POLLER, self._tags))
        self.polled = self.polled or (POLLER in known and read_machine(place, self._poller) is not None)
        if self.polled:
            known[POLLER] = {self._poller}
        former = remembered(BUSES, self._tags)
        self.buses = ["default", *sorted(self._new_buses | set(former))]
        steps = set(remembered(FORMER_STEPS, self._tags)) - set(self._definitions)
        steps |= {names.poller_job_name(place.deployed)} if self.polled and not self.polls else set()
        self._former = sorted(steps | set(former_definitions(place, self._definitions)))
        # What an earlier plan has forgotten another deployment may have used again meanwhile.
        again = known.get(BUSES, set()) - set(self.buses)
        self.buses += sorted(bus for bus in again if has_rules(place, bus))
        gone = known.get(FORMER_STEPS, set()) - set(self.step_names())
        self._former += sorted(name for name in gone if has_revisions(place, name))
        present = self._new_alarms | set(remembered(ALARMS, self._tags))
        again = known.get(ALARMS, set()) - present
        self.alarms = sorted(present | {name for name in again if read_alarm(place, name) is not None})
        known.setdefault(ALARMS, set()).update(self.alarms)
        known.setdefault(BUSES, set()).update(self.buses[1:])
        known.setdefault(FORMER_STEPS, set()).update(self._former)

    def step_names(self) -> list[str]:
        """Names of all job definitions that the flow has or had."""
        return [*self._definitions, *self._former]

    def before(self) -> dict[str, str]:
        """Tags that must be there before anything is made or removed."""
        return {
            **reminders(BUSES, self.buses[1:]),
            **reminders(FORMER_STEPS, self._former),
            **reminders(ALARMS, self.alarms),
            **reminders(POLLER, [self._poller] if self.polled else []),
        }

    def after(self, steps: list[Step]) -> Iterator[Step]:
        """The step that forgets what is gone."""
        gone = {
            step.name.rpartition(":")[0] for step in steps if step.verb == "deleted" and step.type == JOB_DEFINITION
        }
        machine = read_machine(self._place, self._place.deployed)
        still = set(used_definitions(machine.definition)) if machine is not None else set()
        in_use = {arn.rpartition("/")[2].rpartition(":")[0] for arn in still}
        wanted = reminders(BUSES, self._new_buses) | reminders(
            FORMER_STEPS, [name for name in self._former if name not in gone or name in in_use]
        )
        wanted |= reminders(ALARMS, self._new_alarms)
        wanted |= reminders(POLLER, [self._poller] if self.polls else [])
        # `before` replaces or adds values; keys that it does not have any more are still there.
        present = {key: value for key, value in self._tags.items() if kind_of(key) in _REMINDED}
        present |= self.before()
        arn, name = self._place.arn("states", f"stateMachine:{self._place.deployed}"), self._place.deployed
        changed = {key: value for key, value in wanted.items() if present.get(key) != value}
        dropped = sorted(set(present) - set(wanted))
        instructions = []
        if changed:
            tags = [{"key": key, "value": value} for key, value in changed.items()]
            instructions.append(Instruction("stepfunctions", "tag_resource", {"resourceArn": arn, "tags": tags}, name))
        if dropped:
            arguments = {"resourceArn": arn, "tagKeys": dropped}
            instructions.append(Instruction("stepfunctions", "untag_resource", arguments, name))
        if instructions:
            yield Step("updated", MACHINE, name, tuple(instructions), {"tags": present}, {"tags": wanted})
