"""Read back: what a finished template means, held against what the flow means.

In:   a template (as `assemble.template` gives it, or as it was read from a file), the flow, the settings.
Out:  texts: each thing that the one says and the other does not.

Not here: what is the same in every template (`schemas/step_functions`), whether AWS takes it (`checks`).
The flow's side is worked out from the model and the settings alone, not from `lower`'s resources: rules are taken
apart into single deliveries, so that it does not matter which of them share a rule. What a filter over an outcome
leaves to the state machine is asked from `event_patterns`, which machine serves whom from `machines`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from metaflow_extensions.triggers.contract import words

from ....model.facts import is_set
from ....model.flows import EventDependency, FinishDependency, Flow, PollTrigger, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from ..compile import names, roles
from ..compile.code_place import MAPPING
from ..compile.dependencies import finish_filter
from ..compile.machines import correlator_logical, machines, origin_of
from ..compile.open_settings import used
from ..compile.options import options, queue_arns, queue_url
from ..compile.parameters import PSEUDO, parameters, pattern_of
from ..compile.scheduler_cron import scheduler_expressions
from ..compile.sources import group_sources, machine_sources, rule_sources
from .alarm_read_back import alarm_differences
from .code_read_back import code_differences
from .encryption_read_back import encryption_differences, key_rights
from .logs_read_back import log_differences, log_rights
from .machines_read_back import Served, correlator_differences, starter_differences
from .marks_read_back import mark_differences
from .poll_read_back import WATCHDOG, poll_differences, poll_rights

MACHINE = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
_HELPER = re.compile("(Starter|EventCorrelator|FinishCorrelator)[0-9]*")
_RULE = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"

Told = frozenset[tuple[str, ...]]


def differences(
    template: dict[str, Any], flow: Flow, settings: Settings, polls: Sequence[PollTrigger] = ()
) -> Iterator[str]:
    """What the template says and the flow and what polls for it do not mean, and the other way round."""
    try:
        yield from _differences(template, flow, settings, polls)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"cannot be read back: {error!r}"


def _differences(
    template: dict[str, Any], flow: Flow, settings: Settings, polls: Sequence[PollTrigger]
) -> Iterator[str]:
    resources: dict[str, Any] = template["Resources"]
    deployed = names.own_name(flow, settings)
    given = {name: item["Properties"] for name, item in resources.items()}
    told = _Template(given, flow, settings, deployed, polls)
    yield from _references(template, settings)
    yield from _compared("delivers", told.deliveries(), _deliveries(flow, settings))
    yield from _compared("runs at times", told.schedules(), _schedules(flow, deployed))
    yield from told.rules_are_whole()
    yield from told.machines()
    yield from _compared("allows", told.rights(), told.rights_needed())
    yield from told.workflow()
    yield from poll_differences(given, flow, settings, polls)
    yield from code_differences(template, flow)
    yield from encryption_differences(given, settings)
    yield from log_differences(given, settings)
    yield from alarm_differences(given, deployed, settings)
    yield from mark_differences(given, flow, deployed, settings)


def _references(template: dict[str, Any], settings: Settings) -> Iterator[str]:
    """Names that are used and not there, and the other way round; what must be there before a rule is."""
    resources, declared = template["Resources"], template.get("Parameters", {})
    wanted = used(resources) - set(resources) - {*PSEUDO, MAPPING}
    if wanted != set(declared):
        idle, undeclared = sorted(set(declared) - wanted), sorted(wanted - set(declared))
        yield f"declares {idle} for nothing, uses {undeclared} undeclared"
    for item in parameters(settings):
        said = declared.get(item.name)
        expected = pattern_of(item, resources, settings)
        pattern = {"AllowedPattern": expected} if expected else {}
        value = {"MinLength": 1} if item.default is None else {"Default": item.default}
        if said is not None and said != {"Type": "String", "Description": item.description, **pattern, **value}:
            yield f"asks for {item.name} in another way"
    first = ["StateMachine"] if "StateMachine" in resources else []
    for name, item in resources.items():
        timely = item["Type"] in ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
        if item.get("DependsOn", []) != (first if timely else []):
            yield f"makes {name} before what it starts"


def _compared(verb: str, said: Told, meant: Told) -> Iterator[str]:
    yield from (f"{verb} what the flow does not mean: {' | '.join(item)}" for item in sorted(said - meant))
    yield from (f"lacks what the flow means; it {verb}: {' | '.join(item)}" for item in sorted(meant - said))


def text_of(value: Any) -> str:
    """A JSON value as one text, the same for equal values."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _in_any_order(pattern: Any) -> Any:
    """A pattern, its fields' alternatives in one order: their order says nothing. A range's bounds stay as they are."""
    if isinstance(pattern, dict):
        return {key: _in_any_order(value) for key, value in pattern.items()}
    return sorted(pattern, key=text_of) if isinstance(pattern, list) else pattern


