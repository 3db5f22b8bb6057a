"""Execute: the instructions of a plan, one after the other.

In:   a plan, clients.
Out:  effects; `Conflict` when the account is not as the plan found it; DiagnosticError.

Not here: deciding anything. A plan that was cut short is not gone on with: another is made from what is there then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ...plans import Stopped
from .calls import calling, code
from .instructions import Instruction, Place, Plan, Step, filled

_ATTEMPTS = 7  # with the pauses between them about a minute: what SQS asks for before a name is used again

_CONFLICTS = frozenset(
    {
        # Somebody else has made it, or is changing it.
        "ConcurrentModification",
        "ConcurrentModificationException",
        "ConflictException",
        "EntityAlreadyExists",
        "QueueAlreadyExists",
        "QueueNameExists",
        "ResourceInUseException",
        "StateMachineAlreadyExists",
        # Somebody else has removed it, or put something into it.
        "AWS.SimpleQueueService.NonExistentQueue",
        "DeleteConflict",
        "NoSuchEntity",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "StateMachineDeleting",
    }
)
_CONFLICT_TEXTS = (("ValidationException", "since it has targets"),)
"""The same, where only the message says it: (error code, part of it)."""
_CALLERS = "is not authorized to perform"
"""How IAM words a refusal of the caller (IAM User Guide, "Troubleshoot access denied error messages")."""


class Conflict(Exception):
    """The account has changed since the plan was made. `problem` is what to say if it never settles."""

    def __init__(self, problem: DiagnosticError, instruction: Instruction) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.instruction = instruction


def execute(
    place: Place, plan: Plan, told: Callable[[Step], None], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Carry out `plan`; `told` is called with each step once all its instructions are carried out."""
    results: dict[str, Any] = {}
    for number, step in enumerate(plan.steps):
        for calls, instruction in enumerate(step.instructions):
            try:
                _carry_out(place, instruction, results, sleep)
            except DiagnosticError as refused:
                left = (item for item in plan.steps[number + 1 :] if item.instructions)
                raise Stopped(refused, step, calls, len(step.instructions), left) from refused
        told(step)


def _carry_out(place: Place, instruction: Instruction, results: dict[str, Any], sleep: Callable[[float], None]) -> None:
    from botocore.exceptions import ClientError

    arguments = filled(instruction.arguments, results)
    for attempt in range(_ATTEMPTS):
        try:
            with calling(instruction.action, instruction.resource):
                answer = _call(place, instruction, arguments)
            break
        except DiagnosticError as problem:
            error = problem.__cause__
            if not isinstance(error, ClientError):
                raise
            name, text = code(error), str(error).lower()
            if name in instruction.done:
                answer = {}
                break
            # What the caller may not do stays so; the text names the caller, whose name may have `role` in it.
            passes = _CALLERS not in text and any(name == one and part in text for one, part in instruction.again)
            if passes and attempt < _ATTEMPTS - 1:
                sleep(2.0**attempt)
                continue
            if name in _CONFLICTS or any(name == one and part in text for one, part in _CONFLICT_TEXTS):
                raise Conflict(problem, instruction) from error
            raise
    failed = answer.get("FailedEntries") if answer.get("FailedEntryCount") else None
    if failed:  # these calls answer 200 and list what failed
        text = "; ".join(
            f"{item.get('TargetId')}: {item.get('ErrorCode')} {item.get('ErrorMessage')}" for item in failed
        )
        refused = DiagnosticError(
            [Diagnostic("FT704", f"AWS refused {instruction.action} on {instruction.resource}", notes=(text,))]
        )
        if any(item.get("ErrorCode") in _CONFLICTS for item in failed):
            raise Conflict(refused, instruction)
        raise refused
    if instruction.logical:
        results[instruction.logical] = answer[instruction.gives]


def _call(place: Place, instruction: Instruction, arguments: dict[str, Any]) -> dict[str, Any]:
    client = place.clients[instruction.service]
    if instruction.waits:
        client.get_waiter(instruction.operation).wait(**arguments, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
        return {}
    answer: dict[str, Any] = getattr(client, instruction.operation)(**arguments) or {}
    return answer
