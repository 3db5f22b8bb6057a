"""An emulated AWS on 127.0.0.1 (moto's server in this process) with what upstream's `create` asks for."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import os
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"


class Recorder:
    """A WSGI application in front of another one: keeps what is asked, and refuses what a test says.

    `faults`: operation -> (HTTP status, error code) with which it is refused.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self.registered: dict[str, Any] = {}
        """Name of a job definition -> the arguments of RegisterJobDefinition, as they were sent."""
        self.asked: list[str] = []
        """Operations: `PutRule`, or `PUT /bucket/key` where the address says it."""
        self.faults: dict[str, tuple[int, str]] = {}
        self.instead: Callable[[str], tuple[int, str, bytes] | None] = lambda operation: None
        """Status, content type and body of what answers an operation in AWS's place, or None."""
        self.watch: Callable[[str, str], None] = lambda when, operation: None
        """Called with "before" or "after" and the operation, around each request that is not refused."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        operation = _operation(environ)
        self.asked.append(operation)
        instead = self.instead(operation)
        if instead:
            status, kind, body = instead
            start_response(f"{status} Answer", [("Content-Type", kind), ("Content-Length", str(len(body)))])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        if operation in self.faults:
            status, code = self.faults[operation]
            body = json.dumps({"__type": code, "message": f"{code} for {operation}"}).encode()
            start_response(f"{status} Refused", [("Content-Type", "application/x-amz-json-1.1")])
            return [body]
        if environ["PATH_INFO"] == "/v1/registerjobdefinition":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            arguments = json.loads(body)
            self.registered[arguments["jobDefinitionName"]] = arguments
        self.watch("before", operation)
        answer = self._application(environ, start_response)
        self.watch("after", operation)
        return answer


def _operation(environ: dict[str, Any]) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target.rpartition(".")[2])
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body)
        return urllib.parse.parse_qs(body.decode())["Action"][0]
    if environ["PATH_INFO"].startswith("/v1/"):  # AWS Batch
        return str(environ["PATH_INFO"].rpartition("/")[2])
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


@dataclasses.dataclass(frozen=True)
class Aws:
    """`environment`: the variables with which Metaflow finds the server and its objects."""

    environment: dict[str, str]
    registered: dict[str, Any]
    recorder: Recorder


@contextlib.contextmanager
def emulated_aws() -> Iterator[Aws]:
    """Start the server on a free port of 127.0.0.1, and end it."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else one line for each request
    recorder = Recorder(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, recorder, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        # The emulator keeps its accounts in globals of this process: begin with an empty one.
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
        environment = prepare(endpoint, boto3.session.Session())
        yield Aws(environment, recorder.registered, recorder)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def prepare(endpoint: str, session: Any) -> dict[str, str]:
    """Bucket, roles, compute environment and job queue; the environment that names them."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
    }

    def client(service: str) -> Any:
        return session.client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    client("s3").create_bucket(Bucket="mf-test")
    iam = client("iam")
    role = iam.create_role(
        RoleName="metaflow", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []})
    )["Role"]["Arn"]
    profile = iam.create_instance_profile(InstanceProfileName="metaflow")["InstanceProfile"]["Arn"]
    batch = client("batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName="environment",
        type="MANAGED",
        state="ENABLED",
        computeResources={
            "type": "EC2",
            "maxvCpus": 4,
            "minvCpus": 0,
            "subnets": [_subnet(client("ec2"))],
            "securityGroupIds": [_security_group(client("ec2"))],
            "instanceTypes": ["optimal"],
            "instanceRole": profile,
        },
        serviceRole=role,
    )["computeEnvironmentArn"]
    batch.create_job_queue(
        jobQueueName="queue",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    return {
        **credentials,
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://mf-test/metaflow",
        "METAFLOW_BATCH_JOB_QUEUE": "queue",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "table",
        "METAFLOW_SFN_IAM_ROLE": role,
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": role,
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": role,
    }


def _subnet(ec2: Any) -> str:
    return str(ec2.describe_subnets()["Subnets"][0]["SubnetId"])


def _security_group(ec2: Any) -> str:
    return str(ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"])


def clean_environment(home: str) -> dict[str, str]:
    """Nothing of this process's Metaflow or AWS settings."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("METAFLOW_", "AWS_"))}
    return {**keep, "HOME": home, "METAFLOW_USER": "tester", "METAFLOW_HOME": f"{home}/.metaflowconfig"}
