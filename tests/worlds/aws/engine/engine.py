"""Engine: the emulated AWS as tests and the demo use it.

In:   a Python that has the emulator (`installation`), a folder.
Out:  a running engine: clients, the settings with which Metaflow finds it, what has run.

Not here: deploying and assertions.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import exact_json

from tests.worlds.upstream.emulated_aws import REGION, prepare

from . import installation

ACCOUNT = f"{REGION}:123456789012"
SERVER = Path(__file__).parent / "server" / "main.py"
BUCKET = "mf-test"
FOREACH_TABLE = "table"
PATIENCE = 600
"""Seconds after which something that should have ended never will. Nothing is measured with it."""


_making = threading.Lock()


@cache
def _client(url: str, service: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(retries={"max_attempts": 0}, max_pool_connections=50, read_timeout=300)
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=config,
    )


@dataclass(frozen=True)
class Engine:
    """`settings`: the variables with which Metaflow deploys to it and reads from it. `folder`: what it wrote."""

    url: str
    folder: Path
    settings: dict[str, str]

    def client(self, service: str) -> Any:
        """A boto3 client that does not retry: what fails once is seen. Made once: that takes longer than a call."""
        with _making:
            return _client(self.url, service)

    def switch(self, **values: Any) -> None:
        """Set switches (`server/switches.py`)."""
        request = urllib.request.Request(f"{self.url}/_engine", json.dumps(values).encode(), method="POST")
        urllib.request.urlopen(request, timeout=60).close()

    def publish(self, entry: dict[str, Any]) -> None:
        """Put an event on the default bus, also one that only AWS itself may publish."""
        self.switch(publish=[entry])

    def state(self) -> dict[str, Any]:
        """The switches, executions `running` and `waiting_for_jobs`, faults `injected` since the switches were set."""
        with urllib.request.urlopen(f"{self.url}/_engine", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def wait(self, jobs: bool = True, patience: int = PATIENCE) -> None:
        """Return when no execution runs any more and each one's last event has been delivered.

        Without `jobs`: when all that run wait for a job. `patience`: seconds.
        """
        for _ in range(patience * 10):
            state = self.state()
            if state["running"] == (0 if jobs else state["waiting_for_jobs"]):
                return
            time.sleep(0.1)
        raise AssertionError("executions still run")

    def put(self, name: str, payload: dict[str, Any], identity: str | None = None, **more: Any) -> None:
        """Put an event on the default bus as a foreign publisher does, or, with `identity`, as ours does."""
        entry = {"Source": "metaflow", "DetailType": name, "Detail": json.dumps(payload)} | more
        if identity is not None:
            entry["Resources"] = [f"metaflow-triggers:event/{identity}"]
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def machine(self, name: str) -> str:
        """The ARN of a state machine."""
        return f"arn:aws:states:{ACCOUNT}:stateMachine:{name}"

    def machines(self) -> list[str]:
        """Names of all state machines."""
        pages = self.client("stepfunctions").get_paginator("list_state_machines").paginate()
        return sorted(item["name"] for page in pages for item in page["stateMachines"])

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """All executions of a state machine, as they are listed."""
        pages = (
            self.client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=self.machine(machine))
        )
        return [item for page in pages for item in page["executions"]]

    def describe(self, execution: dict[str, Any]) -> dict[str, Any]:
        """The description of a listed execution."""
        found: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
        return found

    def document(self, uri: str) -> Any:
        """An object of the datastore, read as JSON, each number as it is spelled."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return exact_json.loads(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def job_output(self) -> str:
        """What all jobs printed, for the message of a failed assertion."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self.folder.glob("jobs/*/output"))


@contextlib.contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Start one; end it and every job of it. Raises `installation.NotInstalled`."""
    interpreter = installation.python()
    folder.mkdir(parents=True, exist_ok=True)
    base = _job_environment(folder)
    argument = json.dumps({"folder": str(folder), "job_environment": base})
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [interpreter, str(SERVER), argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)},
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        assert url.startswith("http://127.0.0.1:"), (folder / "server.log").read_text()
        _until_it_answers(url)
        yield Engine(url, folder, _prepared(url, folder))
    finally:
        process.stdin.close()  # it ends itself and every job
        process.wait(30)
        process.stdout.close()


def _until_it_answers(url: str) -> None:
    for _ in range(PATIENCE * 10):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/_engine", timeout=60).close()
            return
        time.sleep(0.1)
    raise AssertionError("the emulator does not answer")


def _prepared(url: str, folder: Path) -> dict[str, str]:
    import boto3

    settings = prepare(url, boto3.session.Session())
    engine = Engine(url, folder, settings)
    engine.client("dynamodb").create_table(
        TableName=FOREACH_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pathspec", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pathspec", "KeyType": "HASH"}],
    )
    return settings | {
        "METAFLOW_USER": "tester",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": FOREACH_TABLE,
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metadata"),
    }


def _job_environment(folder: Path) -> dict[str, str]:
    """What the image and the host give a container: a Python with boto3, the role's credentials, Batch's own variables.

    Metadata goes to a folder that all tasks share, as they share a metadata service.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_BATCH_CE_NAME": "environment",
        "AWS_BATCH_JQ_NAME": "queue",
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
        "METAFLOW_S3_WORKER_COUNT": "2",  # else 64 processes for a step of many artifacts
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metadata"),
    }
