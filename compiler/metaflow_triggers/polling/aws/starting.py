"""Starting: a claim becomes an execution, and an execution says what has become of its claim.

In:   a claim of `polling.record`, the clients, the flow's state machine, the datastore.
Out:  what is known then: it is there, it cannot be, nobody knows yet (`Executions` is the `Runs` of `polling.places`).

Not here: storing that (`polling.poller`). Step Functions takes one execution of a name, for 90 days, and its input
says whose it is, so a lost answer, or a poller that ended, costs nothing and starts nothing twice. What a run is told
lies in the datastore before the run begins, under its name: the same bytes, however often they are stored.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, local_start, words
from metaflow_extensions.triggers.plugins.aws_answers import one_line

from ..fires import dependency_of, run_name
from ..places import REFUSED, STARTED, TAKEN, UNKNOWN, Read
from ..record import Declaration
from .calls import Clients, Refused, asking

RUN_PREFIX = "sfn-"
"""Before the name of an execution in Metaflow's run id."""
CLAIM = "claim"
"""Of the input of an execution that a poller started, beside the place of its document: of which claim it is."""
_ABSENT = "ExecutionDoesNotExist"
_NEVER = frozenset(("InvalidName", "InvalidExecutionInput", "ValidationException"))
_DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnrecognizedClientException"))
_ASK_SECONDS, _ASKS_PER_SECOND = 2.0, 5.0
"""AWS answers 15 questions after executions a second, of the whole account, and others ask, too."""
_SEEN_AFTER = timedelta(minutes=5)
"""What was just started may not be seen yet: Step Functions' answers are eventually consistent."""


@dataclass(frozen=True)
class Documents:
    """Where trigger documents lie. `encryption`: more arguments of each PutObject."""

    bucket: str
    root: str
    encryption: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, uri: str, encryption: Mapping[str, str] | None = None) -> Documents:
        """Of the datastore's `s3://bucket/root`. Raises ValueError."""
        scheme, separator, rest = uri.partition("://")
        bucket, _, root = rest.partition("/")
        if scheme != "s3" or not separator or not bucket:
            raise ValueError(f"expected s3://bucket/root, found {uri!r}")
        return cls(bucket, root.strip("/"), dict(encryption or {}))

    def key(self, flow: str, name: str) -> str:
        """Of the document of an execution."""
        folder = f"{self.root}/{flow}" if self.root else flow
        return f"{folder}/{words.TRIGGERS_FOLDER}/{RUN_PREFIX}{name}.json"


def name_of(declared: Declaration, uid: str, digest: str, generation: int) -> str:
    """The name of an execution: 80 of `[a-z0-9-]` at most. `uid`: a table that is made anew counts anew."""
    of_record = hashlib.sha256(f"{declared.template} {uid} {digest}".encode()).hexdigest()
    return words.POLLED_RUN + run_name(declared.name, of_record, generation)


def claim_text(uid: str, claim: Mapping[str, Any]) -> str:
    """What tells a claim from all others, also from those of a table that was put back to what it had been."""
    return f"{uid}/{claim['generation']}/{claim['started_at']}"


def document(declared: Declaration, claim: Mapping[str, Any]) -> dict[str, Any]:
    """What the run of a claim is told: the same, however often it is made."""
    payload = exact_json.loads(claim["payload"])
    event = local_start.event_body(declared.name, claim["name"], claim["started_at"], payload, "poll")
    return local_start.document([dependency_of(declared.target, payload)], [event])


class Executions:
    """The executions of one flow's state machine."""

    def __init__(
        self,
        clients: Clients,
        machine: str,
        documents: Documents,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        """`machine`: its ARN."""
        self._clients, self._machine, self._documents = clients, machine, documents
        self._monotonic, self._now = monotonic, now
        self._asked: dict[str, float] = {}
        self._lock = threading.Lock()

    def name(self, read: Read, digest: str, generation: int) -> str:
        """What the run of a claim is called."""
        return name_of(read.declared, read.uid, digest, generation)

    def start(self, key: str, read: Read, claim: dict[str, Any]) -> tuple[str, str]:
        """(what came of it, why). Raises OSError where nobody knows."""
        name, mine = claim["name"], claim_text(read.uid, claim)
        whose = self._whose(name)
        if whose is None:
            uri = self._store(read.declared, claim)
            text = json.dumps({"Parameters": "{}", "MetaflowTrigger": {"uri": uri, CLAIM: mine}})
            try:
                with asking(f"states:StartExecution of {name}"):
                    self._clients.states.start_execution(stateMachineArn=self._machine, name=name, input=text)
            except Refused as error:
                if error.code in _NEVER:
                    return REFUSED, str(error)
                if error.code != "ExecutionAlreadyExists":
                    return UNKNOWN, str(error)
                whose = self._whose(name)
                if whose is None:  # not seen yet: the next look sees it
                    return UNKNOWN, f"an execution {name} is there, and is not told of yet"
            else:
                return STARTED, ""
        if whose == mine:
            return STARTED, ""
        return TAKEN, f"an execution {name} is there, of another claim ({whose or 'of none'})"

    def ended(self, claim: dict[str, Any]) -> tuple[str, str | None] | None:
        """How the run of a claim has ended, and why; None while it runs, and while it is not to be asked for again."""
        name = claim["name"]
        if not self._may_ask(name):
            return None
        try:
            found = self._describe(name)
        except Refused as error:
            return (UNKNOWN, str(error)) if error.code in _DENIED else None
        except OSError:
            return None
        if found is None:
            began = datetime.fromisoformat(claim["run_started_at"])
            if self._now() - began < _SEEN_AFTER:
                return None
            end: tuple[str, str | None] = ("lost", "its execution is no longer known")
        elif found["status"] in words.OUTCOME_OF_STATUS:
            why = ": ".join(str(found[part]) for part in ("error", "cause") if found.get(part))
            end = (found["status"].lower(), one_line(why) if why else None)
        else:
            return None
        with self._lock:
            self._asked.pop(name, None)
        return end

    def _may_ask(self, name: str) -> bool:
        """Each in its turn: the more runs there are, the less often one is asked for."""
        now = self._monotonic()
        with self._lock:
            last = self._asked.get(name)
            if last is not None and now - last < max(_ASK_SECONDS, len(self._asked) / _ASKS_PER_SECOND):
                return False
            self._asked[name] = now
            return True

    def _describe(self, name: str) -> dict[str, Any] | None:
        arn = f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            with asking(f"states:DescribeExecution of {name}"):
                found: dict[str, Any] = self._clients.states.describe_execution(executionArn=arn)
        except Refused as error:
            if error.code == _ABSENT:
                return None
            raise
        return found

    def _whose(self, name: str) -> str | None:
        """The claim of an execution, "" where it says none; None where there is no such execution."""
        found = self._describe(name)
        if found is None:
            return None
        try:
            return str(json.loads(found.get("input") or "{}")["MetaflowTrigger"][CLAIM])
        except (ValueError, TypeError, KeyError):
            return ""

    def _store(self, declared: Declaration, claim: Mapping[str, Any]) -> str:
        """Store the document; where it is."""
        at = self._documents
        key = at.key(declared.target.workflow, claim["name"])
        body = exact_json.dumps(document(declared, claim)).encode("utf-8", "surrogatepass")
        with asking(f"s3:PutObject of s3://{at.bucket}/{key}"):
            self._clients.s3.put_object(
                Bucket=at.bucket, Key=key, Body=body, ContentType="application/json", **at.encryption
            )
        return f"s3://{at.bucket}/{key}"
