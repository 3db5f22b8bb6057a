"""An IAM that simulates policies: moto has no `SimulatePrincipalPolicy`.

In:   a client of IAM; which actions are denied, on which resources, and of which conditions IAM is not told.
Out:  answers of IAM's form, as the API reference of `SimulatePrincipalPolicy` has them; what was asked.

Not here: reading policies.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any


class Simulation:
    """`denied`: actions, or (action, resource); `conditional`: those that depend on a context that nobody gives."""

    def __init__(self, iam: Any) -> None:
        self.denied: set[Any] = set()
        self.conditional: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []
        iam.meta.events.register("before-call", self._answer)

    def _answer(self, model: Any, params: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        if model.name != "SimulatePrincipalPolicy":
            return None
        body = params["body"]
        resource = body["ResourceArns.member.1"]
        passed = body.get("ContextEntries.member.1.ContextKeyValues.member.1", "")
        results = []
        for key, action in body.items():
            if not key.startswith("ActionNames.member."):
                continue
            self.asked.append((action, resource, passed))
            denied = bool({action, (action, resource)} & self.denied)
            result = {"EvalActionName": action, "EvalDecision": "implicitDeny" if denied else "allowed"}
            if action in self.conditional:
                result |= {"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:RequestTag/team"]}
            results.append(result)
        parsed = {
            "EvaluationResults": results,
            "IsTruncated": False,
            "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}},
        }
        return AWSResponse("http://127.0.0.1", 200, {}, _Body(b"<SimulatePrincipalPolicyResponse/>")), parsed


class _Body(io.BytesIO):
    """What came, as urllib3 gives it. It was parsed already: only whose document it is can be asked."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
