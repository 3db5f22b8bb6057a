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
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
    judge: Callable[[Plan], None] = lambda plan: None,
    before: Callable[[], None] = lambda: None,
    told: Callable[[Step], None] = lambda step: None,
    sleep: Callable[[float], None] = time.sleep,
    clients: Clients | None = None,
) -> list[Step]:
    """Deploy `template`. `values` are of its parameters and win over their defaults.

    `replaces` are deployed names: what is deployed under them goes when this flow is there. `judge` may raise
    DiagnosticError for the first plan, `before` is called once it is made and nothing speaks against it, `told` with
    each step when it is done. `clients` are used in place of new ones.
    Raises DiagnosticError: FT002, FT502, FT703 and FT705 (unless `accept_changes`) before any effect, FT701 to FT704 at
    the call that failed; what was made before it stays, and a repetition goes on.
    """
    begun = begin(
        template,
        values,
        settings,
        accept_changes=accept_changes,
        replaces=replaces,
        judge=judge,
        before=before,
        told=told,
        sleep=sleep,
        clients=clients or Clients(make_client),
    )
    return begun.settle()


def begin(
    template: dict[str, Any],
    values: dict[str, str],
    settings: Settings,
    *,
    clients: Clients,
    looked: Clients | None = None,
    accept_changes: bool = False,
    replaces: Sequence[str] = (),
    judge: Callable[[Plan], None] = lambda plan: None,
    before: Callable[[], None] = lambda: None,
    told: Callable[[Step], None] = lambda step: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Rounds:
    """A `create` that is yet to be carried out; `looked` answers for its first plan what was seen a while ago."""
    missing = missing_values(template, values, settings)
    if missing:
        raise DiagnosticError(missing)
    place = where(deployed_as(template), clients)
    known: dict[str, set[str]] = {}
    asked = False

    def next_plan(whom: Clients) -> Plan:
        nonlocal asked
        found = plan_create(template, values, whom, known, replaces)
        if found.changes and not accept_changes:
            raise DiagnosticError([changes(found)])
        if not asked:  # later plans are of what has been asked about, and of what others have changed
            asked = True
            judge(found)
            refused = refused_patterns(place, found)
            if refused:
                raise DiagnosticError(refused)
        return found

    return Rounds(next_plan, place, before=before, told=told, sleep=sleep, looked=looked)


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

    def next_plan(whom: Clients) -> Plan:
        return plan_delete(deployed, whom, known, flow, drop_waiting=drop_waiting)

    return Rounds(next_plan, place, told=told, sleep=sleep).settle()


class Rounds:
    """Plan and execute until there is nothing left to do: another `create` may work on the same objects, and what
    AWS answers right after a change may be what was before it. A deployment that stops says what exists now.

    `done` are the steps that were taken.
    """

    def __init__(
        self,
        next_plan: Callable[[Clients], Plan],
        place: Place,
        *,
        before: Callable[[], None] = lambda: None,
        told: Callable[[Step], None],
        sleep: Callable[[float], None],
        looked: Clients | None = None,
    ) -> None:
        self._next_plan, self._place, self._before, self._told, self._sleep = next_plan, place, before, told, sleep
        self._looked = looked
        self.done: list[Step] = []
        self._carried_out: set[tuple[str, str]] = set()
        self._left: tuple[Instruction, ...] = ()
        self._conflicts: list[Conflict] = []
        self._took = 0.0
        self._number = 0
        self._over = False

    def first(self) -> list[Step]:
        """Carry out a plan. Nobody has looked yet whether it has come out: `confirm` or `settle` does."""
        with self._telling_what_exists():
            while not self._over and (not self._number or self._conflicts):
                self._round()
        return self.done

    def confirm(self, looked: Clients) -> list[Step]:
        """As `settle`, where `looked` has seen the account since: of what it does not show as it shall be, AWS is
        asked itself, because lists are behind."""
        if not self._over:
            try:
                found = self._next_plan(looked)
                self._over = found.same or _shown_late(found, self._carried_out)
            except DiagnosticError:
                pass  # said by a list; AWS itself says it too, if it is so
        return self.settle()

    def settle(self) -> list[Step]:
        """Go on until nothing is left to do; all that was done."""
        with self._telling_what_exists():
            while not self._over:
                self._round()
        return self.done

    @contextmanager
    def _telling_what_exists(self) -> Iterator[None]:
        try:
            yield
        except DiagnosticError as error:
            changed = (str(step) for step in self.done if step.instructions)
            raise half_way(error, changed, f"the deployment of {self._place.deployed}") from error

    def _round(self) -> None:
        number = self._number
        if number == _ROUNDS:
            raise self._never_still()
        if number > 1 or self._conflicts:
            # Two that hinder each other part when one pauses for longer than the other needs. AWS shows some changes
            # only after a minute.
            pause = random.uniform(0, 2.0 ** min(number, 4)) * max(self._took, 0.5)  # noqa: S311
            self._sleep(max(pause, 10) if number > _ROUNDS - 7 and not self._conflicts else pause)
        began = time.monotonic()
        found = self._next_plan((not number and self._looked) or self._place.clients)
        self._number += 1
        if number and (found.same or _shown_late(found, self._carried_out)):
            self._over = True
            return
        if not number:
            self._before()
        try:
            execute(self._place, found, self._tell, self._sleep)
            self._conflicts = []
        except Conflict as conflict:
            self._conflicts.append(conflict)
            if _stands_still(self._conflicts):
                raise conflict.problem from conflict
        self._took = time.monotonic() - began
        self._over = found.same
        self._left = found.instructions

    def _tell(self, step: Step) -> None:
        self._carried_out.update((item.operation, item.resource) for item in step.instructions)
        known = {(one.verb, one.type, one.name) for one in self.done}
        named = {(one.type, one.name) for one in self.done}
        if (step.verb, step.type, step.name) not in known and not (
            step.verb in ("unchanged", "kept") and (step.type, step.name) in named
        ):
            self.done.append(step)
            self._told(step)

    def _never_still(self) -> DiagnosticError:
        what = sorted({item.resource for item in self._left})
        return DiagnosticError(
            [
                Diagnostic(
                    "FT704",
                    f"the objects of {self._place.deployed} keep changing while they are deployed",
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
