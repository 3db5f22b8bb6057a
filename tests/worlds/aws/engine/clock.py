"""Clock: what EventBridge Scheduler does between two moments, by the schedules that were deployed.

In:   an engine, a flow's deployed name, two moments.
Out:  the starts of the schedules' targets, with their own input.

Not here: what a cron expression means (`metaflow_triggers.language.cron`, which has its own tests). The emulator's
Scheduler has a clock that nobody can set, so it does not fire (`server/corrections.py`); expression, timezone, target
and input are read from the account.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.language import cron

from .engine import Engine


@dataclass(frozen=True)
class Scheduler:
    """The schedules of deployed flows."""

    engine: Engine
    deployed: tuple[str, ...]

    def pass_time(self, since: datetime, until: datetime) -> None:
        """Fire what falls due after `since` and until `until`, in order."""
        due = []
        for one in self._schedules():
            fields = one["ScheduleExpression"].removeprefix("cron(").removesuffix(")")
            second = timedelta(seconds=1)
            times = cron.fires(fields, one.get("ScheduleExpressionTimezone"), since + second, until + second)
            due += [(moment, one["Name"], one["Target"]) for moment in times]
        for _, _, target in sorted(due, key=lambda item: item[:2]):
            self.engine.client("stepfunctions").start_execution(
                stateMachineArn=target["Arn"], name=f"scheduled-{uuid.uuid4()}", input=target["Input"]
            )
            self.engine.wait(jobs=False)

    def _schedules(self) -> list[dict[str, Any]]:
        client = self.engine.client("scheduler")
        groups = {names.schedule_group_name(name) for name in self.deployed}
        listed = [item for item in client.list_schedules()["Schedules"] if item["GroupName"] in groups]
        found = [client.get_schedule(GroupName=item["GroupName"], Name=item["Name"]) for item in listed]
        return [item for item in found if item["State"] == "ENABLED"]
