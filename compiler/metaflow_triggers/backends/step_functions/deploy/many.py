"""Account: many flows, planned from one look at the account, carried out one by one, confirmed by another look.

In:   flows as `backends.many` has them.
Out:  `Planned`; DiagnosticError as for one flow.

Not here: what a flow's plan is (`plan.py`), how it is carried out (`converge.py`): both are those of one flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from .... import seams
from ....diagnostics import Diagnostic, DiagnosticError
from ....graph.differences import added
from ....model.settings import Settings
from ...many import CHANGED, CREATED, DELETED, KEPT, UNCHANGED, Planned, Thing, Wanted
from .. import SPEC
from . import converge
from .calls import Clients
from .deployer import NO_TOKEN, existing, logged
from .drift import differs, noun, starts, unified
from .instructions import Plan, Step
from .looked import Looked
from .objects import QUEUE, TABLE, attributes_of
from .plan import plan_delete, where
from .polled import refuse_left_out
from .preflight import missing_things
from .rules_and_schedules import RULE
from .state_machines import MACHINE, production_token
from .waiting import in_words

FEW = 5
"""For fewer flows an account is asked by their names: its lists may be long."""


class Account:
    """`backends.many.Many` of this backend."""

    def __init__(self, settings: Settings, clients: Clients | None = None) -> None:
        self._settings = settings
        self._clients = clients or Clients()
        self._looked: Clients = self._clients
        self._again: Clients = self._clients
        self._begun: dict[str, converge.Rounds] = {}

    def look(self, wanted: Sequence[Wanted]) -> None:
        """Lists of all kinds are asked for when they are needed; of what no list has, each object ahead."""
        if wanted:
            where(wanted[0].name, self._clients)
            self._looked = self._look(wanted)

    def look_again(self, wanted: Sequence[Wanted]) -> None:
        """The same when these have been carried out."""
        self._again = self._look(wanted)

    def _look(self, wanted: Sequence[Wanted]) -> Clients:
        looked = Looked(self._clients, lists=len(wanted) >= FEW)
        if looked.lists:
            looked.ask_ahead(_ahead(looked, wanted))
        return looked

    def goes_before(self, wanted: Sequence[Wanted]) -> frozenset[str]:
        """None: a rule hears every end of a state machine, whoever deployed it, so those who wait come first."""
        return frozenset()

    def plan(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        template = _template(one, choices)
        _raise(missing_things(template, self._settings, self._looked))
        token = production_token(where(one.name, self._looked))
        found = self._plan(template, token)
        refuse_left_out(found, one.about)
        if found.changes and not choices.get("accept_changes"):
            raise DiagnosticError([converge.changes(found)])
        return _planned(found, one, token, full=bool(choices.get("full")))

    def _plan(self, template: dict[str, Any], token: str | None) -> Plan:
        return converge.plan(template, {"ProductionToken": token or NO_TOKEN}, self._settings, clients=self._looked)

    def create(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        deployed = partial(existing, clients=self._looked)
        token = seams.resolve_token(one.state, SPEC.upstream, one.name, dict(choices), deployed)
        begun = converge.begin(
            _template(one, choices),
            {"ProductionToken": token},
            self._settings,
            accept_changes=bool(choices.get("accept_changes")),
            judge=lambda found: refuse_left_out(found, one.about),
            before=one.upload,
            clients=self._clients,
            looked=self._looked,
        )
        self._begun[one.name] = begun
        return _done(begun.first(), one)

    def confirm(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        return _done(self._begun[one.name].confirm(self._again), one)

    def plan_delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        drop = bool(choices.get("drop_waiting"))
        found = plan_delete(one.name, self._looked, one.steps, one.flow, drop_waiting=drop)
        verb = DELETED if found.instructions else UNCHANGED
        return Planned(verb, (), _things(found.steps, None), (), _notes(found.steps), _seen(found.steps, None))

    def delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        seams.check_token(
            one.state, SPEC.upstream, one.name, choices.get("authorize"), partial(existing, clients=self._clients)
        )
        drop = bool(choices.get("drop_waiting"))
        done = converge.delete(one.name, clients=self._clients, steps=one.steps, flow=one.flow, drop_waiting=drop)
        verb = DELETED if any(step.instructions for step in done) else UNCHANGED
        return Planned(verb, (), _things(done, None), (), _notes(done))


def _ahead(looked: Looked, wanted: Sequence[Wanted]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What is asked of each object that is there, and that no list has."""
    machines = looked.by_name("stepfunctions", "list_state_machines", "stateMachines", "name")
    known = machines if isinstance(machines, dict) else {}
    for one in wanted:
        resources: dict[str, Any] = next((file.content["Resources"] for file in one.files), {})
        for item in resources.values():
            properties = item["Properties"]
            if item["Type"] == MACHINE and properties["StateMachineName"] in known:
                arn = known[properties["StateMachineName"]]["stateMachineArn"]
                yield "stepfunctions", "describe_state_machine", {"stateMachineArn": arn}
            if item["Type"] == TABLE and looked.has_table(properties["TableName"]):
                lasts = ("describe_time_to_live",) if "TimeToLiveSpecification" in properties else ()
                for operation in ("describe_table", *lasts, "describe_continuous_backups"):
                    yield "dynamodb", operation, {"TableName": properties["TableName"]}
            if item["Type"] == QUEUE:
                urls = looked.queue_urls()
                if isinstance(urls, dict) and properties["QueueName"] in urls:
                    yield "sqs", "get_queue_attributes", attributes_of(urls[properties["QueueName"]])
            if item["Type"] == RULE and isinstance(properties["EventBusName"], str):
                bus = properties["EventBusName"]
                found = looked.by_name("events", "list_rules", "Rules", "Name", EventBusName=bus)
                if isinstance(found, dict) and properties["Name"] in found:
                    yield "events", "list_targets_by_rule", {"Rule": properties["Name"], "EventBusName": bus}


