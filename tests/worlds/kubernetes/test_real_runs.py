"""What Argo's own controller alone can tell of flows: when a CronWorkflow of ours starts a run, and when not."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture

from ..argo.conftest import which_cluster
from ..argo.created_workflows import Cluster
from ..argo.test_workflow_runs import place
from ..argo.workflow_runner import why_not
from .both import asked_of_both

__all__ = ["place", "which_cluster"]
pytest_generate_tests = asked_of_both
pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.long,  # a schedule is kept by the clock
]

ZONE = "Australia/Lord_Howe"
"""Its clocks change by half an hour, so what is emitted has every hour, and the guard has those that are meant."""

FLOW = """
from metaflow import FlowSpec, current, schedule, step

@schedule(cron='{cron}', timezone='{zone}')
class {name}(FlowSpec):
    @step
    def start(self):
        self.began_by = current.trigger
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""


def made_by(place: Cluster, schedule: str) -> list[Any]:
    """The Workflows of a CronWorkflow."""
    label = "workflows.argoproj.io/cron-workflow"
    every = place.kubernetes.objects("workflows").values()
    return [item for item in every if item["metadata"].get("labels", {}).get(label) == schedule]


def test_a_schedule_starts_runs_in_its_zones_hours_and_in_no_other(place: Cluster) -> None:
    hour = datetime.now(ZoneInfo(ZONE)).hour
    hours = {"Meant": (hour, (hour + 1) % 24), "Other": ((hour + 10) % 24, (hour + 11) % 24)}
    for name, (first, second) in hours.items():
        cron = f"* {first},{second} * * ? *"
        place.create(f"{name.lower()}.py", FLOW.format(cron=cron, zone=ZONE, name=name))
    schedules = {item["metadata"]["name"]: item for item in place.kubernetes.objects("cronworkflows").values()}
    assert {name: (item["spec"]["schedules"], item["spec"]["timezone"]) for name, item in schedules.items()} == {
        name: (["* * * * *"], ZONE) for name in ("meant", "other")
    }
    ends = time.monotonic() + 90
    while not (workflows := made_by(place, "meant")):
        assert time.monotonic() < ends, place.runner.log.read_text("utf-8", "replace")[-3000:]
        time.sleep(0.5)
    name = workflows[0]["metadata"]["name"]
    assert place.runner.run(workflows[0]) == "Succeeded", place.runner.output(name)
    told = place.read(
        "namespace(None)\nrun = Flow('Meant').latest_run\n"
        "tell([run.id, run.successful, run['start'].task.data.began_by])"
    )
    assert told == [f"argo-{name}", True, None]
    assert [body["name"] for body in place.posted()] == ["metaflow.outcome.meant.success"]
    assert not made_by(place, "other")
