"""Queue: messages of an SQS queue, looked at and put back.

In:   where we are, the queue's address.
Out:  `Message`s, held for a while; what the queue says of itself.

Not here: what a message is (`read`). SQS has no way to look: whoever reads a message hides it from all others for a
while, and counts. So nothing is held for more than `HIDES` seconds, whatever becomes of this process, and what is not
deleted is put back when it was read; and a queue that passes messages on by that count is not looked into (FT772).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ....dead_letters.letter import HIDES
from ....diagnostics import Diagnostic, DiagnosticError
from ..deploy.calls import absent, calling
from ..deploy.instructions import Place
from ..deploy.objects import NO_QUEUE

_ROUND = 15.0
"""Seconds of reading in one go: what was read first shall not be there again before it is put back."""
_AT_ONCE = 10


@dataclass(frozen=True)
class Message:
    """`attributes` are those that its sender gave it; `at` is when it was sent, in seconds since 1970."""

    id: str
    handle: str
    body: str
    attributes: dict[str, str]
    at: float


@dataclass(frozen=True)
class State:
    """Numbers of messages, roughly: those that can be read, and those that somebody has read a moment ago."""

    there: int
    hidden: int


class Queue:
    """`name` is for people."""

    def __init__(self, place: Place, name: str, url: str) -> None:
        self.name, self.url = name, url
        self._sqs = place.clients["sqs"]

    def state(self) -> State | None:
        """None if there is no such queue. Raises DiagnosticError (FT772) for one that must not be looked into."""
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        asked = [*counts, "RedrivePolicy"]
        with calling("sqs:GetQueueAttributes", self.name):
            found = absent(lambda: self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=asked), *NO_QUEUE)
        if found is None:
            return None
        said = found.get("Attributes", {})
        if said.get("RedrivePolicy"):
            raise _passes_on(self.name)
        return State(*(int(said.get(name, 0)) for name in counts))

    @contextmanager
    def reading(self, expected: int) -> Iterator[Iterator[Message]]:
        """Messages, each once; all that were read and not deleted are put back at the end.

        `expected`: after so many an empty answer is believed at once, else SQS is asked to look everywhere.
        """
        held: dict[str, str] = {}
        try:
            yield self._messages(held, expected)
        finally:
            self._put_back(list(held.values()))

    def delete(self, message: Message) -> None:
        """For good."""
        with calling("sqs:DeleteMessage", self.name):
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message.handle)

    def _messages(self, held: dict[str, str], expected: int) -> Iterator[Message]:
        end = time.monotonic() + _ROUND
        while time.monotonic() < end:
            found = self._receive(1 if len(held) < expected or not expected else 0)
            new = [item for item in found if item.id not in held]
            held.update({item.id: item.handle for item in found})
            if not new:  # all is held, or comes around again
                return
            yield from new

    def _receive(self, wait: int) -> list[Message]:
        with calling("sqs:ReceiveMessage", self.name):
            answer = self._sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=HIDES,
                WaitTimeSeconds=wait,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            return [_message(item) for item in answer.get("Messages", [])]

    def _put_back(self, handles: list[str]) -> None:
        """Best effort: what is deleted is gone, and what is not put back comes back by itself."""
        from botocore.exceptions import BotoCoreError, ClientError

        for start in range(0, len(handles), _AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + _AT_ONCE])
            ]
            try:
                self._sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            except (BotoCoreError, ClientError):
                return


def _message(item: dict[str, Any]) -> Message:
    given = {name: str(one.get("StringValue", "")) for name, one in item.get("MessageAttributes", {}).items()}
    at = float(item.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
    return Message(item["MessageId"], item["ReceiptHandle"], item["Body"], given, at)


def _passes_on(name: str) -> DiagnosticError:
    message = f"the queue {name} has a redrive policy of its own: a message that is looked at is counted, and moves on"
    helps = ("take the redrive policy of the dead-letter queue away, then repeat the command",)
    return DiagnosticError([Diagnostic("FT772", message, helps=helps)])
