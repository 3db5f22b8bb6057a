"""Deploy: a template's resources, made and removed with boto3.

In:   a template, values of its parameters; or a deployed name.
Out:  effects, and a list of `Step`: what was made, changed, left or removed.

Not here: compiling, planning (`plan.py`). `create` gives what CloudFormation would give of the same template, can be
repeated, also when it was cut short anywhere, and removes what an earlier template of the same flow had and this one
has not. It does not undo a failed half.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....model.settings import Settings
from ...plans import half_way
from ..compile.parameters import parameters as all_parameters
from .calls import Clients
from .execute import Conflict, execute
from .instructions import Instruction, Place, Plan, Step
from .pattern_questions import refused_patterns
from .plan import deployed_as, plan_create, plan_delete, where

_ROUNDS = 12
_SAME_CONFLICTS = 4


def missing_values(template: dict[str, Any], values: dict[str, str], settings: Settings) -> list[Diagnostic]:
    """FT002 for each parameter of the template that has neither a value nor a default."""
    known = {item.name: item for item in all_parameters(settings)}
    return [
        Diagnostic("FT002", f"{known[name].description} is not known", helps=(f"set {known[name].setting}",))
        for name, parameter in template.get("Parameters", {}).items()
        if name not in values and "Default" not in parameter
    ]


def plan(
    template: dict[str, Any],
    values: dict[str, str],
    settings: Settings,
    make_client: Callable[[str], Any] | None = None,
    *,
    clients: Clients | None = None,
) -> Plan:
    """What `create` would do. Raises DiagnosticError as `create` does; nothing is changed."""
    missing = missing_values(template, values, settings)
    if missing:
        raise DiagnosticError(missing)
    return plan_create(template, values, clients or Clients(make_client))


def create(
    template: dict[str, Any],
    values: dict[str, str],
    settings: Settings,
    make_client: Callable[[str], Any] | None = None,
    *,
    accept_changes: bool = False,
    replaces: Sequence[str] = (),
    before: Callable[[], None] = lambda: None,
    told: Callable[[Step], None] = lambda step: None,
    sleep: Callable[[float], None] = time.sleep,
    clients: Clients | None = None,
    looked: Clients | None = None,
) -> list[Step]:
    """Deploy `template`. `values` are of its parameters and win over their defaults.

    `replaces` are deployed names: what is deployed under them goes when this flow is there. `before` is called once the
    plan is made and nothing speaks against it, `told` with each step when it is done. `clients` are used in place of
    new ones; `looked` answers for the first plan what was seen a while ago.
    Raises DiagnosticError: FT002, FT502, FT703 and FT705 (unless `accept_changes`) before any effect, FT701 to FT704 at
    the call that failed; what was made before it stays, and a repetition goes on.
    """
    missing = missing_values(template, values, settings)
    if missing:
        raise DiagnosticError(missing)
    clients = clients or Clients(make_client)
    place = where(deployed_as(template), clients)
    known: dict[str, set[str]] = {}
    asked = False

    def next_plan() -> Plan:
        nonlocal asked
        found = plan_create(template, values, (not asked and looked) or clients, known, replaces)
        if found.changes and not accept_changes:
            raise DiagnosticError([changes(found)])
        if not asked:  # later plans are of what has been asked about, and of what others have changed
            asked = True
            refused = refused_patterns(place, found)
            if refused:
                raise DiagnosticError(refused)
        return found

    return _settle(next_plan, place, before, told, sleep)


def delete(
    deployed: str,
    make_client: Callable[[str], Any] | None = None,
    *,
    steps: Iterable[str] = (),
    flow: str | None = None,
    drop_waiting: bool = False,
    told: Callable[[Step], None] = lambda step: None,
    sleep: Callable[[float], None] = time.sleep,
    clients: Clients | None = None,
) -> list[Step]:
    """Remove everything that `create` made under `deployed`, and nothing else; [] if there is nothing.

    `steps` are the flow's steps: by their names job definitions are found that a `create` left which was cut short.
    `flow` is its name: what Metaflow alone deployed of it is removed as well.
    Job definitions stay while an execution of the flow runs: its later steps need them; the table and the queue while
    events wait in them, unless `drop_waiting`. Raises DiagnosticError.
    """
    clients, known = clients or Clients(make_client), tuple(steps)
    place = where(deployed, clients)

    def next_plan() -> Plan:
        return plan_delete(deployed, clients, known, flow, drop_waiting=drop_waiting)

    return _settle(next_plan, place, lambda: None, told, sleep)


def _settle(
    next_plan: Callable[[], Plan],
    place: Place,
    before: Callable[[], None],
    told: Callable[[Step], None],
    sleep: Callable[[float], None],
) -> list[Step]:
    """Plan and execute until there is nothing left to do: another `create` may work on the same objects, and what
    AWS answers right after a change may be what was before it. A deployment that stops says what exists now."""
    done: list[Step] = []
    try:
        return _until_nothing_is_left(next_plan, place, done, before=before, told=told, sleep=sleep)
    except DiagnosticError as error:
        changed = (str(step) for step in done if step.instructions)
        raise half_way(error, changed, f"the deployment of {place.deployed}") from error


def _until_nothing_is_left(
    next_plan: Callable[[], Plan],
    place: Place,
    done: list[Step],
    *,
    before: Callable[[], None],
    told: Callable[[Step], None],
    sleep: Callable[[float], None],
) -> list[Step]:
    carried_out: set[tuple[str, str]] = set()
    before_that: tuple[Instruction, ...] = ()
    conflicts: list[Conflict] = []
    took = 0.0

    def tell(step: Step) -> None:
        carried_out.update((item.operation, item.resource) for item in step.instructions)
        known = {(one.verb, one.type, one.name) for one in done}
        named = {(one.type, one.name) for one in done}
        if (step.verb, step.type, step.name) not in known and not (
            step.verb in ("unchanged", "kept") and (step.type, step.name) in named
        ):
            done.append(step)
            told(step)

    for number in range(_ROUNDS):
        if number > 1 or conflicts:
            # Two that hinder each other part when one pauses for longer than the other needs. AWS shows some changes
            # only after a minute.
            pause = random.uniform(0, 2.0 ** min(number, 4)) * max(took, 0.5)  # noqa: S311
            sleep(max(pause, 10) if number > _ROUNDS - 7 and not conflicts else pause)
        began = time.monotonic()
        found = next_plan()
        if number and (found.same or _shown_late(found, carried_out)):
            return done
        if not number:
            before()
        try:
            execute(place, found, tell, sleep)
            conflicts = []
        except Conflict as conflict:
            conflicts.append(conflict)
            if _stands_still(conflicts):
                raise conflict.problem from conflict
        took = time.monotonic() - began
        if found.same:
            return done
        before_that = found.instructions
    what = sorted({item.resource for item in before_that})
    raise DiagnosticError(
        [
            Diagnostic(
                "FT704",
                f"the objects of {place.deployed} keep changing while they are deployed",
                notes=(", ".join(what[:5]),),
                helps=("repeat the command when no other deployment of this flow is under way",),
            )
        ]
    )


def _shown_late(found: Plan, carried_out: Collection[tuple[str, str]]) -> bool:
    """Whether nothing is left but to remove what has been removed: AWS may show it for a minute."""
    left = [step for step in found.steps if step.instructions]
    return all(
        step.verb == "deleted" and all((item.operation, item.resource) in carried_out for item in step.instructions)
        for step in left
    )


def _stands_still(conflicts: Sequence[Conflict]) -> bool:
    """Whether the last calls that met a conflict were the same: then it is no other deployment."""
    last = [(item.instruction.operation, item.instruction.resource) for item in conflicts[-_SAME_CONFLICTS:]]
    return len(last) == _SAME_CONFLICTS and len(set(last)) == 1


def changes(found: Plan) -> Diagnostic:
    """FT705: what would start otherwise than it does."""
    return Diagnostic(
        "FT705",
        f"`{found.flow}` was deployed by Metaflow alone, and create would change what starts it",
        notes=found.changes,
        helps=(
            "make the flow say what is deployed, or remove the rule",
            "or give --accept-changes",
        ),
    )
