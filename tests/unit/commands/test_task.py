"""The commands that were deployed, run as Batch would run them: an event's payload arrives in the run.

The emulated AWS keeps the code package and the artifacts; each task is a subprocess with the environment of its job.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worlds.upstream.emulated_aws import emulated_aws

from .conftest import Run, clean
from .test_create_delete import USER, clients

FLOW = """
from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger


@trigger(event={'name': 'order-placed', 'parameters': {
    'order_id': 'orderId', 'Amount': 'order.amount', 'lines': 'lines', 'env': {'value': 'production'}}})
class Order(FlowSpec):
    order_id = Parameter('order_id', type=str, required=True)
    amount = Parameter('Amount', type=float, default=1.5)
    lines = Parameter('lines', type=JSONType, default='[]')
    env = Parameter('env', default='laptop')

    @step
    def start(self):
        self.seen = current.trigger and [current.trigger.event_name, current.trigger.payload, current.trigger.id]
        self.next(self.end)

    @step
    def end(self):
        self.seen_later = current.trigger and current.trigger.payload


if __name__ == "__main__":
    Order()
"""

HOSTILE = 'it\'s "so" $(touch pwned) `touch pwned` {{x}} <y> ${HOME}\\ \n\u2028 \U0001f600 ' + "long " * 40_000


@pytest.fixture(scope="module")
def aws():
    with emulated_aws() as running:
        yield running


def states(definition: dict) -> list[dict]:
    return [definition["States"]["start"], definition["States"]["end"]]


def run_task(state: dict, aws, work: Path, execution: str, job: str, parent: str, parameters: str) -> str:
    """Run one task's command with its job's environment; the paths of the context are filled in as the service does."""
    paths = {"$$.Execution.Name": execution, "$.Parameters['metaflow.run_id']": execution}
    paths |= {"$.JobId": parent, "$.Parameters": parameters}
    overrides = state["Parameters"]["ContainerOverrides"]
    environment = clean(work, **{key: aws.environment[key] for key in aws.environment if key.startswith("AWS_")})
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for item in overrides["Environment"]:
        environment[item["Name"]] = item["Value"] if "Value" in item else paths[item["Value.$"]]
    environment |= {"AWS_BATCH_JOB_ID": job, "AWS_BATCH_JOB_ATTEMPT": "1", "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1"}
    environment |= {"AWS_BATCH_CE_NAME": "x", "AWS_BATCH_JQ_NAME": "x", "AWS_EXECUTION_ENV": "x"}
    folder = work / job
    folder.mkdir()
    # The container has no metaflow of its own: the code package brings it.
    done = subprocess.run(
        overrides["Command"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert not list(folder.rglob("pwned"))
    return done.stdout + done.stderr


def deployed(run: Run, aws, tmp_path: Path) -> dict:
    (tmp_path / "order.py").write_text(FLOW)
    settings = {**USER, **aws.environment}
    made = run("order.py", "--no-pylint", "step-functions", "create", cwd=tmp_path, settings=settings)
    assert made.code == 0, made.err
    stepfunctions = clients(aws)("stepfunctions")
    machines = stepfunctions.list_state_machines()["stateMachines"]
    arn = next(item["stateMachineArn"] for item in machines if item["name"] == "Order")
    return json.loads(stepfunctions.describe_state_machine(stateMachineArn=arn)["definition"])


def test_an_event_arrives_in_the_run(run: Run, aws, tmp_path: Path):
    definition = deployed(run, aws, tmp_path)
    payload = {"orderId": HOSTILE, "order": {"amount": 99.99}, "lines": [{"n": 12345678901234567890}], "more": None}
    event = {
        "version": "0",
        "id": "bus-id",
        "detail-type": "order-placed",
        "source": "metaflow",
        "time": "2026-01-01T00:00:00Z",
        "resources": ["metaflow-triggers:event/our-id"],
        "detail": payload,
    }
    execution = "event-" + hashlib.sha256(b"Order metaflow-triggers:event/our-id").hexdigest()
    document = {
        "version": 1,
        "dependencies": [
            {
                "kind": "event",
                "name": "order-placed",
                "auto_map": False,
                "mappings": [
                    {"parameter": "order_id", "field": "orderId"},
                    {"parameter": "Amount", "field": "order.amount"},
                    {"parameter": "lines", "field": "lines"},
                    {"parameter": "env", "constant_json": '"production"'},
                ],
            }
        ],
        "events": [{"transport": "eventbridge", "event": event}],
    }
    clients(aws)("s3").put_object(
        Bucket="mf-test",
        Key=f"metaflow/Order/_triggers/sfn-{execution}.json",
        Body=json.dumps(document).encode(),
    )
    start, end = states(definition)
    run_task(start, aws, tmp_path, execution, "job-start", "", "{}")
    output = run_task(end, aws, tmp_path, execution, "job-end", "job-start", "{}")
    assert "Traceback" not in output
    data = artifact_values(aws, tmp_path, execution)
    assert data["order_id"] == HOSTILE
    assert data["amount"] == 99.99
    assert data["lines"] == [{"n": 12345678901234567890}]
    assert data["env"] == "production"
    assert data["seen"] == ["order-placed", payload, "our-id"]
    assert data["seen_later"] == payload


def artifact_values(aws, tmp_path: Path, execution: str) -> dict:
    """The artifacts of the end task, read from the datastore by Metaflow's own code."""
    code = (
        "import json, sys\n"
        "from metaflow.datastore import FlowDataStore\n"
        "from metaflow.plugins import DATASTORES\n"
        "s3 = next(cls for cls in DATASTORES if cls.TYPE == 's3')\n"
        "store = FlowDataStore('Order', storage_impl=s3, ds_root='s3://mf-test/metaflow')\n"
        "task = store.get_task_datastore(sys.argv[1], 'end', 'job-end', attempt=0)\n"
        "names = ['order_id', 'amount', 'lines', 'env', 'seen', 'seen_later']\n"
        "print('RESULT' + json.dumps(dict(task.load_artifacts(names))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"sfn-{execution}"],
        cwd=tmp_path,
        env=clean(tmp_path, **USER, **aws.environment),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("RESULT")[2])


def test_a_run_by_hand_has_its_values_and_no_trigger(run: Run, aws, tmp_path: Path):
    definition = deployed(run, aws, tmp_path)
    start, end = states(definition)
    by_hand = json.dumps({"order_id": HOSTILE[:2000], "Amount": 3, "lines": '{"a": [null, "$HOME"]}'})
    execution = "by-hand-1"
    (tmp_path / "hand").mkdir()
    run_task(start, aws, tmp_path / "hand", execution, "job-start", "", by_hand)
    run_task(end, aws, tmp_path / "hand", execution, "job-end", "job-start", "{}")
    data = artifact_values(aws, tmp_path, execution)
    assert data["order_id"] == HOSTILE[:2000]
    assert data["amount"] == 3.0
    assert data["lines"] == {"a": [None, "$HOME"]}
    assert data["env"] == "laptop"
    assert data["seen"] is None and data["seen_later"] is None
