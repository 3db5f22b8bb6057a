"""An AWS that refuses some calls of a client.

In:   a maker of clients.
Out:  clients that get an error in place of the call's answer, and the calls that were made.

Not here: which calls are refused in which test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .service import Aws

CALLER = "User: arn:aws:sts::123456789012:assumed-role/deployer/session"


@dataclass(frozen=True)
class Refusal:
    """`code` and `message` of an error as AWS gives it."""

    code: str
    message: str


def denied(action: str) -> Refusal:
    """How IAM's refusal reads."""
    text = f"{CALLER} is not authorized to perform: {action} on resource: * because no identity-based policy allows it"
    return Refusal("AccessDeniedException", text)


_QUERY = {"iam", "sqs", "sts"}
"""Services whose errors have the names of AWS's query protocol; SQS keeps them in JSON (`awsQueryCompatible`)."""

_PREFIXES = {"cloudwatch": "cloudwatch"}
"""How policies spell a service that signs with another name."""


def expired(action: str) -> Refusal:
    """How a service says that the session's credentials have expired."""
    code = "ExpiredToken" if action.partition(":")[0] in _QUERY else "ExpiredTokenException"
    return Refusal(code, "The security token included in the request is expired")


class Refusing:
    """Makes clients. `refuse` is told each action, spelled as in a policy, and says what AWS answers instead.

    Nothing is sent then, and botocore repeats nothing.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._made: dict[str, Any] = {}
        self.refuse: Callable[[str], Refusal | None] = lambda action: None
        self.actions: list[str] = []

    def client(self, service: str) -> Any:
        if service not in self._made:
            made = self._made[service] = self._aws.client(service)
            prefix = _PREFIXES.get(service, made.meta.service_model.signing_name)

            def asked(model: Any, **_: Any) -> Any:
                self.actions.append(f"{prefix}:{model.name}")
                refusal = self.refuse(self.actions[-1])
                return _answer(refusal) if refusal else None

            made.meta.events.register("before-call", asked)
        return self._made[service]


def _answer(refusal: Refusal) -> tuple[Any, dict[str, Any]]:
    from botocore.awsrequest import AWSResponse

    parsed = {"Error": {"Code": refusal.code, "Message": refusal.message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    return AWSResponse("http://127.0.0.1", 403, {}, None), parsed
