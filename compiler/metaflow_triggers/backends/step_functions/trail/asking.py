"""Asking: the questions of a trail, each by an exact name.

In:   clients, names.
Out:  what AWS has, None where it has nothing, or `Unanswered`: who asks may not, or AWS allows no more for now. Nothing
      else is given up for that. DiagnosticError FT701: nobody can be asked at all.

Not here: which names (`computed`), what follows (`gather`). Nothing in this module writes, and nothing lists what other
flows have. `ACTIONS` is all that a trail needs, `ACTIONS_OF_POLLS` what one of a poll needs beside; the page on AWS
prints them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from metaflow_extensions.triggers.contract.exact_json import dumps, loads

from ....diagnostics import Diagnostic, DiagnosticError
from ..deploy.calls import Clients, absent, calling
from ..deploy.instructions import Place

T = TypeVar("T")
_ACTION = re.compile(r"[a-z0-9]+:[A-Z][A-Za-z]+")

ACTIONS = {
    "states:DescribeExecution": "the run that an event starts, or a set",
    "states:GetExecutionHistory": "whether a failed run came to a task of the flow",
    "states:DescribeStateMachine": "whether the flow is deployed, and what its starter was told of its events",
    "states:ListExecutions": "of the flow itself: the runs since an event left its set",
    "events:DescribeRule": "whether the rule is there and switched on, and its pattern",
    "events:ListTargetsByRule": "whether the rule leads to the flow",
    "events:TestEventPattern": "what AWS itself says of a payload",
    "dynamodb:GetItem": "the flow's sets: what waits",
    "s3:GetObject": "the event as it came, below the flow's `_triggers/`",
    "s3:ListBucket": "of the same prefix: without it S3 does not say that an object is not there",
}
ACTIONS_OF_POLLS = {"dynamodb:Scan": "what a flow's poller remembers of its triggers"}
"""What is needed beside, of the flow's own table, for who asks about a poll trigger."""

MOST_LISTED = 10_000
"""Names of runs of the flow that are listed, a thousand in an answer."""


@dataclass(frozen=True)
class Unanswered:
    """A question without an answer. `why` is the refusal."""

    action: str
    resource: str
    why: Diagnostic


@dataclass(frozen=True)
class Run:
    """An execution of the flow. `input` is its text."""

    name: str
    arn: str
    status: str
    started: datetime
    ended: datetime | None
    input: str
    error: str
    cause: str


@dataclass(frozen=True)
class Rule:
    """A rule of the account. `targets`: ARNs, or None where nobody may ask."""

    name: str
    bus: str
    enabled: bool
    pattern: Any
    targets: tuple[str, ...] | None


@dataclass(frozen=True)
class Stored:
    """A file of the datastore: when it was written, the object in it."""

    when: datetime
    value: dict[str, Any]


def _folder(key: str) -> str:
    """A flow's folder of what its runs were started with: what a right is given for."""
    return key.partition("/_triggers/")[0] + "/_triggers/"


