"""Polled account: a flow that a poll trigger starts, in an emulated account, and what its poller leaves there.

In:   an account inside this process.
Out:  its objects, records, claims, executions with their documents, failures of its jobs.

Not here: what polls (`poll_world`), assertions.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from metaflow_extensions.triggers.contract.local_start import timestamp_text
from metaflow_triggers.backends import declared
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.assemble import TAG_DEPLOYED_NAME
from metaflow_triggers.polling import record
from metaflow_triggers.polling.aws import store
from metaflow_triggers.polling.aws.starting import Documents, claim_text, document, name_of

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    POLLED_FLOW,
    WORKFLOW,
    flow,
    parameter,
    poll,
    polled,
)
from .account import clients
from .laid import lay
from .service import ACCOUNT

LOOKS = flow("TrailLooks", parameters=(parameter("file"), parameter("other")))
POLL = poll("looks", of=LOOKS)
UID = "uid-1"
THEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_DOCUMENTS = Documents.of("s3://flows/metaflow/data")


class Polled:
    """The flow `LOOKS`, or another, with a poller that is at work, as its lease says."""

    def __init__(self, aws: Any, *polls: Any, of: Any = LOOKS) -> None:
        self.aws, self.of, self.deployed = aws, of, of.name
        self.client = clients(aws)
        self.table = names.poll_table_name(of.name)
        self.deploy(*(polls or (POLL,)))
        arn = f"arn:aws:dynamodb:{ACCOUNT}:table/{self.table}"
        tags = [{"Key": TAG_DEPLOYED_NAME, "Value": of.name}]
        self.client("dynamodb").tag_resource(ResourceArn=arn, Tags=tags)
        self.heard(datetime.now(timezone.utc))

    def deploy(self, *polls: Any) -> None:
        content = step_functions.manifests(self.of, polled(self.of, *polls), _workflow(), CONFIGURED)[0].content
        for item in content["Parameters"].values():
            item.setdefault("Default", "any")
        lay(self.client, content)
        self._told()

    def declare(self, *polls: Any) -> None:
        """What another deployment says, and the tick after it."""
        texts = json.dumps([declared.declaration(self.of, item, self.deployed).text() for item in polls])
        definition = self._definition()
        definition["States"]["Declare"]["Parameters"]["ExpressionAttributeValues"][":declared"]["S"] = texts
        machine = self._machine(names.poller_name(self.deployed))
        states = self.client("stepfunctions")
        states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
        self._told()

    def _told(self) -> None:
        values = self._definition()["States"]["Declare"]["Parameters"]["ExpressionAttributeValues"]
        self.version, self.texts = values[":wanted"]["S"], values[":declared"]["S"]
        self.ticked()

    def _definition(self) -> Any:
        machine = self._machine(names.poller_name(self.deployed))
        return json.loads(self.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"])

    def ticked(self, since: datetime = THEN) -> None:
        """As the poller's machine says in the table what is wanted."""
        self.put(store.POLLER, wanted=self.version, declared=self.texts, since=since.isoformat())

    def heard(self, when: datetime | None) -> None:
        """When the lease was renewed; None: it was never taken."""
        key = {"pk": {"S": store.LEASE}}
        if when is None:
            self.client("dynamodb").delete_item(TableName=self.table, Key=key)
        else:
            self.put(store.LEASE, holder="pod", renewed=timestamp_text(when))

    def put(self, key: str, **values: str) -> None:
        """Attributes of an item."""
        self.client("dynamodb").update_item(
            TableName=self.table,
            Key={"pk": {"S": key}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
        )

    def record(self, name: str = "looks", **values: str) -> None:
        self.put(store.key_of(name), **values)

    def state(self, name: str = "looks") -> dict[str, Any]:
        found = self.client("dynamodb").get_item(TableName=self.table, Key={"pk": {"S": store.key_of(name)}})
        return record.state_of(store.text(found.get("Item") or {}, "state"))

    def declaration(self, name: str = "looks") -> record.Declaration:
        (found,) = (one for one in map(record.declaration, json.loads(self.texts)) if one.name == name)
        return found

    def polled(self, last: str, state: dict[str, Any] | None = None, name: str = "looks", **more: Any) -> None:
        """What the last poll gave."""
        state = self.state(name) if state is None else state
        state.update(last_poll_at=THEN.isoformat(), last_result=last, **more)
        self.record(name, state=record.state_text(state, store.LARGEST), declaration=self.declaration(name).text())

    def fired(
        self, context: Any, last: str = "fire", status: str | None = None, name: str = "looks", **changes: Any
    ) -> dict[str, Any]:
        """The claim of a fire as a poller leaves it, started where there is a status, with execution and document."""
        told, state = self.declaration(name), self.state(name)
        claim = record.add(
            state,
            told.target,
            context,
            f"1.{state['generation']}",
            THEN,
            THEN,
            lambda digest, number: name_of(told, UID, digest, number),
        )
        if status is not None:
            self.start(claim, told, status)
            record.started(claim, THEN)
        claim.update(changes)
        self.polled(last, state, name)
        return claim

    def start(self, claim: dict[str, Any], told: record.Declaration, status: str) -> None:
        key = _DOCUMENTS.key(self.of.name, claim["name"])
        self.client("s3").put_object(Bucket="flows", Key=key, Body=json.dumps(document(told, claim)).encode())
        at = {"uri": f"s3://flows/{key}", "claim": claim_text(UID, claim)}
        given = json.dumps({"Parameters": "{}", "MetaflowTrigger": at})
        self._execution(self.deployed, claim["name"], status, given)

    def failed(self, cause: Any, error: str = "States.TaskFailed", when: datetime | None = None) -> str:
        """An execution of the poller's machine that has failed; its name."""
        name = f"tick-{len(self._executions(names.poller_name(self.deployed)))}"
        one = self._execution(names.poller_name(self.deployed), name, "FAILED")
        one.error, one.cause = error, cause if isinstance(cause, str) else json.dumps(cause)
        if when is not None:
            one.start_date = one.stop_date = when.replace(tzinfo=None)
        return name

    def _execution(self, machine: str, name: str, status: str, given: str = "{}") -> Any:
        states = self.client("stepfunctions")
        states.start_execution(stateMachineArn=self._machine(machine), name=name, input=given)
        (one,) = (one for one in self._executions(machine) if one.name == name)
        one.status = status
        if status == "RUNNING":
            one.stop_date = None
        else:
            one.stop_date = one.start_date + timedelta(seconds=1)
        return one

    def _executions(self, machine: str) -> list[Any]:
        from moto.stepfunctions.models import stepfunctions_backends

        region, account = ACCOUNT.split(":")
        machines = stepfunctions_backends[account][region].state_machines
        return [one for item in machines if item.name == machine for one in item.executions]

    def _machine(self, name: str) -> str:
        return f"arn:aws:states:{ACCOUNT}:stateMachine:{name}"


def _workflow() -> Any:
    return json.loads(json.dumps(WORKFLOW).replace(POLLED_FLOW.name, LOOKS.name))
