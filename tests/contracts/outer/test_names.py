"""Names and forms that deployments, runs and publishers of f324357 hold on to are the same today.

A line that is missing is a promise broken: what is deployed would not be found again, or would be read wrongly. More
may be promised than was.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sqlite3
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import deployed, promises
from .deployed import DATA
from .runs import command, succeeded

PLACE_OF_OUTCOMES = re.compile(r"Sensor: (name: (gather|order)[a-z2-7]{16}|eventSourceName: metaflow-triggers)")
UNASKED = {
    "rbac.authorization.k8s.io/v1 RoleBinding metaflow-triggers-run in default",
    "RoleBinding: name: default",
    "RoleBinding: name: metaflow-triggers-run",
}
PROJECT = "ml_platform.prod.EvaluateTheModelOfTheSeason"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the flows in `data/flows` compile to today."""
    folder = tmp_path_factory.mktemp("compiled")
    shutil.copytree(DATA / "flows", folder / "flows")
    options = ("--production", "--external-flow", "TrainTheModelOfTheSeason", "--no-code-package", "--output", "out")
    succeeded(folder, "metaflow-triggers", "compile", "flows", *options)
    return folder / "out"


@pytest.mark.parametrize("name", ["Order", "Gather", "React", PROJECT])
def test_a_stack_keeps_its_promises(compiled: Path, name: str) -> None:
    today = yaml.safe_load((compiled / "step-functions" / f"{name}.yaml").read_text("utf-8"))
    kept = promises.of_stack(deployed.stack(name))
    assert len(kept) > 40
    assert kept - promises.of_stack(today) == set()


@pytest.mark.parametrize("name", ["order", "gather", "react", PROJECT.replace("_", "").lower(), "_shared"])
def test_objects_keep_their_promises(compiled: Path, name: str) -> None:
    files = sorted((compiled / "argo-workflows" / name).glob("*.yaml"))
    today = [yaml.safe_load(file.read_text("utf-8")) for file in files if file.name != "kustomization.yaml"]
    kept = promises.of_objects(deployed.objects(name))
    assert len(kept) > 10
    missing = kept - promises.of_objects(today)
    if name == "react":  # it is compiled together with its parents, so it takes what their exit handlers alone publish
        assert missing and {line for line in missing if not PLACE_OF_OUTCOMES.fullmatch(line)} == set()
    elif name == "_shared":  # no account is bound unasked; what is bound stays (below, and the changelog)
        assert missing == UNASKED
    else:
        assert missing == set()


def test_as_before_where_settings_say_so(tmp_path: Path) -> None:
    """The way over: what a Sensor of f324357 took and a run might, they take and may with these settings."""
    shutil.copytree(DATA / "flows", tmp_path / "flows")
    options = ("--external-flow", "TrainTheModelOfTheSeason", "--no-code-package", "--output", "out", "--production")
    said = {"METAFLOW_TRIGGERS_UNPROVEN_PARENTS": "all", "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": "default"}
    succeeded(tmp_path, "metaflow-triggers", "compile", "flows", *options, **said)
    for name in ("react", "_shared"):
        files = sorted((tmp_path / "out" / "argo-workflows" / name).glob("*.yaml"))
        today = [yaml.safe_load(file.read_text("utf-8")) for file in files if file.name != "kustomization.yaml"]
        assert promises.of_objects(deployed.objects(name)) - promises.of_objects(today) == set()


def test_the_promises_are_what_others_hold_on_to() -> None:
    """The comparison sees each kind of promise."""
    stack, objects = promises.of_stack(deployed.stack("Gather")), promises.of_objects(deployed.objects("gather"))
    for line in (
        "resource EventCorrelator: AWS::StepFunctions::StateMachine",
        "EventCorrelator: StateMachineName: Gather-event-sets-ljbpsglxy6i7v7hl",
        "EventCorrelator: Key: metaflow-triggers/deployed-name",
        "command python -m metaflow_extensions.triggers.plugins.launcher step-functions -- ",
    ):
        assert line in stack
    assert any("Gather/_triggers/events/{}.json" in line for line in stack)
    assert any("'event-{}'" in line and "SHA-256" in line for line in stack)
    assert any(line.startswith("EventCorrelator: document: ") and '"object.key"' in line for line in stack)
    for line in (
        "argoproj.io/v1alpha1 Sensor gather-w3hdawb6gk3emn26 in default",
        "Sensor: metaflow-triggers/started-by: event",
        "Sensor: name: metaflow-triggers-payload-2",
        "Sensor: name: leftilecfuasbno5htzf",
        "WorkflowTemplate: metaflow/sensor_name: gather-w3hdawb6gk3emn26",
        "WorkflowTemplate start: name: METAFLOW_TRIGGERS_WEBHOOK_TOKEN",
    ):
        assert line in objects
    assert any(line.startswith("Sensor: metaflow-triggers/dependencies: {") for line in objects)
    assert any(
        line.startswith("WorkflowTemplate start: command python -m metaflow_extensions.triggers.plugins.launcher argo")
        for line in objects
    )


