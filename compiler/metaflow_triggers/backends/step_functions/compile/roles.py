"""Roles: which roles of a flow's triggers the template makes, and which a setting gives.

In:   the logical name of a role, settings.
Out:  the value of `RoleArn`.

Not here: what a role allows (`templates/step_functions/*_role.json.j2`), roles of the flow's own state machine and
tasks, which settings always give.
"""

from __future__ import annotations

from typing import Any

from ....model.settings import Settings

RULES, SCHEDULER, STARTER = "RulesRole", "SchedulerRole", "StarterRole"
POLLER, POLL_MACHINE = "PollerRole", "PollMachineRole"
CORRELATORS = ("EventCorrelatorRole", "FinishCorrelatorRole")

PARAMETERS = {
    RULES: "EventsRoleArn",
    SCHEDULER: "SchedulerRoleArn",
    STARTER: "StarterRoleArn",
    POLLER: "PollerRoleArn",
    POLL_MACHINE: "PollMachineRoleArn",
    **dict.fromkeys(CORRELATORS, "CorrelatorRoleArn"),
}
"""Logical name of a role -> the template's parameter that stands for it when a setting gives it."""


def is_made(logical: str, settings: Settings) -> bool:
    """Whether the template makes the role itself."""
    given = {
        "EventsRoleArn": settings.events_role,
        "SchedulerRoleArn": settings.scheduler_role,
        "PollerRoleArn": settings.poller_role,
        "PollMachineRoleArn": settings.poll_machine_role,
        "StarterRoleArn": settings.starter_role,
        "CorrelatorRoleArn": settings.correlator_role,
    }
    return given[PARAMETERS[logical]] is None


def arn(logical: str, settings: Settings) -> dict[str, Any]:
    """The role's ARN as a value of CloudFormation."""
    return {"Fn::GetAtt": [logical, "Arn"]} if is_made(logical, settings) else {"Ref": PARAMETERS[logical]}
