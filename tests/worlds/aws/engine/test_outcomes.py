"""Outcomes, shapes and AWS's own events, from the literal `create` to artifacts; the documents' chain verbatim.

All is deployed and sent once, in the fixture; `@project` and foreach included. A long campaign: each task is a process
of seconds.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.unit.commands.conftest import ROOT

from .engine import Engine
from .workshop import Workshop

pytestmark = pytest.mark.long

WATCH = """
@trigger_on_finish(flow='Ends', match='{match}', parameters={{'ended': 'run_id', 'outcome': 'outcome'}})
class On{match}(FlowSpec):
    ended = Parameter('ended')
    outcome = Parameter('outcome')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.payload = current.trigger.payload
"""

ENDS = """
@trigger(event={'name': 'end', 'parameters': ['how']})
class Ends(FlowSpec):
    how = Parameter('how')

    @step
    def start(self):
        if self.how == 'failure':
            raise ValueError('asked to fail')
        if self.how != 'success':
            import time
            time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

INGEST = """
@project(name='ml-platform')
@trigger(event=namespaced_event_name('begin'))
class Ingest(FlowSpec):
    @step
    def start(self):
        self.data = [3, 1, 2]
        self.next(self.end)

    @step
    def end(self):
        emit_event(namespaced_event_name('ingested'), {'rows': 3})
"""

TRANSFORM = """
@project(name='ml-platform')
@trigger_on_finish(flow='Ingest')
class Transform(FlowSpec):
    @step
    def start(self):
        self.latest = [Flow('Ingest').latest_run.pathspec, Flow('Ingest').latest_successful_run.pathspec]
        self.next(self.end)

    @step
    def end(self):
        self.parent = current.trigger.run.pathspec
        self.project = [current.trigger.payload['project'], current.trigger.payload['branch']]
"""

INGESTED = """
@project(name='ml-platform')
@trigger(event={'name': namespaced_event_name('ingested'), 'parameters': ['rows']})
class Ingested(FlowSpec):
    rows = Parameter('rows', type=int)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.id = current.trigger.id
"""

UPLOADED = """
@trigger(event={'name': 'uploaded', 'parameters': {'key': 'object.key'},
                'filter': {'bucket': {'name': ['uploads']}, 'object': {'key': [{'suffix': '.csv'}]}},
                'origin': {'step-functions': {'source': 'aws.s3', 'detail-type': 'Object Created'}}})
class Uploaded(FlowSpec):
    key = Parameter('key')

    @step
    def start(self):
        self.parts = [1, 2, 3]
        self.next(self.each, foreach='parts')

    @step
    def each(self):
        self.seen = (self.input, current.trigger.payload['object']['key'])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.all = sorted(item.seen for item in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture(scope="module")
def ran(engine: Engine, workshop: Workshop) -> Workshop:
    flows = {"ends": ENDS, "ingest": INGEST, "transform": TRANSFORM, "ingested": INGESTED, "uploaded": UPLOADED}
    flows |= {match: WATCH.format(match=match) for match in ("failure", "timeout", "aborted", "finish")}
    for name, text in flows.items():
        workshop.write(name, text)
    documented = write_the_documents(workshop.folder)
    engine.switch(keep_logs=False)
    workshop.create_all(*(name for name in flows if name != "ends"), *documented)
    # A laptop's runs, which no triggered run may find.
    for file in ("laptops_ingestion", "ingest"):
        done = workshop.python(f"flow_{file}.py", "--no-pylint", "--datastore", "s3", "run")
        assert done.code == 0, done.err
    workshop.create("ends", "--workflow-timeout", "100000")
    engine.put("end", {"how": "success"}, "succeeds")
    engine.put("end", {"how": "failure"}, "fails")
    engine.put("end", {"how": "stop me"}, "stopped")
    stop(engine, "stopped")
    for file in ("documented_ingestion", "project_ingestion"):
        workshop.python(f"flow_{file}.py", "--no-pylint", "step-functions", "trigger")
    engine.put("ml-platform.user.tester.begin", {}, "begins")
    upload(engine)
    engine.wait()
    workshop.create("ends", "--workflow-timeout", "1")
    engine.put("end", {"how": "time out"}, "takes long")
    engine.wait()
    return workshop


def write_the_documents(folder: Path) -> list[str]:
    """The documents' chain, its classes verbatim: as it is, in a project, on a laptop. What is fetched differs."""
    deployed = []
    for file in ("ingestion", "transform"):
        text = (ROOT / "examples" / "chaining" / f"{file}.py").read_text()
        in_project = re.sub(
            "^(@trigger_on_finish|class )", r"@project(name='documented')\n\1", text, count=1, flags=re.M
        )
        in_project = in_project.replace("import FlowSpec", "import project, FlowSpec").replace("[3, 1, 2]", "[30, 20]")
        for name, written in {
            f"documented_{file}": text,
            f"project_{file}": in_project,
            f"laptops_{file}": text.replace("[3, 1, 2]", "[0]"),
        }.items():
            (folder / f"flow_{name}.py").write_text(written)
        deployed += [f"documented_{file}", f"project_{file}"]
    return deployed


