"""The launcher: what reaches a run's parameters, byte for byte, and what is refused before any step."""

from __future__ import annotations

import base64
import json

import pytest

RUN = "event-" + "0123456789abcdef" * 4
FLOW = """
    from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger

    print("module executed", flush=True)

    @trigger(event="order-placed")
    class F(FlowSpec):
        text = Parameter("my-Text", default="the default")
        count = Parameter("Count", type=int)
        ratio = Parameter("ratio", default=0.5)
        flag = Parameter("flag", default=False, type=bool)
        data = Parameter("data", type=JSONType)
        parts = Parameter("parts", separator=",", default="a,b")
        other = Parameter("other", default="untouched")

        @step
        def start(self):
            print("payload:", current.trigger and current.trigger.payload == self.data)
            self.next(self.end)

        @step
        def end(self):
            print("in the end:", current.trigger and current.trigger.event_name)

    if __name__ == "__main__":
        F()
"""
HOSTILE = (
    "\"quoted\" 'single' $(touch PWNED) `touch PWNED` ${HOME} {{x}} <y> \\ \n\r\t; & | é \U0001f600 --other=z " * 2
)
MAPPINGS = [
    {"parameter": "my-Text", "field": "text"},
    {"parameter": "Count", "field": "count"},
    {"parameter": "flag", "field": "flag"},
    {"parameter": "data", "field": "all"},
    {"parameter": "parts", "field": "parts"},
    {"parameter": "ratio", "field": "absent"},
]


def document(payload):
    event = {"id": "bus", "source": "metaflow", "detail-type": "order-placed", "detail": payload}
    return {
        "version": 1,
        "dependencies": [{"kind": "event", "name": "order-placed", "auto_map": False, "mappings": MAPPINGS}],
        "events": [{"transport": "eventbridge", "event": event}],
    }


def options(workspace, decorator):
    return [
        "flow.py",
        "--quiet",
        "--no-pylint",
        "--metadata=local",
        "--environment=local",
        "--datastore=local",
        f"--datastore-root={workspace.datastore}",
        f"--with={decorator}",
    ]


def init(workspace, backend, run_id, *given, environment=None):
    decorator = backend.replace("-", "_") + "_internal"
    return workspace.python(
        *("-m", "metaflow_extensions.triggers.plugins.launcher", backend, *given, "--"),
        *(*options(workspace, decorator), "init", "--run-id", run_id, "--task-id", "1-params"),
        environment=environment,
    )


def store(workspace, run_id, content):
    place = workspace.datastore / "F" / "_triggers" / f"{run_id}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


SHOW = """
import json, sys
from metaflow import Task
task = Task("F/%s/_parameters/1-params", _namespace_check=False)
names = ("text", "count", "ratio", "flag", "data", "parts", "other")
print("VALUES" + json.dumps({n: str(task[n].data) if n == "count" and task[n].data else task[n].data for n in names}))
"""


def parameters(workspace, run_id):
    done = workspace.python("-X", "int_max_str_digits=0", "-c", SHOW % run_id)
    assert "VALUES" in done.stdout, done.stdout + done.stderr
    return json.loads(done.stdout.rsplit("VALUES", 1)[1])


