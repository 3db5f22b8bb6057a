"""A Workflow that an event created runs: the deployed commands, the real Metaflow, its code package and its client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture

from ..kubernetes.both import cluster as kubernetes
from .created_workflows import Cluster, cluster
from .workflow_runner import why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

HOSTILE = 'it\'s "so" $(touch pwned) `touch pwned` {{workflow.name}} {{=1}} {{ name <y> ${HOME}\\ \n\u2028 \U0001f600'

HEAD = f"""
from os import environ
from metaflow import FlowSpec, JSONType, Parameter, catch, current, environment, project, retry, step, trigger
from metaflow import trigger_on_finish

HOSTILE = {HOSTILE!r}
"""
TAIL = """

if __name__ == "__main__":
    {name}()
"""

ORDER = """
@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderId', 'lines': 'lines'}})
class Order(FlowSpec):
    order_id = Parameter('order_id', required=True)
    lines = Parameter('lines', type=JSONType, default='[]')
    env = Parameter('env', default='{{workflow.name}} {{=1}}')

    @environment(vars={'TEXT': HOSTILE})
    @step
    def start(self):
        self.text = environ['TEXT']
        self.seen = [current.trigger.event_name, current.trigger.payload, current.trigger.id]
        self.next(self.end)

    @step
    def end(self):
        self.seen_later = current.trigger.payload
        if not self.lines:
            raise ValueError('no "lines" $(touch pwned) {{workflow.name}}')
"""

SHAPES = """
@trigger(event={'name': 'grid', 'parameters': ['rows']})
class Shapes(FlowSpec):
    rows = Parameter('rows', type=int)

    @step
    def start(self):
        self.next(self.each_row, self.beside, self.gives_up)

    @step
    def each_row(self):
        self.numbers = list(range(self.rows))
        self.next(self.row, foreach='numbers')

    @step
    def row(self):
        self.row_number = self.input
        self.cells = ['a', 'b'][:self.input + 1]
        self.next(self.cell, foreach='cells')

    @retry(times=1, minutes_between_retries=0)
    @step
    def cell(self):
        if self.input == 'b' and current.retry_count == 0:
            raise ValueError('once')
        self.made = f'{self.row_number}{self.input}{current.retry_count}'
        self.next(self.join_cells)

    @step
    def join_cells(self, inputs):
        self.made = [one.made for one in inputs]
        self.next(self.join_rows)

    @step
    def join_rows(self, inputs):
        self.made = [one.made for one in inputs]
        self.next(self.join)

    @step
    def beside(self):
        self.made = current.trigger.payload
        self.next(self.join)

    @catch(var='problem')
    @step
    def gives_up(self):
        if current.retry_count == 0:
            raise ValueError('attempt 0')
        self.next(self.join)

    @step
    def join(self, inputs):
        self.all_made = [inputs.join_rows.made, inputs.beside.made, str(inputs.gives_up.problem)]
        self.next(self.end)

    @step
    def end(self):
        pass
"""

SWITCH = """
@trigger(event={'name': 'sized', 'parameters': ['size']})
class Sized(FlowSpec):
    size = Parameter('size', default='small')

    @step
    def start(self):
        self.next({'small': self.small, 'large': self.large}, condition='size')

    @step
    def small(self):
        self.taken = 'small'
        self.next(self.end)

    @step
    def large(self):
        self.taken = 'large'
        self.next(self.end)

    @step
    def end(self):
        print(self.taken)
"""

IN_PROJECT = """
@project(name='shop')
@trigger(event={'name': 'stock', 'parameters': ['count']})
class Stock(FlowSpec):
    count = Parameter('count', type=int)

    @step
    def start(self):
        self.where = [current.project_name, current.branch_name, current.is_production, current.namespace]
        self.next(self.end)

    @step
    def end(self):
        self.known = sorted(current.tags)
