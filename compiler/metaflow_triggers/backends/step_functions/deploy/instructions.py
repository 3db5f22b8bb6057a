"""Instructions: what `create` and `delete` do, as data.

In:   nothing; these are values.
Out:  `Instruction` (one call), `Step` (one object: what it is, and the calls that it needs), `Plan`.

Not here: making a plan (`plan.py`), carrying it out (`execute.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ...plans import numbered
from .calls import Clients

_ASKS = "describe_table"
"""What our waiters ask."""
_IAM_PREFIX = {"stepfunctions": "states"}


@dataclass(frozen=True)
class Result:
    """The reference of a resource that does not exist yet: known when an earlier instruction has made it."""

    logical: str


@dataclass(frozen=True)
class JsonText:
    """JSON text of a value, which may hold results."""

    value: Any


@dataclass(frozen=True)
class Instruction:
    """One call of a boto3 client. It can be repeated: what is done already stays as it is.

    `arguments` may hold `Result` and `JsonText`. `gives` is where the answer has the reference of `logical`.
    `waits`: `operation` is a waiter's name. `done`: error codes which say that there is nothing left to do.
    `again`: (error code, part of the message in small letters) of refusals that pass by themselves.
    """

    service: str
    operation: str
    arguments: dict[str, Any]
    resource: str
    logical: str = ""
    gives: str = ""
    waits: bool = False
    done: tuple[str, ...] = ()
    again: tuple[tuple[str, str], ...] = ()

    @property
    def action(self) -> str:
        """The call as IAM spells it: `events:PutRule`."""
        name = "".join(piece.capitalize() for piece in (_ASKS if self.waits else self.operation).split("_"))
        return f"{_IAM_PREFIX.get(self.service, self.service)}:{name}"

    def __str__(self) -> str:
        if self.waits:
            return f"wait until {self.operation} ({self.resource})"
        return f"{self.action} {self.resource}"


@dataclass(frozen=True)
class Step:
    """What happens to one object. `verb` is created, updated, unchanged, deleted or kept; `reason` says why kept.

    `was` is what the account has of it and `now` what it will have, as JSON values (None: nothing); results are in
    `now` as `Result`.
    """

    verb: str
    type: str
    name: str
    instructions: tuple[Instruction, ...] = ()
    was: Any = None
    now: Any = None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.type} {self.name}{f' ({self.reason})' if self.reason else ''}"


@dataclass(frozen=True)
class Planned:
    """A resource of the template: its step, and what `Ref` and `Fn::GetAtt` give."""

    step: Step
    ref: Any
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they are taken. `changes` are starts that exist today and would change, in words."""

    flow: str
    steps: tuple[Step, ...]
    changes: tuple[str, ...] = ()

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        return tuple(item for step in self.steps for item in step.instructions)

    @property
    def same(self) -> bool:
        """Whether the account has all of it and nothing else."""
        return not self.instructions

    def __str__(self) -> str:
        lines = numbered(self.instructions)
        lines += [f"     keep {step.type} {step.name} ({step.reason})" for step in self.steps if step.verb == "kept"]
        return "\n".join(lines) or "nothing to do"


@dataclass(frozen=True)
class Place:
    """Where a deployment goes, and the flow's name there. `seen` keeps what was read while one plan is made."""

    clients: Clients
    partition: str
    region: str
    account: str
    deployed: str
    seen: dict[str, Any] = field(default_factory=dict, compare=False)

    def arn(self, service: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def role_arn(self, name: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"


def filled(value: Any, results: dict[str, Any]) -> Any:
    """`value` with every `Result` and `JsonText` in it replaced. Raises KeyError for a result that is not known."""
    if isinstance(value, Result):
        return results[value.logical]
    if isinstance(value, JsonText):
        return json.dumps(filled(value.value, results), ensure_ascii=False)
    if isinstance(value, dict):
        return {key: filled(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, results) for item in value]
    return value


def part(found: Any, wanted: Any) -> Any:
    """What `found` has of that which `wanted` speaks of: the rest are AWS's defaults."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {key: part(found[key], wanted[key]) for key in wanted if key in found}
    if isinstance(wanted, list) and isinstance(found, list) and len(found) == len(wanted):
        return [part(one, other) for one, other in zip(found, wanted, strict=True)]
    return found