def test_hostile_values_arrive_unchanged(workspace):
    workspace.flow(FLOW)
    payload = {"text": HOSTILE, "count": 3, "flag": "TRUE", "all": {"k": [HOSTILE]}, "parts": "$(x),y z"}
    store(workspace, f"sfn-{RUN}", document(payload))
    done = init(workspace, "step-functions", f"sfn-{RUN}", environment={"METAFLOW_PARAMETERS": "{}"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("module executed") == 1
    assert parameters(workspace, f"sfn-{RUN}") == {
        "text": HOSTILE,
        "count": "3",
        "ratio": 0.5,
        "flag": True,
        "data": {"k": [HOSTILE]},
        "parts": ["$(x)", "y z"],
        "other": "untouched",
    }
    assert not (workspace.path / "PWNED").exists()


def test_large_values_arrive_whole(workspace):
    workspace.flow(FLOW)
    text, digits = "é'\"$" * 40_000, "9" * 6_000
    store(
        workspace, f"sfn-{RUN}", json.dumps(document({"text": text, "count": 123454321})).replace("123454321", digits)
    )
    done = init(workspace, "step-functions", f"sfn-{RUN}")
    assert done.returncode == 0, done.stdout + done.stderr
    found = parameters(workspace, f"sfn-{RUN}")
    assert (found["text"], found["count"]) == (text, digits)


def test_precedence_by_hand_then_event_then_default(workspace):
    workspace.flow(FLOW)
    store(workspace, f"sfn-{RUN}", document({"text": "event", "count": 1, "flag": True}))
    environment = {
        "METAFLOW_DEFAULT_PARAMETERS": json.dumps({"my-Text": "d", "ratio": 1.5, "data": {"a": [1]}, "flag": False}),
        "METAFLOW_PARAMETERS": json.dumps({"count": 7, "x path": "$(touch PWNED)", "PATH": "/evil", "other": None}),
        "METAFLOW_INIT_MY_TEXT": "an environment variable of the same name",
    }
    done = init(workspace, "step-functions", f"sfn-{RUN}", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found = parameters(workspace, f"sfn-{RUN}")
    assert (found["text"], found["count"], found["ratio"], found["data"]) == ("event", "7", 1.5, {"a": [1]})
    assert (found["flag"], found["other"]) == (True, "untouched")
    # a run that no event started asks for no document
    done = init(workspace, "step-functions", "sfn-by-hand", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert parameters(workspace, "sfn-by-hand")["text"] == "d"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (document({"count": "many"}), ("order-placed", "count", "Count", "an integer", "many")),
        (None, ("trigger document is not in the datastore",)),
        ("{", ("The event does not fit",)),
        ({"version": 9}, ("version 1",)),
        (document({}) | {"dependencies": []}, ("belongs to no dependency",)),
    ],
)
def test_refused_before_any_step(workspace, content, words):
    workspace.flow(FLOW)
    if content is not None:
        store(workspace, f"sfn-{RUN}", content)
    done = init(workspace, "step-functions", f"sfn-{RUN}")
    assert done.returncode == 1, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (workspace.datastore / "F" / f"sfn-{RUN}").exists()


def test_it_refuses_to_run_without_our_decorator(workspace):
    workspace.flow(FLOW)
    arguments = [word for word in options(workspace, "x") if not word.startswith("--with")]
    done = workspace.python(
        *("-m", "metaflow_extensions.triggers.plugins.launcher", "step-functions", "--", *arguments),
        *("init", "--run-id", "sfn-1", "--task-id", "1-params"),
    )
    assert done.returncode == 1
    assert "FT001" in done.stderr
    assert workspace.python("-m", "metaflow_extensions.triggers.plugins.launcher").returncode == 1


def step(workspace, backend, run_id, name, inputs, environment):
    decorator = backend.replace("-", "_") + "_internal"
    decorator += ":auto-emit-argo-events=0" if backend == "argo-workflows" else ""
    done = workspace.python(
        *(*options(workspace, decorator), "step", name, "--run-id", run_id, "--task-id", name),
        *("--input-paths", inputs, "--retry-count", "0", "--max-user-code-retries", "0"),
        environment=environment,
    )
    return done.stdout + done.stderr


def test_every_step_on_step_functions_sees_the_trigger(workspace):
    workspace.flow(FLOW)
    store(workspace, f"sfn-{RUN}", document({"all": {"x": 1}} | {"x": 1}))
    environment = {"METAFLOW_RUN_ID": RUN, "SFN_STATE_MACHINE": "m", "AWS_BATCH_JOB_ID": "j"}
    assert init(workspace, "step-functions", f"sfn-{RUN}", environment=environment).returncode == 0
    start = step(workspace, "step-functions", f"sfn-{RUN}", "start", f"sfn-{RUN}/_parameters/1-params", environment)
    assert "payload: False" in start, start
    end = step(workspace, "step-functions", f"sfn-{RUN}", "end", f"sfn-{RUN}/start/start", environment)
    assert "in the end: order-placed" in end, end


def test_the_events_of_a_set_are_read_where_the_document_refers_to(workspace):
    workspace.flow(FLOW)
    mark = "a" * 64
    uri = f"s3://bucket/root/F/_triggers/events/{mark}.json"
    whole = document({"count": 5, "text": HOSTILE})
    (event,) = whole["events"]
    store(workspace, f"sfn-{RUN}", whole | {"events": [{"transport": event["transport"], "uri": uri}]})
    environment = {"METAFLOW_RUN_ID": RUN, "SFN_STATE_MACHINE": "m", "AWS_BATCH_JOB_ID": "j"}
    done = init(workspace, "step-functions", f"sfn-{RUN}", environment=environment)
    assert done.returncode != 0 and "is not in the datastore" in done.stderr + done.stdout
    folder = workspace.datastore / "F" / "_triggers" / "events"
    folder.mkdir()
    (folder / f"{mark}.json").write_text(json.dumps(event["event"]), "utf-8")
    done = init(workspace, "step-functions", f"sfn-{RUN}", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found = parameters(workspace, f"sfn-{RUN}")
    assert (found["text"], str(found["count"])) == (HOSTILE, "5")


def test_a_reference_to_anything_else_is_refused(workspace):
    workspace.flow(FLOW)
    uri = "s3://bucket/root/F/_triggers/events/../../../secret.json"
    store(workspace, f"sfn-{RUN}", document({}) | {"events": [{"transport": "eventbridge", "uri": uri}]})
    environment = {"METAFLOW_RUN_ID": RUN, "SFN_STATE_MACHINE": "m", "AWS_BATCH_JOB_ID": "j"}
    done = init(workspace, "step-functions", f"sfn-{RUN}", environment=environment)
    assert done.returncode != 0 and "not a reference to an event" in done.stderr + done.stdout


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def workflow(payload, labels=None):
    exact = json.dumps(payload)
    return {
        "metadata": {
            "name": "w",
            "labels": {"metaflow-triggers/started-by": "event"} if labels is None else labels,
            "annotations": {"metaflow-triggers/dependencies": json.dumps(document({})["dependencies"])},
        },
        "spec": {
            "arguments": {
                "parameters": [
                    {"name": "metaflow-triggers-event", "value": encoded({"name": "order-placed", "id": "our-id"})},
                    {"name": "metaflow-triggers-payload", "value": base64.b64encode(exact.encode()).decode()},
                ]
            }
        },
    }


ARGO = {
    "ARGO_WORKFLOW_NAME": "w",
    "ARGO_WORKFLOW_NAMESPACE": "n",
    "ARGO_WORKFLOW_TEMPLATE": "t",
    "METAFLOW_OWNER": "o",
}
GIVEN = [
    "my-Text,f," + base64.b64encode(b'"d $(x)"').decode(),
    "Count,t," + base64.b64encode(b"null").decode(),
    "unknown,f," + base64.b64encode(b"1").decode(),
    "other,f," + base64.b64encode(b"not JSON").decode(),
]


def test_argo_reads_its_workflow_once_and_later_steps_the_datastore(workspace, server):
    workspace.flow(FLOW)
    payload = {"text": HOSTILE, "count": 2**80, "all": 1.5}
    server.answers = [(503, b""), (200, json.dumps(workflow(payload)).encode())]
    environment = {**ARGO, "METAFLOW_TRIGGERS_KUBERNETES_URL": server.url}
    done = init(workspace, "argo-workflows", "argo-w", *GIVEN, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [request[1] for request in server.requests] == ["/apis/argoproj.io/v1alpha1/namespaces/n/workflows/w"] * 2
    found = parameters(workspace, "argo-w")
    assert (found["text"], found["count"], found["other"]) == (HOSTILE, str(2**80), "not JSON")
    end = step(workspace, "argo-workflows", "argo-w", "start", "argo-w/_parameters/1-params", ARGO)
    assert "payload: False" in end, end


def test_argo_by_hand_and_without_permission(workspace, server):
    workspace.flow(FLOW)
    environment = {**ARGO, "METAFLOW_TRIGGERS_KUBERNETES_URL": server.url}
    server.answers = [(200, json.dumps(workflow({}, labels={})).encode())]
    done = init(workspace, "argo-workflows", "argo-w", *GIVEN, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert parameters(workspace, "argo-w")["text"] == "d $(x)"
    assert not (workspace.datastore / "F" / "_triggers").exists()
    server.answers = [(403, b"{}")]
    done = init(workspace, "argo-workflows", "argo-v", *GIVEN, environment=environment)
    assert done.returncode == 1
    assert "`get` on workflows" in done.stderr
