"""Letters: what lies in a flow's dead-letter queue, as far as it is of the event in question.

In:   a flow's deployed name, the event's id and its marks in sets.
Out:  letters, the oldest first; what each of them says, as a cause.

Not here: looking into a queue, which hides a letter for a moment and changes nothing (`dead_letters`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from ....dead_letters.letter import OUTCOME, SET, Letter, Looked
from ....trail import causes
from ....trail.causes import Cause
from .. import NAME
from .asking import Asking, Unanswered
from .computed import Roads, Way

RIGHTS = (
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sqs:ListQueueTags",
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "states:ListTagsForResource",
)
"""What `dead-letters list` needs beside `states:DescribeStateMachine`."""

_DENIED = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_RIGHTLESS = re.compile(r"(?i)NO_PERMISSIONS|access ?denied|not authorized")
_THROTTLED = re.compile(r"(?i)throttl|TooManyRequests|RequestLimitExceeded|SlowDown|LimitExceeded|rate exceeded")
_NO_FIELD = re.compile(r"has no field (?P<field>.+), which the required parameter (?P<parameter>\S+) takes its value")


def look(deployed: str, asking: Asking) -> Looked:
    """All letters of the flow, or none where they may not be looked at, which is kept in `asking`."""
    from ..dead_letters.box import letters_of

    found = asking.ask_others(lambda: letters_of(deployed, asking.clients), "the dead-letter queue")
    return Looked() if isinstance(found, Unanswered) else found


def of_event(letters: Iterable[Letter], roads: Roads, identity: str) -> Iterator[tuple[Way | None, Letter]]:
    """Those of the event with this id, each with its way: None for one of another name, or of none any more."""
    for letter in letters:
        if letter.unknown:
            continue  # of one of those that share the queue: that is no answer
        if letter.kind == SET:
            marks = {str(uri).rpartition("/")[2].removesuffix(".json") for uri in json.loads(letter.payload)}
            for way in roads.ways:
                if any(kept.mark in marks for kept in way.keeps):
                    yield way, letter
        elif identity in (letter.event_id, _run_of(letter)):
            yield next((way for way in roads.ways if _is_of(letter, way)), None), letter


def _run_of(letter: Letter) -> str | None:
    """The run whose end the letter tells."""
    return f"sfn-{(letter.event_id or '').partition('/')[0]}" if letter.kind == OUTCOME else None


def _is_of(letter: Letter, way: Way) -> bool:
    return letter.name == (way.sender.machine or way.sender.detail_type or letter.name)


def cause_of(letter: Letter) -> Cause:
    """What a dead letter says."""
    lacks = _NO_FIELD.search(letter.reason)
    if lacks is not None:
        return causes.MISSING_FIELD(parameter=lacks["parameter"], field=lacks["field"])
    denied = _DENIED.search(letter.reason)
    if denied is not None or _RIGHTLESS.search(letter.reason):
        # What EventBridge may not is to start the machine behind the rule.
        right = denied[1] if denied is not None else "states:StartExecution"
        return causes.NO_RIGHT(who=f"a role of {letter.deployed}", right=right)
    if _THROTTLED.search(letter.reason):
        return causes.THROTTLED(why=letter.reason)
    return causes.DEAD_LETTER(place=f"the queue {letter.where}", reason=letter.reason, since=letter.at)


def commands(letter: Letter) -> tuple[str, ...]:
    """What shows the letter, and sends it again."""
    rest = f"{letter.id} --backend {NAME} --flow {letter.deployed}"
    again = () if letter.stays else (f"metaflow-triggers dead-letters send-again {rest}",)
    return (f"metaflow-triggers dead-letters show {rest}", *again)