def _raise(found: list[Diagnostic]) -> None:
    if found:
        raise DiagnosticError(found)


def _template(one: Wanted, choices: Mapping[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = next(file.content for file in one.files)
    return logged(template) if choices.get("log_execution_history") else template


def _planned(found: Plan, one: Wanted, token: str | None, *, full: bool) -> Planned:
    things = _things(found.steps, token, full=full)
    verb, said = _verb(found.steps, one), tuple(starts(found))
    if verb == CREATED and one.about is not None:
        said = (added(one.about.flow, one.about.polls).text,)
    return Planned(verb, (*found.changes, *said), things, (), _notes(found.steps), _seen(found.steps, token))


def _done(done: Sequence[Step], one: Wanted) -> Planned:
    return Planned(_verb(done, one), (), _things(done, None), (), _notes(done))


def _verb(steps: Sequence[Step], one: Wanted) -> str:
    if any(step.verb == CREATED and (step.type, step.name) == (MACHINE, one.name) for step in steps):
        return CREATED
    return CHANGED if any(step.instructions for step in steps) else UNCHANGED


def _things(steps: Sequence[Step], token: str | None, *, full: bool = False) -> tuple[Thing, ...]:
    found = []
    for step in steps:
        if step.instructions:
            lines = list(differs(step))[1:] + (unified(step).splitlines() if full else [])
            hidden = [line.replace(token, "<production token>") if token else line for line in lines]
            found.append(Thing(step.verb, noun(step), tuple(hidden)))
        elif step.verb == KEPT:
            found.append(Thing(KEPT, noun(step), (step.reason,)))
    return tuple(found)


def _notes(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(in_words(steps).splitlines())


def _seen(steps: Sequence[Step], token: str | None) -> Any:
    """What the account has of each object that the plan speaks of; the token stands in none of it."""
    return [[step.type, step.name, step.verb, step.was] for step in steps]