class Asking:
    """Asks for one flow. What stayed without an answer is in `unanswered`, each question once."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.unanswered: list[Unanswered] = []
        self._definitions: dict[str, Any] = {}
        self._runs: dict[str, Run | Unanswered | None] = {}

    @property
    def clients(self) -> Clients:
        return self._place.clients

    @property
    def place(self) -> Place:
        """Where is asked."""
        return self._place

    def ask_others(self, call: Callable[[], T], resource: str) -> T | Unanswered:
        """What another room asks; its first refusal is that of an action which its message names."""
        try:
            return call()
        except DiagnosticError as error:
            why = error.diagnostics[0]
            if why.code == "FT701":
                raise
            named = _ACTION.search(why.message)
            found = Unanswered(named[0] if named is not None else resource, resource, why)
            self.unanswered.append(found)
            return found

    def unseen_letters(self, number: int) -> None:
        """Dead letters that somebody else was looking at, or that one look did not reach."""
        text = f"{number} dead letters were not seen: somebody else looks at them, or there are many"
        self.unanswered.append(Unanswered("", "the dead-letter queue", Diagnostic("", text)))

    def _ask(self, action: str, resource: str, call: Callable[[], Any], *codes: str) -> Any:
        try:
            with calling(action, resource):
                return absent(call, *codes)
        except DiagnosticError as error:
            (why,) = error.diagnostics
            if why.code == "FT701":
                raise
            found = Unanswered(action, resource, why)
            if all((one.action, one.resource) != (action, resource) for one in self.unanswered):
                self.unanswered.append(found)
            return found

    # Step Functions --------------------------------------------------------------------------------------------------

    def run(self, name: str, machine: str = "") -> Run | Unanswered | None:
        """The execution of that name: of the flow, or of another state machine."""
        arn = self._place.arn("states", f"execution:{machine or self._place.deployed}:{name}")
        if arn not in self._runs:
            self._runs[arn] = self._run(arn)
        return self._runs[arn]

    def _run(self, arn: str) -> Run | Unanswered | None:
        states = self._place.clients["stepfunctions"]
        found = self._ask(
            "states:DescribeExecution",
            f"{arn.rpartition(':')[0]}:*",
            lambda: states.describe_execution(executionArn=arn),
            "ExecutionDoesNotExist",
        )
        if found is None or isinstance(found, Unanswered):
            return found
        return Run(
            found["name"],
            found["executionArn"],
            found["status"],
            found["startDate"],
            found.get("stopDate"),
            found.get("input", "{}"),
            found.get("error", ""),
            found.get("cause", ""),
        )

    def came_to_a_task(self, run: Run) -> bool | Unanswered:
        """Whether AWS Batch, or whatever does the flow's work, took a task of the run."""
        states = self._place.clients["stepfunctions"]
        found = self._ask(
            "states:GetExecutionHistory",
            run.arn,
            lambda: states.get_execution_history(executionArn=run.arn, maxResults=100, includeExecutionData=False),
            "ExecutionDoesNotExist",
        )
        if isinstance(found, Unanswered):
            return found
        began = ("TaskSubmitted", "TaskSucceeded")
        return found is not None and any(item["type"] in began for item in found["events"])

    def runs_since(self, when: datetime) -> list[tuple[str, datetime]] | Unanswered | None:
        """(name, beginning) of the flow's own runs from `when` on, the oldest first; None: more than `MOST_LISTED`."""
        arn = self._place.arn("states", f"stateMachine:{self._place.deployed}")
        states = self._place.clients["stepfunctions"]
        more: dict[str, str] = {}
        out: list[tuple[str, datetime]] = []
        while len(out) < MOST_LISTED:
            page = self._ask(
                "states:ListExecutions",
                arn,
                lambda: states.list_executions(stateMachineArn=arn, maxResults=1000, **more),  # noqa: B023 - asked now
                "StateMachineDoesNotExist",
            )
            if isinstance(page, Unanswered):
                return page
            found = page["executions"] if page is not None else []
            out += [(item["name"], item["startDate"]) for item in found if item["startDate"] >= when]
            ends = any(item["startDate"] < when for item in found)
            if ends or page is None or not page.get("nextToken"):
                return out[::-1]
            more = {"nextToken": page["nextToken"]}
        return None

    def definition(self, machine: str) -> Any:
        """The definition of a state machine that is not being deleted."""
        if machine not in self._definitions:
            self._definitions[machine] = self._definition(machine)
        return self._definitions[machine]

    def _definition(self, machine: str) -> Any:
        arn = self._place.arn("states", f"stateMachine:{machine}")
        states = self._place.clients["stepfunctions"]
        found = self._ask(
            "states:DescribeStateMachine",
            arn,
            lambda: states.describe_state_machine(stateMachineArn=arn),
            "StateMachineDoesNotExist",
        )
        if found is None or isinstance(found, Unanswered):
            return found
        return None if found.get("status") == "DELETING" else loads(found["definition"])

    # EventBridge -----------------------------------------------------------------------------------------------------

    def rule(self, name: str, bus: str) -> Rule | Unanswered | None:
        """The rule of that name on a bus (its name or ARN), with its targets."""
        events = self._place.clients["events"]
        shown = f"{bus.rpartition('event-bus/')[2]}/{name}"
        where = {"Name": name, "EventBusName": bus}
        found = self._ask(
            "events:DescribeRule", shown, lambda: events.describe_rule(**where), "ResourceNotFoundException"
        )
        if found is None or isinstance(found, Unanswered):
            return found
        listed = self._ask(
            "events:ListTargetsByRule",
            shown,
            lambda: events.list_targets_by_rule(Rule=name, EventBusName=bus),
            "ResourceNotFoundException",
        )
        targets = None
        if not isinstance(listed, Unanswered):
            targets = tuple(item["Arn"] for item in (listed or {}).get("Targets", []))
        pattern = loads(found.get("EventPattern") or "{}")
        return Rule(name, bus, not str(found.get("State", "ENABLED")).startswith("DISABLED"), pattern, targets)

    def lets_through(self, rule: Rule, event: str) -> bool | None:
        """What EventBridge says of the rule's pattern and an event; None where it does not say, which is no hole in the
        answer: the filter is judged here, too."""
        events = self._place.clients["events"]
        try:
            with calling("events:TestEventPattern", rule.name):
                answer = events.test_event_pattern(EventPattern=str(dumps(rule.pattern)), Event=event)
                return bool(answer["Result"])
        except DiagnosticError as error:
            if error.diagnostics[0].code == "FT701":
                raise
            return None

    # DynamoDB and S3 -------------------------------------------------------------------------------------------------

    def row(self, table: str, key: str) -> dict[str, Any] | Unanswered | None:
        """A row of the table of sets; None also where there is no table."""
        dynamo = self._place.clients["dynamodb"]
        found = self._ask(
            "dynamodb:GetItem",
            table,
            lambda: dynamo.get_item(TableName=table, Key={"pk": {"S": key}}, ConsistentRead=True),
            "ResourceNotFoundException",
        )
        if found is None or isinstance(found, Unanswered):
            return found
        item: dict[str, Any] | None = found.get("Item")
        return item

    def stored(self, bucket: str, key: str) -> Stored | Unanswered | None:
        """A JSON file of the datastore."""
        s3 = self._place.clients["s3"]

        def read() -> Any:
            answer = s3.get_object(Bucket=bucket, Key=key)
            return answer["LastModified"], answer["Body"].read()

        found = self._ask("s3:GetObject", f"{bucket}/{_folder(key)}*", read, "NoSuchKey", "404")
        if found is None or isinstance(found, Unanswered):
            return found
        try:
            value = loads(found[1].decode("utf-8"))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            why = Diagnostic("", f"{bucket}/{key} is not what a starter or a correlator stores")
            self.unanswered.append(Unanswered("", key, why))
            return self.unanswered[-1]
        return Stored(found[0], value)