# what the flow means -----------------------------------------------------------------------------------------------


def _dead_letters(flow: Flow) -> str:
    queues = queue_arns(flow)
    return queues[0] if queues else "DeadLetterQueue"


def _deliveries(flow: Flow, settings: Settings) -> Told:
    """(machine, bus, source, name of the event or `*`, filter, tries, seconds, queue), and the like for outcomes."""
    out: set[tuple[str, ...]] = set()
    logical = {id(item): machine.logical for machine in machines(flow, settings) for _, item in machine.serves}
    for trigger in flow.triggers:
        said = options(trigger)
        end = (str(said.delivery.attempts), str(said.delivery.age), _dead_letters(flow))
        events: dict[tuple[str, ...], list[EventDependency]] = {}
        for item in trigger.dependencies:
            if isinstance(item, FinishDependency):
                left = finish_filter(item)
                upstream = names.deployed_name(item.flow, item.project, item.branch, settings)
                out |= {
                    (logical[id(item)], "default", upstream, words.STATUS[outcome], text_of(left.runs), *end)
                    for outcome in left.outcomes
                }
            elif not isinstance(item, EventDependency):
                assert_never(item)
            else:
                events.setdefault((logical[id(item)], *_where(item, said.bus, settings)), []).append(item)
        for way, items in events.items():
            # One that takes every event leaves nothing to the others.
            all_of_it = any(item.filter is None for item in items)
            out |= {(*way, "{}" if all_of_it else text_of(_in_any_order(_filter(item))), *end) for item in items}
    return frozenset(out)


def _where(item: EventDependency, bus: str | None, settings: Settings) -> tuple[str, str, str]:
    own = origin_of(item)
    if own is None:
        return bus or settings.event_bus, settings.event_source, item.name
    elsewhere = bus if bus and not own["source"].startswith("aws.") else "default"
    return elsewhere, own["source"], own.get("detail-type") or "*"


def _filter(item: EventDependency) -> Any:
    return item.filter.plain() if item.filter else {}


def _schedules(flow: Flow, deployed: str) -> Told:
    """(machine, expression, time zone, input, tries, seconds, queue)."""
    end = ("185", "86400", _dead_letters(flow))
    out = set()
    if flow.schedule is not None:
        cron = f"cron({flow.schedule.cron})"
        out.add((MACHINE + deployed, cron, flow.schedule.timezone or "UTC", '{"Parameters": "{}"}', *end))
    for trigger in flow.triggers:
        reset = options(trigger).reset_at
        if reset is not None and is_set(trigger):
            out |= {
                (correlator_logical(trigger), cron, reset.timezone, '{"reset": true}', *end)
                for cron in scheduler_expressions(reset.fields)
            }
    return frozenset(out)


# what the template says --------------------------------------------------------------------------------------------