def run_of(engine: Engine, identity: str) -> str:
    """The name of the run of Ends that an event started."""
    return "event-" + hashlib.sha256(f"Ends end metaflow-triggers:event/{identity}".encode()).hexdigest()


def stop(engine: Engine, identity: str) -> None:
    states = engine.client("stepfunctions")
    arn = engine.machine("Ends").replace(":stateMachine:", ":execution:") + f":{run_of(engine, identity)}"
    while not any(item["executionArn"] == arn for item in engine.executions("Ends")):
        pass
    states.stop_execution(executionArn=arn, error="Stopped", cause="by somebody")


def upload(engine: Engine) -> None:
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="uploads")
    s3.create_bucket(Bucket="others")
    for bucket in ("uploads", "others"):
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    for bucket, key in (("uploads", "a.csv"), ("uploads", "a.txt"), ("others", "b.csv")):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")


@pytest.mark.parametrize(
    ("match", "identities"),
    [
        ("failure", ["fails"]),
        ("aborted", ["stopped"]),
        ("timeout", ["takes long"]),
        ("finish", ["succeeds", "fails", "stopped", "takes long"]),
    ],
)
def test_each_outcome_starts_who_waits_for_it_and_nobody_else(ran: Workshop, match: str, identities: list[str]) -> None:
    words = {"fails": "failure", "stopped": "aborted", "takes long": "timeout", "succeeds": "success"}
    found = ran.artifacts(f"On{match}", "ended", "outcome", "payload")
    assert sorted((item["ended"], item["outcome"]) for item in found) == sorted(
        (f"sfn-{run_of(ran.engine, identity)}", words[identity]) for identity in identities
    )
    for item in found:
        assert (item["payload"]["flow"], item["payload"]["outcome"]) == ("Ends", item["outcome"])


def test_the_documents_chain_finds_the_run_that_was_deployed_and_no_laptops(ran: Workshop) -> None:
    """Also in a project: there that of the project."""
    found = ran.artifacts("DataTransform", "data")
    assert sorted(run["data"] for run in found) == [[3, 1, 2], [30, 20]]
    assert all(re.fullmatch("sfn-event-[0-9a-f]{64}", run["run"]) for run in found)


def test_a_chain_in_a_project_finds_the_production_run_of_its_branch(ran: Workshop) -> None:
    (run,) = ran.artifacts("Transform", "latest", "parent", "project")
    assert run["latest"] == [run["parent"], run["parent"]]
    assert run["parent"].startswith("Ingest/sfn-event-")
    assert run["project"] == ["ml-platform", "user.tester"]


def test_an_object_in_a_bucket_passes_the_filter_and_every_task_of_a_foreach_sees_it(ran: Workshop) -> None:
    (run,) = ran.artifacts("Uploaded", "key", "all")
    assert run["key"] == "a.csv"
    assert run["all"] == [[1, "a.csv"], [2, "a.csv"], [3, "a.csv"]]


def test_an_event_emitted_in_a_run_starts_another_flow(ran: Workshop) -> None:
    (run,) = ran.artifacts("Ingested", "rows", "id")
    assert (run["rows"], len(run["id"])) == (3, 36)
