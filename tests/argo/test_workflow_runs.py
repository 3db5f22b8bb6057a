"""A Workflow that an event created runs: the deployed commands, the real Metaflow, its code package and its client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.test_create_delete import aws, kubernetes  # noqa: F401 - fixtures

from .created_workflows import Cluster, cluster
from .workflow_runner import why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

LINEAR = """
from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger


@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderId', 'lines': 'lines'}})
class Order(FlowSpec):
    order_id = Parameter('order_id', required=True)
    lines = Parameter('lines', type=JSONType, default='[]')
    env = Parameter('env', default='laptop')

    @step
    def start(self):
        self.seen = [current.trigger.event_name, current.trigger.payload, current.trigger.id]
        self.next(self.end)

    @step
    def end(self):
        self.seen_later = current.trigger.payload
        self.tags = sorted(current.tags)


if __name__ == "__main__":
    Order()
"""

HOSTILE = 'it\'s "so" $(touch pwned) `touch pwned` {{workflow.name}} {{=1}} <y> ${HOME}\\ \n\u2028 \U0001f600'


@pytest.fixture
def place(kubernetes, aws, tmp_path: Path):  # noqa: F811
    with cluster(kubernetes, aws, tmp_path) as made:
        yield made


def test_a_linear_flow_runs_and_the_client_reads_it(place: Cluster):
    place.create("order.py", LINEAR)
    payload = {"orderId": HOSTILE, "lines": [{"n": 12345678901234567890}]}
    workflow = place.start("order", {"name": "order-placed", "id": "our-id", "timestamp": 1, "payload": payload})
    name = workflow["metadata"]["name"]
    assert place.runner.run(workflow) == "Succeeded", place.runner.output(name)
    told = place.read(
        "namespace(None)\nrun = Flow('Order').latest_run\n"
        "tell([run.id, run.successful, run['start'].task.data.seen, run['end'].task.data.seen_later,"
        " run['start'].task.data.order_id, run['start'].task.data.lines, sorted(run.tags), run.data.env])"
    )
    assert told[:2] == [f"argo-{name}", True]
    assert told[2] == ["order-placed", payload, "our-id"] and told[3] == payload
    assert told[4:6] == [HOSTILE, payload["lines"]] and told[7] == "laptop"
    assert not list(place.folder.rglob("pwned"))
