"""Former: what an earlier deployment of a flow left, and the steps that remove it.

In:   where we are; which objects stay.
Out:  `Step`s whose verb is deleted or kept.

Not here: carrying them out. Nothing in this module writes.
Objects are asked for by the names that we would have given them, so that the account's size does not matter; only
those with our tag are removed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import combinations, count
from typing import Any

from metaflow_extensions.triggers.contract.words import STATUS

from ..compile import names
from .alarms import ALARM, delete_alarm
from .calls import absent, calling
from .instructions import Instruction, Place, Step
from .objects import NO_QUEUE, QUEUE, ROLE, TABLE, delete_role, queue_is_ours, queue_url, read_table, role_is_ours
from .ownership import is_ours, tag_map
from .rules_and_schedules import GROUP, RULE, SCHEDULE, bus_name
from .state_machines import JOB_DEFINITION, MACHINE, read_machine, revisions, used_definitions
from .waiting import polls_that_stay, queue_that_stays, table_that_stays

ROLES = ("StarterRole", "EventCorrelatorRole", "FinishCorrelatorRole", "RulesRole", "SchedulerRole")
"""Logical names of all roles that a template of ours can have."""
POLLER_ROLES = ("PollMachineRole", "PollerRole")
"""Those that it can have where the flow is polled."""
RULES_ON_A_BUS = 300
"""Rules that a bus can have (quota of EventBridge): no flow has more there."""

_RULE_KINDS = ("events", *("-".join(some) for size in range(1, 5) for some in combinations(sorted(STATUS), size)))


def former_triggers(
    place: Place,
    buses: Iterable[str],
    kept: Collection[tuple[str, str]],
    *,
    alarms: Iterable[str] = (),
    polled: bool = False,
    drop_waiting: bool = False,
) -> Iterator[Step]:
    """Trigger objects that exist, in the order in which they can be removed. `kept`: (type, name) of those that stay.

    `buses` are names or ARNs of the buses that may have rules of ours, `alarms` names of those that may be, `polled`
    says whether there may be a poller. A table or queue in which events or starts wait stays, unless they may be
    dropped.
    """
    yield from _rules(place, buses, kept)
    yield from _schedules(place, kept)
    for machine in _own_machines(place, kept):
        yield delete_machine(place, machine)
    if polled:
        yield from _poller(place, kept)
    for logical in (*ROLES, *(POLLER_ROLES if polled else ())):
        role = names.role_name(place.deployed, logical, place.region)
        if (ROLE, role) not in kept and role_is_ours(place, role):
            yield Step("deleted", ROLE, role, delete_role(place, role), was={"name": role})
    for alarm in alarms:
        step = None if (ALARM, alarm) in kept else delete_alarm(place, alarm)
        if step is not None:
            yield step
    tables = [(names.table_name(place.deployed), table_that_stays)]
    tables += [(names.poll_table_name(place.deployed), polls_that_stay)] if polled else []
    for table, that_stays in tables:
        found_table = None if (TABLE, table) in kept else read_table(place, table)
        if found_table is not None and found_table.get("TableStatus") != "DELETING" and found_table["Ours"]:
            drop = Instruction(
                "dynamodb", "delete_table", {"TableName": table}, table, done=("ResourceNotFoundException",)
            )
            stays = None if drop_waiting else that_stays(place, table)
            yield stays or Step("deleted", TABLE, table, (drop,), was={"name": table})
    queue = names.queue_name(place.deployed)
    if (QUEUE, queue) not in kept:
        url = queue_url(place, queue)
        if url is not None and queue_is_ours(place, queue, url):
            drop = Instruction("sqs", "delete_queue", {"QueueUrl": url}, queue, done=NO_QUEUE)
            stays = None if drop_waiting else queue_that_stays(place, queue, url)
            yield stays or Step("deleted", QUEUE, queue, (drop,), was={"name": queue})


def _poller(place: Place, kept: Collection[tuple[str, str]]) -> Iterator[Step]:
    """The machine that lets the flow be polled, and the job that it waits for: stopped, it ends the job."""
    name = names.poller_name(place.deployed)
    found = None if (MACHINE, name) in kept else read_machine(place, name)
    if found is None or found.deleting or not is_ours(place, found.tags):
        return
    states = place.clients["stepfunctions"]
    with calling("states:ListExecutions", name):
        answer = absent(
            lambda: states.list_executions(stateMachineArn=found.arn, statusFilter="RUNNING"),
            "StateMachineDoesNotExist",
        )
    stops = [
        Instruction(
            "stepfunctions",
            "stop_execution",
            {"executionArn": item["executionArn"], "cause": "nothing is polled for this flow any more"},
            name,
            done=("ExecutionDoesNotExist", "StateMachineDoesNotExist"),
        )
        for item in (answer or {}).get("executions", ())
    ]
    step = delete_machine(place, name)
    was = {"name": name, "definition": found.definition}
    yield Step(step.verb, step.type, name, (*stops, *step.instructions), was=was)


def poller_definitions(place: Place) -> set[str]:
    """ARNs of the job definitions that the deployed poller submits."""
    found = read_machine(place, names.poller_name(place.deployed))
    return set() if found is None else set(used_definitions(found.definition))


def _own_machines(place: Place, kept: Collection[tuple[str, str]]) -> Iterator[str]:
    """Names of state machines that start the flow, which exist and do not stay.

    A further one is removed before the one before it, so that whoever goes on after an interruption finds it.
    """
    kinds: tuple[Callable[[int], str], ...] = (
        lambda number: names.starter_name(place.deployed, number),
        *(
            lambda number, kind=kind: names.correlator_name(place.deployed, kind, number)
            for kind in ("event", "finish")
        ),
    )
    for named in kinds:
        ours = []
        for number in count(1):
            name = named(number)
            if (MACHINE, name) in kept:
                continue
            found = read_machine(place, name)
            if found is None:
                break
            if not found.deleting and is_ours(place, found.tags):
                ours.append(name)
        yield from reversed(ours)


def delete_machine(place: Place, name: str) -> Step:
    arguments = {"stateMachineArn": place.arn("states", f"stateMachine:{name}")}
    drop = Instruction(
        "stepfunctions",
        "delete_state_machine",
        arguments,
        name,
        done=("StateMachineDoesNotExist", "StateMachineDeleting"),
    )
    return Step("deleted", MACHINE, name, (drop,), was={"name": name})


# rules and schedules ------------------------------------------------------------------------------------------------


def _possible_rules(deployed: str, bus: str) -> set[str]:
    """Every name that a rule of the flow can have on a bus; `bus` is spelled as in its template."""
    out = set()
    for number in range(1, RULES_ON_A_BUS + 1):
        out.add(names.rule_name(deployed, "events", bus, str(number)))
        if bus_name(bus) == "default":
            out |= {names.rule_name(deployed, kind, "outcome", str(number)) for kind in _RULE_KINDS[1:]}
    return out


def _rules(place: Place, buses: Iterable[str], kept: Collection[tuple[str, str]]) -> Iterator[Step]:
    events = place.clients["events"]
    prefix = names.rule_prefix(place.deployed)
    for bus in dict.fromkeys(buses):
        with calling("events:ListRules", bus):
            rules = absent(
                lambda bus=bus: list(  # type: ignore[misc]
                    pages(lambda **more: events.list_rules(EventBusName=bus, NamePrefix=prefix, **more), "Rules")
                ),
                "ResourceNotFoundException",
            )
        others = [rule for rule in rules or [] if (RULE, rule["Name"]) not in kept]
        possible = _possible_rules(place.deployed, bus) if others else set()
        for rule in others:
            # Rules of other flows can begin alike; only one of a possible name is worth a question.
            if rule["Name"] not in possible:
                continue
            with calling("events:ListTagsForResource", rule["Name"]):
                answer = absent(
                    lambda rule=rule: events.list_tags_for_resource(ResourceARN=rule["Arn"]),  # type: ignore[misc]
                    "ResourceNotFoundException",
                )
            if answer is not None and is_ours(place, tag_map(answer["Tags"])):
                yield delete_rule(place, rule, bus)


def has_rules(place: Place, bus: str) -> bool:
    """Whether a rule of the flow is on the bus."""
    return any(True for _ in _rules(place, [bus], ()))


def delete_rule(place: Place, rule: dict[str, Any], bus: str) -> Step:
    events, name = place.clients["events"], rule["Name"]
    gone = ("ResourceNotFoundException",)
    with calling("events:ListTargetsByRule", name):
        answer = absent(lambda: events.list_targets_by_rule(Rule=name, EventBusName=bus), *gone)
    targets = (answer or {}).get("Targets", [])
    where = {"Rule": name, "EventBusName": bus}
    instructions = []
    if targets:
        arguments = where | {"Ids": [item["Id"] for item in targets]}
        instructions.append(Instruction("events", "remove_targets", arguments, name, done=gone))
    instructions.append(Instruction("events", "delete_rule", {"Name": name, "EventBusName": bus}, name, done=gone))
    was = {"bus": bus_name(bus), "pattern": rule.get("EventPattern"), "schedule": rule.get("ScheduleExpression")}
    return Step("deleted", RULE, name, tuple(instructions), was={key: item for key, item in was.items() if item})


def _schedules(place: Place, kept: Collection[tuple[str, str]]) -> Iterator[Step]:
    scheduler = place.clients["scheduler"]
    group = names.schedule_group_name(place.deployed)
    gone = ("ResourceNotFoundException",)
    with calling("scheduler:GetScheduleGroup", group):
        found = absent(lambda: scheduler.get_schedule_group(Name=group), *gone)
        if found is None or found.get("State") == "DELETING":
            return
    with calling("scheduler:ListTagsForResource", group):
        tags = tag_map(scheduler.list_tags_for_resource(ResourceArn=found["Arn"]).get("Tags", []))
    if not is_ours(place, tags):
        return
    with calling("scheduler:ListSchedules", group):
        present = list(pages(lambda **more: scheduler.list_schedules(GroupName=group, **more), "Schedules"))
    for schedule in present:
        name = f"{group}/{schedule['Name']}"
        if (SCHEDULE, name) not in kept:
            arguments = {"GroupName": group, "Name": schedule["Name"]}
            drop = Instruction("scheduler", "delete_schedule", arguments, name, done=gone)
            yield Step("deleted", SCHEDULE, name, (drop,), was=arguments)
    if (GROUP, group) not in kept:
        drop = Instruction("scheduler", "delete_schedule_group", {"Name": group}, group, done=gone)
        yield Step("deleted", GROUP, group, (drop,), was={"name": group})


def upstreams_schedule(place: Place) -> dict[str, Any] | None:
    """The rule that Metaflow made for @schedule, or None; it would start the flow beside ours.

    Metaflow tags nothing. The rule is its own if it has the name that Metaflow gives it, a schedule, and the flow's
    state machine as its only target.
    """
    events = place.clients["events"]
    name = names.upstream_rule_name(place.deployed)
    with calling("events:DescribeRule", name):
        found: dict[str, Any] | None = absent(lambda: events.describe_rule(Name=name), "ResourceNotFoundException")
    if found is None or not found.get("ScheduleExpression"):
        return None
    with calling("events:ListTargetsByRule", name):
        targets = {item["Arn"] for item in events.list_targets_by_rule(Rule=name)["Targets"]}
    if targets - {place.arn("states", f"stateMachine:{place.deployed}")}:
        return None
    return found


# job definitions ----------------------------------------------------------------------------------------------------


def runs_are_active(place: Place) -> bool:
    """Whether an execution of the flow runs."""
    arn = place.arn("states", f"stateMachine:{place.deployed}")
    with calling("states:ListExecutions", place.deployed):
        found = absent(
            lambda: place.clients["stepfunctions"].list_executions(
                stateMachineArn=arn, statusFilter="RUNNING", maxResults=1
            ),
            "StateMachineDoesNotExist",
        )
    return bool(found and found["executions"])


def former_definitions(place: Place, wanted: Collection[str]) -> list[str]:
    """Names of the job definitions of the deployed flow that are not `wanted`."""
    found = read_machine(place, place.deployed)
    if found is None:
        return []
    arns = used_definitions(found.definition)
    used = {arn.rpartition("/")[2].rpartition(":")[0] for arn in arns}
    return sorted(name for name in used - set(wanted) if _revisions_of_ours(place, name))


def old_revisions(place: Place, step_names: Iterable[str], kept: Collection[str]) -> Iterator[Step]:
    """Revisions of job definitions that neither the deployed state machine nor the new one (`kept`, ARNs) uses.

    An execution keeps the definition with which it began, so that all stay while one runs. Those of the version
    that is replaced stay until the next one: an execution can begin with it until all is done.
    """
    found = read_machine(place, place.deployed)
    in_use = set(kept) | (set(used_definitions(found.definition)) if found else set())
    old = [
        item["jobDefinitionArn"]
        for name in step_names
        for item in _revisions_of_ours(place, name)
        if item["jobDefinitionArn"] not in in_use
    ]
    if old:
        yield from _deregister(old, runs_are_active(place))


def all_revisions(place: Place, step_names: Iterable[str], running: bool) -> Iterator[Step]:
    """Every revision of the flow's job definitions."""
    yield from _deregister(
        [item["jobDefinitionArn"] for name in step_names for item in _revisions_of_ours(place, name)], running
    )


def _revisions_of_ours(place: Place, name: str) -> list[dict[str, Any]]:
    return [item for item in revisions(place, name) if is_ours(place, item.get("tags", {}))]


def has_revisions(place: Place, name: str) -> bool:
    """Whether there is a job definition of that name and of the flow."""
    return bool(_revisions_of_ours(place, name))


def _deregister(arns: Iterable[str], running: bool) -> Iterator[Step]:
    for arn in arns:
        name = arn.rpartition("/")[2]
        if running:
            yield Step("kept", JOB_DEFINITION, name, reason="an execution still runs")
            continue
        drop = Instruction("batch", "deregister_job_definition", {"jobDefinition": arn}, name)
        yield Step("deleted", JOB_DEFINITION, name, (drop,), was={"name": name})


def pages(call: Callable[..., Any], key: str) -> Iterator[Any]:
    """The items of all pages of a call that takes and gives `NextToken`."""
    more: dict[str, str] = {}
    while True:
        page = call(**more)
        yield from page[key]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}
