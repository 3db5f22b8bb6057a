"""Read: what a message of a dead-letter queue is.

In:   a message, what is deployed of the flow in whose queue it lies.
Out:  `Found`: the letter for people, and what is needed to send it again; None for another flow's, in a shared queue.

Not here: SQS, sending. Who puts messages there: EventBridge (the event as it came; why in attributes `ERROR_CODE` and
`ERROR_MESSAGE`: User Guide, "Using dead-letter queues to process undelivered events"), EventBridge Scheduler
(`SCHEDULE_ARN`), starters and correlators (`reason` or `failure` beside the event, or beside where a set's events are).
Anybody else may: what has none of these forms is odd, and never sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.contract.words import EVENT_RESOURCE, STATUS_CHANGE, TRIGGERS_FOLDER

from ....dead_letters.letter import EVENT, ODD, OUTCOME, RESET, SCHEDULE, SET, Letter
from .. import NAME
from ..compile import names
from .machines import Deployment
from .queue import Message

GONE = "the flow is not deployed: `create` it, then send it again"
_LATE = "a reset that comes late would forget events that came after it"
_WHOSE = "the queue is shared and the letter does not say whose it is"


@dataclass(frozen=True)
class Found:
    """`event`: the event, and `text` the same as JSON text. `target`: the ARN of the machine that EventBridge meant, or
    "". `refs`: where the events of a set are."""

    letter: Letter
    message: Message
    event: dict[str, Any] | None = None
    text: str = ""
    target: str = ""
    refs: tuple[str, ...] = ()

    def of_nobody(self) -> Found:
        """The same in a shared queue where nothing says whose it is: a starter of an earlier version left it."""
        return replace(self, letter=replace(self.letter, unknown=True, stays=_WHOSE))


def read(message: Message, found: Deployment, where: str, *, shared: bool) -> Found | None:
    """Raises nothing: what cannot be read is odd."""
    return _Reader(message, found, where, shared).read()


def _value(text: str) -> Any:
    try:
        return exact_json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_event(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("detail"), dict):
        return False
    texts = all(isinstance(value.get(key), str) and value[key] for key in ("id", "source", "detail-type"))
    return texts and isinstance(value.get("resources", []), list)


def _of_attributes(given: dict[str, str]) -> str:
    said = ": ".join(filter(None, (given.get("ERROR_CODE", ""), given.get("ERROR_MESSAGE", ""))))
    tried = given.get("EXHAUSTED_RETRY_CONDITION", "")
    return (said or "AWS gave no reason") + (f" ({tried})" if tried else "")


def _reason(value: dict[str, Any]) -> str | None:
    """What a starter or a correlator says."""
    if isinstance(value.get("reason"), str):
        return str(value["reason"])
    failure = value.get("failure")
    if not isinstance(failure, dict):
        return None
    return ": ".join(str(failure[key]) for key in ("Error", "Cause") if failure.get(key)) or "AWS gave no reason"


def _refs(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return ()
    found = tuple(one.get("uri") for one in value)
    return tuple(map(str, found)) if all(isinstance(one, str) and one.startswith("s3://") for one in found) else ()


@dataclass(frozen=True)
class _Reader:
    message: Message
    found: Deployment
    where: str
    shared: bool

    def read(self) -> Found | None:
        given = self.message.attributes
        if "RULE_ARN" in given:
            return self._of_rule(given)
        if "SCHEDULE_ARN" in given:
            return self._of_schedule(given)
        value = _value(self.message.body)
        if not isinstance(value, dict):
            return self._odd("not JSON" if value is None else "no object")
        reason, refs = _reason(value), _refs(value.get("events"))
        whose = value.get("deployed") if self.shared else self.found.place.deployed
        if isinstance(whose, str) and whose != self.found.place.deployed:
            return None
        if reason is not None and _is_event(value.get("event")):
            event = value["event"]
            found = self._of_event(event, exact_json.dumps(event), reason)
            return found if whose is not None else found.of_nobody()
        if reason is not None and refs:
            found = self._of_set(refs, reason)
            mine = all(f"/{self.found.flow}/{TRIGGERS_FOLDER}/" in ref for ref in refs)
            return found if whose is not None or mine else found.of_nobody()
        return self._odd("nothing that EventBridge or the flow's state machines put there")

    def _of_rule(self, given: dict[str, str]) -> Found | None:
        target = given.get("TARGET_ARN", "")
        if not self.found.owns(target):
            return None if self.shared else self._odd("of the rule of something else")
        event = _value(self.message.body)
        if not _is_event(event):
            return self._odd("what EventBridge could not deliver is no event")
        return self._of_event(event, self.message.body, _of_attributes(given), target=target)

    def _of_event(self, event: dict[str, Any], text: str, reason: str, *, target: str = "") -> Found:
        detail, first = event["detail"], str((event.get("resources") or [""])[0])
        kind, name = EVENT, event["detail-type"]
        identity = first.removeprefix(EVENT_RESOURCE) if first.startswith(EVENT_RESOURCE) else event["id"]
        if event["source"] == "aws.states" and name == STATUS_CHANGE and isinstance(detail.get("executionArn"), str):
            kind, name = OUTCOME, str(detail.get("stateMachineArn", "")).rpartition(":")[2]
            identity = f"{detail['executionArn'].rpartition(':')[2]}/{detail.get('status')}"
        letter = self._letter(kind, name, identity, reason, exact_json.dumps(detail))
        return Found(letter.staying(self._gone()), self.message, event, text, target)

    def _of_schedule(self, given: dict[str, str]) -> Found | None:
        group, _, name = given["SCHEDULE_ARN"].rpartition(":schedule/")[2].partition("/")
        if group != names.schedule_group_name(self.found.place.deployed):
            return None if self.shared else self._odd("of the schedule of something else")
        kind = RESET if "-reset-" in name else SCHEDULE
        letter = self._letter(kind, name, None, _of_attributes(given), self.message.body)
        return Found(letter.staying(_LATE if kind == RESET else self._gone()), self.message)

    def _of_set(self, refs: tuple[str, ...], reason: str) -> Found:
        letter = self._letter(SET, None, None, reason, exact_json.dumps(list(refs)))
        return Found(letter.staying(self._gone()), self.message, refs=refs)

    def _odd(self, why: str) -> Found:
        letter = self._letter(ODD, None, None, why, self.message.body)
        stays = f"nobody knows where it was going: {why}"
        return Found(replace(letter, unknown=self.shared, stays=stays), self.message)

    def _gone(self) -> str:
        return "" if self.found.there else GONE

    def _letter(self, kind: str, name: str | None, identity: str | None, reason: str, payload: str) -> Letter:
        at = datetime.fromtimestamp(self.message.at, timezone.utc).isoformat(timespec="milliseconds")
        return Letter(
            id=self.message.id,
            backend=NAME,
            flow=self.found.flow,
            deployed=self.found.place.deployed,
            kind=kind,
            name=name,
            event_id=identity,
            reason=reason,
            at=at.replace("+00:00", "Z"),
            where=self.where,
            size=len(self.message.body.encode("utf-8", "surrogatepass")),
            payload=payload,
        )