"""


@pytest.fixture
def place(aws, tmp_path: Path):  # noqa: F811
    with kubernetes() as server:
        server.settings = server.kubeconfig(tmp_path)
        with cluster(server, aws, tmp_path) as made:
            yield made


def flow(text: str) -> str:
    return HEAD + text + TAIL.format(name=text.partition("class ")[2].partition("(")[0])


def event(name: str, payload: Any, identity: str = "our-id") -> dict[str, Any]:
    return {"name": name, "id": identity, "timestamp": 1, "payload": payload, "keys": sorted(payload)}


def test_a_run_is_read_by_the_client_and_its_outcome_arrives(place: Cluster):
    place.create("order.py", flow(ORDER))
    payload = {"orderId": HOSTILE, "lines": [{"n": 12345678901234567890}]}
    workflow = place.start("order", event("order-placed", payload))
    name = workflow["metadata"]["name"]
    assert place.runner.run(workflow) == "Succeeded", place.runner.output(name)
    told = place.read(
        "namespace(None)\nrun = Flow('Order').latest_run\n"
        "start, data = run['start'].task.data, run['end'].task.data\n"
        "tell([run.id, run.successful, start.seen, data.seen_later, data.order_id, data.lines, data.env, start.text])"
    )
    assert told[:2] == [f"argo-{name}", True]
    assert told[2] == ["order-placed", payload, "our-id"] and told[3] == payload
    assert told[4:] == [HOSTILE, payload["lines"], "{{workflow.name}} {{=1}}", HOSTILE]
    assert not list(place.folder.rglob("pwned"))
    assert place.kubernetes.objects("workflows")[f"default/{name}"]["status"]["phase"] == "Succeeded"

    (outcome,) = place.posted()
    assert (outcome["name"], outcome["id"]) == ("metaflow.outcome.order.success", f"argo-{name}/success")
    posted = {path: headers["Authorization"] for _, path, headers, _ in place.webhook.requests}
    assert posted == {
        "/outcomes": f"Bearer {place.secret('metaflow-triggers-outcomes')}",
        "/events": f"Bearer {place.secret('metaflow-triggers-webhook')}",
    }


@pytest.mark.long
def test_of_a_step_that_fails_the_error_arrives(place: Cluster):
    place.create("order.py", flow(ORDER))
    workflow = place.start("order", event("order-placed", {"orderId": "2"}, "another"))
    name = workflow["metadata"]["name"]
    assert place.runner.run(workflow) == "Failed"
    told = place.read(
        "namespace(None)\nrun = Flow('Order').latest_run\n"
        "tell([run.successful, run['start'].task.successful, str(run['end'].task.exception)])"
    )
    assert told[:2] == [False, True] and "ValueError" in told[2]
    (outcome,) = place.posted()
    assert (outcome["name"], outcome["id"]) == ("metaflow.outcome.order.failure", f"argo-{name}/failure")
    assert outcome["payload"]["flow"] == "Order" and outcome["payload"]["step"] == "end"
    assert 'no "lines" $(touch pwned) {{workflow.name}}' in outcome["payload"]["error"]
    assert not list(place.folder.rglob("pwned"))


@pytest.mark.long
def test_branches_nested_foreachs_retries_and_a_caught_error(place: Cluster):
    place.create("shapes.py", flow(SHAPES))
    workflow = place.start("shapes", event("grid", {"rows": 2}))
    name = workflow["metadata"]["name"]
    assert place.runner.run(workflow) == "Succeeded", place.runner.output(name)
    told = place.read(
        "namespace(None)\nrun = Flow('Shapes').latest_run\n"
        "tell([run.successful, run['join'].task.data.all_made, sorted(len(list(step)) for step in run)])"
    )
    assert told[0] is True
    made, payload, caught = told[1]
    assert (made, payload) == ([["0a0"], ["1a0", "1b1"]], {"rows": 2}) and "attempt 0" in caught
    retried = [node for node in place.runner.nodes[name] if node.bad]
    assert [node.message[:24] for node in retried] == ["main: Error (exit code 1"]
    assert [one["name"] for one in place.posted()] == ["metaflow.outcome.shapes.success"]


@pytest.mark.long
@pytest.mark.parametrize("size", ["small", "large"])
def test_of_a_switch_one_branch_runs(place: Cluster, size: str):
    place.create("sized.py", flow(SWITCH))
    workflow = place.start("sized", event("sized", {"size": size}, size))
    name = workflow["metadata"]["name"]
    assert place.runner.run(workflow) == "Succeeded", place.runner.output(name)
    told = place.read(
        "namespace(None)\nrun = Flow('Sized').latest_run\ntell([run.data.taken, sorted(s.id for s in run)])"
    )
    assert told == [size, sorted(["start", size, "end"])]


@pytest.mark.long
@pytest.mark.parametrize("production", [False, True], ids=["user", "production"])
def test_a_run_of_a_project_has_its_branch_and_the_production_namespace(place: Cluster, production: bool):
    options = ("--production",) if production else ()
    place.create("stock.py", flow(IN_PROJECT), *options)
    branch = "prod" if production else "user.tester"
    deployed = f"shop.{branch}.stock"
    workflow = place.start(deployed, event("stock", {"count": 3}))
    name = workflow["metadata"]["name"]
    assert place.runner.run(workflow) == "Succeeded", place.runner.output(name)
    (template,) = place.kubernetes.objects("workflowtemplates").values()
    token = template["metadata"]["annotations"]["metaflow/production_token"]
    told = place.read(
        "from metaflow.exception import MetaflowNamespaceMismatch\n"
        "namespace('production:' + sys.argv[1])\nrun = Flow('Stock').latest_run\n"
        "namespace('user:tester')\n"
        "try:\n    Flow('Stock')\n    mine = True\nexcept MetaflowNamespaceMismatch:\n    mine = False\n"
        "namespace(None)\n"
        "tell([run.id, run['start'].task.data.where, run.data.count, sorted(run.tags), mine])",
        token,
    )
    assert told[0] == f"argo-{name}" and told[2] == 3
    assert told[1] == ["shop", branch, production, f"production:{token}"]
    assert {"project:shop", f"project_branch:{branch}", f"production:{token}"} <= set(told[3])
    assert told[4] is False
    outcome = place.posted()[0]
    assert outcome["name"] == f"metaflow.outcome.{deployed}.success"
    assert (outcome["payload"]["project"], outcome["payload"]["branch"]) == ("shop", branch)
