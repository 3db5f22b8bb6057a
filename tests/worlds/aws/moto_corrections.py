"""Where moto (5.2.5) does unlike AWS what two deployments at once depend on.

In:   nothing.
Out:  moto's classes, changed in this process.

Not here: its interpreter of state machines (`emulator.py`).
"""

from __future__ import annotations

import json
from typing import Any


def correct() -> None:
    """Refuse what moto accepts, or fails at, and AWS refuses."""
    from moto.dynamodb.responses import DynamoHandler
    from moto.events.models import EventPattern
    from moto.events.responses import EventsHandler
    from moto.scheduler.exceptions import JsonRESTError, ScheduleGroupNotFound
    from moto.scheduler.models import EventBridgeSchedulerBackend as Scheduler
    from moto.sqs.models import Queue
    from moto.stepfunctions.exceptions import ResourceNotFound
    from moto.stepfunctions.models import StepFunctionBackend as States

    def first(owner: Any, method: str, check: Any) -> None:
        """Call `check` with the arguments of `owner.method`, then that."""
        inner = getattr(owner, method)

        def outer(self: Any, *values: Any, **named: Any) -> Any:
            check(self, *values, **named)
            return inner(self, *values, **named)

        setattr(owner, method, outer)

    def group_is_there(self: Any, **named: Any) -> None:
        if named["group_name"] not in self.schedule_groups:
            raise ScheduleGroupNotFound(named["group_name"])

    def group_is_gone(self: Any, name: str, **_: Any) -> None:
        if name not in self.schedule_groups:
            raise ScheduleGroupNotFound(name)

    def group_is_new(self: Any, name: str, **_: Any) -> None:
        if name in self.schedule_groups:
            raise JsonRESTError("ConflictException", f"Schedule group {name} already exists.")

    def machine_is_there(self: Any, arn: str, *_: Any) -> None:
        if not any(machine.arn == arn for machine in self.state_machines):
            raise ResourceNotFound(arn)

    def is_a_pattern(self: Any) -> str:
        EventPattern.load(self._get_param("EventPattern"))  # raises what PutRule raises
        return json.dumps({"Result": False})

    def forget_tags(self: Any, arn: str) -> None:
        self.tagger.delete_all_tags_for_resource(arn)

    def encrypted(self: Any) -> None:
        said = self.body.get("SSESpecification")
        if said is not None:
            self.dynamodb_backend.get_table(self.body["TableName"]).sse_specification = said

    def keeps_its_policy(self: Any, attributes: dict[str, Any], *_: Any, **__: Any) -> None:
        policy = getattr(self, "_policy_json", None)
        if policy and "Policy" not in attributes:
            attributes["Policy"] = json.dumps(policy)

    first(DynamoHandler, "update_table", encrypted)
    first(Queue, "_set_attributes", keeps_its_policy)
    EventsHandler.test_event_pattern = is_a_pattern  # type: ignore[method-assign]
    first(Scheduler, "create_schedule", group_is_there)
    first(Scheduler, "create_schedule_group", group_is_new)
    first(Scheduler, "delete_schedule_group", group_is_gone)
    first(States, "tag_resource", machine_is_there)
    first(States, "untag_resource", machine_is_there)
    first(States, "delete_state_machine", forget_tags)
