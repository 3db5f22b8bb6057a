"""Pattern questions: does EventBridge take the patterns that a plan would write?

In:   a plan, the place that it is for.
Out:  FT502 for each pattern that AWS refuses, in its own words.

Not here: changing anything; what we know of patterns ourselves (`compile.refusals`). PutRule would say the same, but
after half of a deployment. A question that AWS does not let this identity ask counts as answered with yes, as in
`preflight`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from .calls import calling, code
from .instructions import Place, Plan, Step
from .rules_and_schedules import RULE

_REFUSED = "InvalidEventPatternException"
_EVENT = {
    "id": "00000000-0000-0000-0000-000000000000",
    "source": "metaflow",
    "detail-type": "question",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}
"""An event with the fields that TestEventPattern asks for; whether it matches does not matter."""


def refused_patterns(place: Place, plan: Plan) -> list[Diagnostic]:
    """What AWS says against the patterns that are not in the account as they are. Raises DiagnosticError (FT701)."""
    return [found for step in plan.steps if _is_new(step) for found in _refusal(place, step)]


def _is_new(step: Step) -> bool:
    if step.type != RULE or not any(item.operation == "put_rule" for item in step.instructions):
        return False
    return bool(step.was is None or step.was["pattern"] != step.now["pattern"])


def _refusal(place: Place, step: Step) -> Iterator[Diagnostic]:
    from botocore.exceptions import ClientError

    # What does not exist yet stands in a pattern as an ARN, whatever it will be.
    text = json.dumps(step.now["pattern"], ensure_ascii=False, default=lambda result: f"arn:{result.logical}")
    try:
        with calling("events:TestEventPattern", step.name):
            place.clients["events"].test_event_pattern(EventPattern=text, Event=json.dumps(_EVENT))
    except DiagnosticError as error:
        cause: Any = error.__cause__
        if isinstance(cause, ClientError) and code(cause) == _REFUSED:
            yield Diagnostic(
                "FT502",
                f"AWS does not take the filter in the rule {step.name}",
                notes=(*error.diagnostics[0].notes, f"the pattern is {text[:500]}"),
                helps=("change the filter; nothing has been written",),
            )
        elif error.diagnostics[0].code == "FT701":
            raise