def _name_of(value: Any) -> str:
    """A reference to a resource as its logical name, `Fn::Sub` as its text, anything else as JSON text."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, argument),) = value.items()
        if key == "Fn::GetAtt" and argument[1:] == ["Arn"]:
            return str(argument[0])
        if key in ("Fn::Sub", "Ref"):
            return str(argument)
    return text_of(value)


class _Template:
    def __init__(
        self, given: dict[str, Any], flow: Flow, settings: Settings, deployed: str, polls: Sequence[PollTrigger]
    ) -> None:
        self.given, self.flow, self.settings, self.deployed, self.polls = given, flow, settings, deployed, polls
        prefixed = settings.datastore_s3 is None or bool(
            settings.datastore_s3.removeprefix("s3://").partition("/")[2].strip("/")
        )
        self.folder = ("${DatastorePrefix}/" if prefixed else "") + f"{flow.name}/{words.TRIGGERS_FOLDER}/"
        self.rules = {name: item for name, item in given.items() if "EventPattern" in item}
        self.timed = {name: item for name, item in given.items() if "ScheduleExpression" in item}
        self.helpers = machines(flow, settings)

    def deliveries(self) -> Told:
        return frozenset(atom for properties in self.rules.values() for atom in self._atoms(properties))

    def _atoms(self, properties: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        pattern = properties["EventPattern"]
        if isinstance(pattern, str):
            pattern = json.loads(pattern)
        detail = pattern.get("detail", {})
        bus = properties["EventBusName"]
        for target in properties["Targets"]:
            retry = target["RetryPolicy"]
            end = (
                str(retry["MaximumRetryAttempts"]),
                str(retry["MaximumEventAgeInSeconds"]),
                _name_of(target["DeadLetterConfig"]["Arn"]),
            )
            machine = _name_of(target["Arn"])
            if pattern.get("detail-type") == [words.STATUS_CHANGE] and any(
                isinstance(item, dict) for item in detail.get("stateMachineArn", [])
            ):
                for upstream in detail["stateMachineArn"]:
                    for status in detail["status"]:
                        name = _name_of(upstream).removeprefix(MACHINE)
                        yield (machine, bus, name, status, text_of(detail.get("name")), *end)
                continue
            for source in pattern.get("source", ["*"]):
                for kind in pattern.get("detail-type", ["*"]):
                    for one in detail["$or"] if list(detail) == ["$or"] else [detail]:
                        yield (machine, bus, source, kind, text_of(_in_any_order(one)), *end)

    def schedules(self) -> Told:
        out = set()
        for name, properties in self.timed.items():
            if name == WATCHDOG:
                continue
            target = properties["Target"]
            retry = target["RetryPolicy"]
            out.add(
                (
                    _name_of(target["Arn"]),
                    properties["ScheduleExpression"],
                    properties["ScheduleExpressionTimezone"],
                    text_of(json.loads(target["Input"])),
                    str(retry["MaximumRetryAttempts"]),
                    str(retry["MaximumEventAgeInSeconds"]),
                    _name_of(target["DeadLetterConfig"]["Arn"]),
                )
            )
        return frozenset(out)

    def rules_are_whole(self) -> Iterator[str]:
        """Names, roles, the queue that every rule may write to."""
        role = self.role("RulesRole")
        paths = []
        for name, properties in self.rules.items():
            if any(_name_of(target["RoleArn"]) != role for target in properties["Targets"]):
                yield f"lets {name} act with another role than {role}"
            bus = properties["EventBusName"].rpartition("event-bus/")[2]
            paths.append(_RULE + ("" if bus == "default" else f"{bus}/") + properties["Name"])
        if len(set(paths)) != len(paths):
            yield "gives two rules one name"
        if "DeadLetterQueuePolicy" in self.given:
            *allowed, last = self.given["DeadLetterQueuePolicy"]["PolicyDocument"]["Statement"]
            senders = [_name_of(item) for one in allowed for item in one["Condition"]["ArnEquals"]["aws:SourceArn"]]
            if sorted(senders) != sorted(paths):
                yield "opens the dead-letter queue to other rules than its own"
            if (last["Effect"], last["Condition"]) != ("Deny", {"Bool": {"aws:SecureTransport": "false"}}):
                yield "opens the dead-letter queue to requests without TLS"
        for name, properties in self.timed.items():
            if _name_of(properties["Target"]["RoleArn"]) != self.role("SchedulerRole"):
                yield f"lets {name} act with another role than {self.role('SchedulerRole')}"
        own = {
            "DeadLetterQueue": ("QueueName", names.queue_name(self.deployed)),
            "SetTable": ("TableName", names.table_name(self.deployed)),
            "ScheduleGroup": ("Name", names.schedule_group_name(self.deployed)),
            "StateMachine": ("StateMachineName", self.deployed),
            **{item.logical: ("StateMachineName", item.name) for item in self.helpers},
        }
        for logical, (key, expected) in own.items():
            if logical in self.given and self.given[logical][key] != expected:
                yield f"calls {logical} {self.given[logical][key]!r}, not {expected!r}"

    def machines(self) -> Iterator[str]:
        """The starters and the correlators, each there exactly when a trigger needs it."""
        needed = {item.logical: item for item in self.helpers}
        there = {name for name in self.given if _HELPER.fullmatch(name)}
        yield from (f"has no {name}" for name in sorted(set(needed) - there))
        yield from (f"has a {name} that no trigger needs" for name in sorted(there - set(needed)))
        queues = queue_arns(self.flow)
        queue = queue_url(queues[0]) if queues else {"Ref": "DeadLetterQueue"}
        keys: dict[Trigger, set[str]] = {}
        for name in sorted(set(needed) & there):
            properties, machine = self.given[name], needed[name]
            if _name_of(properties["RoleArn"]) != self.role(machine.role):
                yield f"lets {name} act with another role than {self.role(machine.role)}"
            states = properties["Definition"]["States"]
            served = Served(machine.serves, machine.told, self.flow, self.settings, self.deployed, self.folder, queue)
            if not is_set(machine.told[0]):
                found = starter_differences(states, served)
            else:
                found = correlator_differences(properties["Definition"], served, first=machine.number == 1)
                keys.setdefault(machine.told[0], set()).add(text_of(states["Claim"]["Parameters"]["Key"]))
            yield from (f"{name}: {told}" for told in found)
        if any(len(rows) > 1 for rows in keys.values()):
            yield "keeps one set in two rows"
        if len(set().union(*keys.values())) != len(keys):
            yield "keeps two sets in one row"

    def rights(self) -> Told:
        """(role, who may take it, action, on what, on which condition)."""
        out = set()
        for name, properties in self.given.items():
            if "AssumeRolePolicyDocument" not in properties:
                continue
            who = _trusted(properties["AssumeRolePolicyDocument"]["Statement"])
            for policy in properties["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions, places = _list(statement["Action"]), _list(statement["Resource"])
                    only = text_of(statement.get("Condition", ""))
                    out |= {(name, who, action, _name_of(place), only) for action in actions for place in places}
        return frozenset(out)

    def rights_needed(self) -> Told:
        """What the template's own machines, rules and schedules do."""
        queue = _dead_letters(self.flow)
        flow = ("states:StartExecution", MACHINE + self.deployed, "")
        bucket = "arn:${AWS::Partition}:s3:::${DatastoreBucket}"
        below: Any = f"{self.folder}*"
        below = {"Fn::Sub": below} if "${" in below else below
        only = text_of({"StringLike": {"s3:prefix": below}})
        stores = [("s3:ListBucket", bucket, only), ("s3:PutObject", f"{bucket}/{self.folder}*", "")]
        gathers = [(f"dynamodb:{verb}Item", "SetTable", "") for verb in ("Get", "Put", "Update")]
        sends = ("sqs:SendMessage", queue, "")
        needed: dict[str, tuple[str, tuple[str, ...], list[tuple[str, str, str]]]] = {}
        for machine in self.helpers:
            also = gathers if is_set(machine.told[0]) else []
            users = machine_sources(one.name for one in self.helpers if one.role == machine.role)
            needed[machine.role] = ("states", users, [*stores, *also, flow, sends, *self.key_and_log(machine.told[0])])
        if self.rules:
            machines = sorted({atom[0] for atom in _deliveries(self.flow, self.settings)})
            users = rule_sources(self.deployed, sorted({atom[1] for atom in _deliveries(self.flow, self.settings)}))
            needed["RulesRole"] = ("events", users, [("states:StartExecution", machine, "") for machine in machines])
        timed = sorted({atom[0] for atom in _schedules(self.flow, self.deployed)})
        watched = ["PollMachine"] if WATCHDOG in self.given else []
        if timed or watched:
            rights = [("states:StartExecution", machine, "") for machine in [*timed, *watched]]
            rights += [sends, *self.key_and_log(None)] if timed else []
            users = group_sources(names.schedule_group_name(self.deployed))
            needed["SchedulerRole"] = ("scheduler", users, rights)
        if self.polls:
            polling = poll_rights(self.given, self.flow, self.settings, self.folder)
            if "PollMachineRole" in polling:
                polling["PollMachineRole"][2].extend(log_rights(self.settings))
            needed |= polling
        return frozenset(
            (role, _assumed_by(service, users), *right)
            for role, (service, users, rights) in needed.items()
            if roles.is_made(role, self.settings)
            for right in rights
        )

    def key_and_log(self, trigger: Trigger | None) -> list[tuple[str, str, str]]:
        """The rights to the customer's key, and to log, of a trigger's machine, or of schedules."""
        gathers = trigger is not None and is_set(trigger)
        rights = key_rights(self.settings, stores=trigger is not None, gathers=gathers)
        logs = [] if trigger is None else log_rights(self.settings)
        return [*((action, key, text_of(only)) for action, key, only in rights), *logs]

    def role(self, logical: str) -> str:
        """The logical name of the role that stands for `logical`: its own, or the parameter of a setting."""
        return logical if roles.is_made(logical, self.settings) else roles.PARAMETERS[logical]

    def workflow(self) -> Iterator[str]:
        """What we change of upstream's state machine."""
        machine = self.given.get("StateMachine")
        if machine is None:
            return
        definition = machine["Definition"]
        start = definition["States"].get(definition["StartAt"], {})
        command = text_of(start.get("Parameters", {}).get("ContainerOverrides", {}).get("Command", ""))
        if "metaflow.plugins.aws.step_functions.set_batch_environment parameters" in command:
            yield "passes a run's parameters through a shell"
        if " init --run-id " in command and f"{words.LAUNCHER} step-functions -- " not in command:
            yield "does not hand a run its event"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _trusted(statements: list[dict[str, Any]]) -> str:
    """Who may take a role, in an order of its own."""
    return text_of(
        [
            one | {"Condition": one["Condition"] | {"ArnLike": sorted(map(_name_of, _source_arns(one)))}}
            for one in statements
        ]
    )


def _source_arns(statement: dict[str, Any]) -> list[Any]:
    (found,) = statement["Condition"]["ArnLike"].items()
    return list(found[1]) if found[0] == "aws:SourceArn" else [found]


def _assumed_by(service: str, users: Iterable[str]) -> str:
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}, "ArnLike": sorted(users)}
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": account}
    return text_of([statement])