def test_runs_on_step_functions_are_named_by_the_hash_of_what_started_them() -> None:
    """f324357's starters made these files; the expression of the name is one of the promises above."""
    named = {
        "Order": ("Order metaflow-triggers:event/order-7", "Order bus-2"),
        "React": ("React arn:aws:states:us-east-1:123456789012:execution:Order:event-0a/FAILED",),
        PROJECT.rpartition(".")[2]: (f"{PROJECT} metaflow-triggers:event/trained-7",),
    }
    for flow, keys in named.items():
        files = {file.name for file in (DATA / "store" / flow / "_triggers").glob("*.json")}
        assert files == {f"sfn-event-{hashlib.sha256(key.encode()).hexdigest()}.json" for key in keys}
    events = DATA / "store" / "Gather" / "_triggers" / "events"
    marks = [
        hashlib.sha256(f"Gather set-t6cr2u7xvaso6xkw slot_{slot} {key}".encode()).hexdigest()
        for slot, key in enumerate(("metaflow-triggers:event/left-1", "metaflow-triggers:event/right-1", "bus-5"))
    ]
    assert {file.stem for file in events.iterdir()} == set(marks)


def test_runs_on_argo_workflows_are_named_by_the_hash_of_what_started_them() -> None:
    def name(prefix: str, key: str) -> str:
        return f"{prefix}-{hashlib.sha256(key.encode()).hexdigest()[:40]}"

    members = [
        hashlib.sha256(f"event gather {key}".encode()).hexdigest()
        for key in ("left left-1", "right right-1", "upload transport-5")
    ]
    expected = {
        "order": name("order", "event order order-placed order-7"),
        "gather": name("gather", " ".join(["all", *members])),
        "react": name("react", "outcome react order argo-order-1/failure"),
        "evaluate": name(
            "mlplatform-prod-evalua",
            "event mlplatform.prod.evaluatethemodeloftheseason ml_platform.production.training-complete trained-7",
        ),
    }
    assert {case: deployed.workflow(case)["metadata"]["name"] for case in expected} == expected


ANSWERS = {
    "/": b'{"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}',
    "/events": b"success",
    "/outcomes": b"success",
}


class Bus:
    """Takes what is posted, as EventBridge and as a webhook."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, str], Any]] = []
        bus = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                bus.posted.append((self.path, dict(self.headers), json.loads(body)))
                answer = ANSWERS[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
def test_an_event_is_published_as_it_was(backend: str, tmp_path: Path) -> None:
    """Starters and Sensors of f324357 are given what they were given by f324357."""
    bus = Bus()
    settings = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": bus.url,
        "METAFLOW_TRIGGERS_WEBHOOK_URL": f"{bus.url}/events",
        "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": "a-token",
    }
    payload = (DATA / "order-payload.json").read_text("utf-8")
    words = ("emit", "order-placed", "--payload", payload, "--id", "order-7", "--backend", backend)
    try:
        assert succeeded(tmp_path, "metaflow-triggers", *words, **settings) == "order-7\n"
    finally:
        bus.server.shutdown()
        bus.server.server_close()
    kept = json.loads((DATA / "published.json").read_text("utf-8"))[backend]
    ((path, headers, request),) = bus.posted
    assert path == kept["path"]
    assert {name: headers[name] for name in kept["headers"]} == kept["headers"]
    assert _without_time(request) == _without_time(kept["request"])


def _without_time(request: dict[str, Any]) -> str:
    text = json.dumps(request)
    text, count = re.subn(r'"(Time|timestamp)": ("[^"]*"|[0-9.]+)', r'"\1": "now"', text)
    assert count
    return text


def outcome_container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The container of a WorkflowTemplate that tells how a run ended."""
    (template,) = (item for item in objects if item["kind"] == "WorkflowTemplate")
    (found,) = (item for item in template["spec"]["templates"] if item["name"] == "metaflow-triggers-outcome")
    container: dict[str, Any] = found["container"]
    return container


def test_an_outcome_is_told_as_it_was(compiled: Path, tmp_path: Path) -> None:
    """Sensors that f324357 deployed wait for the outcomes of flows that are deployed today."""
    text = (compiled / "argo-workflows" / "order" / "workflowtemplate.yaml").read_text("utf-8")
    containers = [outcome_container(deployed.objects("order")), outcome_container([yaml.safe_load(text)])]
    assert [item for item in containers[0]["env"] if item not in containers[1]["env"]] == []
    failures = [{"displayName": "start", "templateName": "start", "message": "main: Error (exit code 1)"}]
    given = {
        "{{workflow.name}}": "order-1",
        "{{workflow.status}}": "Failed",
        "{{=sprig.b64enc(sprig.trunc(60000, workflow.failures))}}": base64.b64encode(
            json.dumps(json.dumps(failures)).encode()
        ).decode(),
    }
    bus = Bus()
    try:
        for container in containers:
            settings = {item["name"]: item.get("value", "a-token") for item in container["env"]}
            settings = {name: given.get(value, value) for name, value in settings.items()}
            settings["METAFLOW_TRIGGERS_WEBHOOK_URL"] = f"{bus.url}/events"
            settings["METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL"] = f"{bus.url}/outcomes"
            assert succeeded(tmp_path, *container["command"], **settings).startswith("published")
    finally:
        bus.server.shutdown()
        bus.server.server_close()
    # Today it is told at a place of its own as well.
    assert [posted[0] for posted in bus.posted] == ["/events", "/outcomes", "/events"]
    then, proven, today = (_without_time({"headers": posted[1]["Authorization"], **posted[2]}) for posted in bus.posted)
    assert then == today == proven
    assert '"name": "metaflow.outcome.order.failure", "id": "argo-order-1/failure"' in then


def test_a_new_database_has_the_schema_and_an_old_one_gets_it(tmp_path: Path) -> None:
    """Whatever a newer version adds: runs that f324357's engine has started write into the same tables."""
    shutil.copy(DATA / "flows" / "order.py", tmp_path)
    shutil.copy(DATA / "local" / "metaflow-triggers.db", tmp_path / "old.db")
    succeeded(tmp_path, "metaflow-triggers", "pause", "--database", "old.db")
    for name in ("new.db", "old.db"):
        succeeded(tmp_path, "metaflow-triggers", "run", "order.py", "--until-idle", "--database", name)
    kept = sqlite3.connect(":memory:")
    kept.executescript((DATA / "local" / "schema.sql").read_text("utf-8"))
    new, old = (sqlite3.connect(tmp_path / name) for name in ("new.db", "old.db"))
    assert structure(new) == structure(old)
    assert structure(kept) - structure(new) == set()
    for file in (new, old):
        assert file.execute("PRAGMA application_id").fetchone() == (0x4D465452,)
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for file in (new, old, kept):
        file.close()


def structure(connection: sqlite3.Connection) -> set[tuple[Any, ...]]:
    """Columns and indices."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: set[tuple[Any, ...]] = set()
    for table in tables:
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        found |= {(table, *column[1:]) for column in columns}
        for _, name, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})").fetchall():
            members = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({name})"))
            found.add((table, name if origin == "c" else origin, unique, partial, members))
    return found


def test_a_code_package_has_what_old_commands_name(compiled: Path) -> None:
    """Also what Metaflow asks for by name before any command: the files that register our plugins."""
    options = ("--package-output", "package", "--output", "made")
    done = command(compiled.parent, "python", "flows/order.py", "--no-pylint", "step-functions", "compile", *options)
    assert done.returncode == 0, done.stderr
    (package,) = (path for path in (compiled.parent / "package").rglob("*") if path.is_file())
    with tarfile.open(package) as archive, tarfile.open(DATA / "package.tgz") as old:
        members, kept = set(archive.getnames()), set(old.getnames())
    named = "metaflow_extensions/triggers/plugins/launcher.py"
    registers = {name for name in kept if "mfextinit" in name}
    assert len(registers) == 4
    contract = ".mf_code/metaflow_extensions/triggers/contract/trigger_document.py"
    assert {f".mf_code/{named}", contract, "order.py", *registers} <= members
