"""Poll world: a poller's real process against an emulated AWS, and runs that end when a test says so.

In:   Python text that declares poll triggers.
Out:  what a deployment makes for them (table, state machine, bucket), a process, executions, records; faults.

Not here: jobs, watchdogs and code packages, assertions. The emulator is moto's server in this process, a request at a
time, in a region that no other test has.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from metaflow_triggers.backends.step_functions.compile.assemble import TAG_DEPLOYED_NAME
from metaflow_triggers.backends.step_functions.compile.names import poll_table_name, poller_name
from metaflow_triggers.model.flows import Parameter
from metaflow_triggers.polling.fires import Target
from metaflow_triggers.polling.record import Declaration
from moto.dynamodb.models import dynamodb_backends
from moto.stepfunctions.models import stepfunctions_backends

REGION, ACCOUNT, BUCKET, ROOT = "eu-north-1", "123456789012", "polled-flows", "metaflow/root"
_CODE = "import sys; from metaflow_triggers.polling.aws import serve; serve.main(sys.argv[1:])"
_NURSERY = """
import gc, json, os, signal, sys
import boto3
from metaflow_triggers.polling.aws import serve
from metaflow_triggers.polling.aws.calls import Clients, asking
with asking("nothing"):
    Clients(sys.argv[1])  # reads what is long to read
inner = serve.starter
serve.starter = lambda modules, environment: inner((), environment)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
gc.freeze()
for line in sys.stdin:
    told = json.loads(line)
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        log = os.open(told["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, end in ((0, nothing), (1, log), (2, log)):
            os.dup2(end, number)
        os.chdir(told["folder"])
        code = 1
        try:
            serve.main(told["arguments"])
        except SystemExit as ended:
            code = ended.code
        finally:
            with open(f"{told['log']}-{os.getpid()}-code", "w") as file:
                file.write(str(code))
            os._exit(code)
    print(pid, flush=True)
"""
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
_END = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}


_numbers = itertools.count(1)
"""Each world has names of its own: moto's accounts are globals of this process."""


@dataclass
class Fault:
    """What happens to requests of an operation that have `text` and `also`: refused with `code`, or (no code) lost.

    `after`: it is carried out first. `times`: how often; None is always.
    """

    operation: str
    code: str = ""
    text: str = ""
    also: str = ""
    after: bool = False
    times: int | None = None

    def meets(self, operation: str, request: str) -> bool:
        if self.times == 0 or self.operation != operation or not (self.text in request and self.also in request):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Process:
    """A process that a nursery has forked. `code`: the file into which it writes its exit code."""

    def __init__(self, pid: int, code: Path) -> None:
        self.pid, self._code = pid, code

    def is_there(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return True
        return False

    def poll(self) -> int | None:
        """The exit code, -9 for one that said none; None while it runs."""
        if self.is_there():
            return None
        return int(self._code.read_text()) if self._code.exists() else -signal.SIGKILL

    def wait(self, seconds: float = 40.0) -> int:
        end = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < end, f"process {self.pid} goes on"
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Forks pollers from a process that has read what they all read, boto3 above all. Threads may share it.

    Their polls are not given Metaflow, which would be imported for each.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-c", _NURSERY, REGION]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self._lock = threading.Lock()

    def start(self, arguments: list[str], folder: Path, log: Path) -> Process:
        told = {"folder": str(folder), "log": str(log), "arguments": arguments}
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(told) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        return Process(pid, Path(f"{log}-{pid}-code"))

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


class Front:
    """A WSGI application in front of moto's: one request at a time, with faults; `watches` are told of each.

    A request's text is its path and its body.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.watches: list[Callable[[str, str, str], None]] = []
        """Called with "before" or "after", the operation and the request's text, while nothing else is done."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        target = environ.get("HTTP_X_AMZ_TARGET")
        operation = target.rpartition(".")[2] if target else f"{environ['REQUEST_METHOD']} S3"
        text = f"{environ['PATH_INFO']} {body.decode('utf-8', 'replace')}"
        with self.lock:
            fault = next((one for one in self.faults if one.meets(operation, text)), None)
            if fault is None or fault.after:
                for watch in list(self.watches):
                    watch("before", operation, text)
                answer = list(self._application(environ, start_response))
                for watch in list(self.watches):
                    watch("after", operation, text)
            if fault is None:
                return answer
        if not fault.code:
            environ["werkzeug.socket"].shutdown(2)
            return []
        told = json.dumps({"__type": fault.code, "message": f"{fault.code} of the test"}).encode()
        kind = "application/x-amz-json-1.0"
        if not target:
            told = f"<Error><Code>{fault.code}</Code><Message>of the test</Message></Error>".encode()
            kind = "application/xml"
        start_response("400 Refused", [("Content-Type", kind), ("Content-Length", str(len(told)))])
        return [told]


@dataclass
class Server:
    """The emulated AWS."""

    url: str
    front: Front

    @cached_property
    def nursery(self) -> Nursery:
        """Of pollers that ask this server."""
        return Nursery(self.environment())

    def environment(self) -> dict[str, str]:
        """Of a poller's process."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
        }

    def client(self, service: str) -> Any:
        return _client(self.url, service)

    @contextlib.contextmanager
    def faulty(self, *faults: Fault) -> Iterator[None]:
        """Inside, these happen."""
        self.front.faults = list(faults)
        try:
            yield
        finally:
            self.front.faults = []


@cache
def _client(url: str, service: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


@contextlib.contextmanager
def _sizes() -> Iterator[None]:
    """DynamoDB measures the item that an update makes; moto (5.2.5) adds what the update replaces."""
    from moto.dynamodb.models.dynamo_type import LimitedSizeDict

    setitem = LimitedSizeDict.__setitem__

    def without_the_former(self: Any, key: str, value: Any) -> None:
        former = self.pop(key, None)
        try:
            setitem(self, key, value)
        except Exception:
            if former is not None:
                dict.__setitem__(self, key, former)
            raise

    LimitedSizeDict.__setitem__ = without_the_former  # type: ignore[method-assign]
    try:
        yield
    finally:
        LimitedSizeDict.__setitem__ = setitem  # type: ignore[method-assign]


@contextlib.contextmanager
def emulated() -> Iterator[Server]:
    """A server with a bucket."""
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    assert not default_user_config["stepfunctions"]["execute_state_machine"]  # runs end when a test says so
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    front = Front(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, front, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        made = Server(f"http://127.0.0.1:{server.server_port}", front)
        place = {"LocationConstraint": REGION}
        with contextlib.suppress(made.client("s3").exceptions.BucketAlreadyOwnedByYou):
            made.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        with _sizes():
            yield made
        if "nursery" in vars(made):
            made.nursery.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def declared(name: str, milliseconds: int = 200, workflow: str = "Polled", **more: Any) -> Declaration:
    """What a deployment says of a trigger; its deployed name is the world's."""
    parameters: tuple[Parameter, ...] = more.pop("parameters", ())
    target = Target(name, workflow, "", parameters, **more)
    return Declaration(name, "polls.py", "", f"{milliseconds}ms", milliseconds, target)


@dataclass
class PollWorld:
    """One flow, its triggers, at most a few processes that poll them."""

    server: Server
    folder: Path
    polls: list[Declaration]
    version: str = "v1"
    processes: list[Process] = field(default_factory=list)
    whole: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.deployed = f"Polled{next(_numbers)}"
        self.table = poll_table_name(self.deployed)
        self.machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self.deployed}"
        states = self.server.client("stepfunctions")
        states.create_state_machine(name=self.deployed, definition=json.dumps(_END), roleArn=_ROLE)
        self.make_table()
        states.create_state_machine(name=poller_name(self.deployed), definition="{}", roleArn=_ROLE)
        self.apply(self.polls, self.version)

    def make_table(self) -> None:
        self.server.client("dynamodb").create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            Tags=[{"Key": TAG_DEPLOYED_NAME, "Value": self.deployed}],
        )

    def apply(self, polls: list[Declaration], version: str) -> None:
        """What a deployment makes, and then the poller's machine at a tick."""
        self.deploy(polls)
        self.version = version
        self.set("poller", wanted=version, declared=json.dumps([one.text() for one in self.polls]))

    def deploy(self, polls: list[Declaration]) -> None:
        """What a deployment makes of the machine that says what is wanted."""
        self.polls = [replace(one, template=self.deployed) for one in polls]
        values = {":declared": {"S": json.dumps([one.text() for one in self.polls])}}
        definition = {"States": {"Declare": {"Parameters": {"ExpressionAttributeValues": values}}}}
        arn = self.machine.replace(self.deployed, poller_name(self.deployed))
        states = self.server.client("stepfunctions")
        states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))

    def arguments(self, *more: str, lease_seconds: float = 3.0, version: str = "") -> list[str]:
        """Of `serve`."""
        return [
            *("--table", self.table, "--machine", self.machine, "--version", version or self.version),
            *("--documents", f"s3://{BUCKET}/{ROOT}/{self.deployed}"),
            *("--lease-seconds", str(lease_seconds), "--stop-seconds", "1", *more),
        ]

    def start(self, *more: str, **said: Any) -> Process:
        """A process that polls. `said` as of `arguments`."""
        log = self.folder / f"log-{len(self.processes)}"
        self.processes.append(self.server.nursery.start(self.arguments(*more, **said), self.folder, log))
        return self.processes[-1]

    def start_whole(self) -> None:
        """A process as the job's is, with nothing left out."""
        with (self.folder / "log-whole").open("wb") as log:
            self.whole = subprocess.Popen(
                [sys.executable, "-c", _CODE, *self.arguments()],
                cwd=self.folder,
                env=self.server.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def logs(self) -> str:
        found = (path for path in sorted(self.folder.glob("log-*")) if not path.name.endswith("-code"))
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in found)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        if self.whole is not None:
            self.whole.kill()
            self.whole.wait()

    # what is there -----------------------------------------------------------------------------------------------

    def item(self, key: str) -> dict[str, str]:
        found = self.server.client("dynamodb").get_item(TableName=self.table, Key={"pk": {"S": key}})
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}

    def set(self, key: str, **values: str) -> None:
        """As people's commands and the poller's machine do."""
        self.server.client("dynamodb").update_item(
            TableName=self.table,
            Key={"pk": {"S": key}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
        )

    def state(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.item(f"trigger#{name}").get("state", "{}"))
        return told

    def stored(self, key: str) -> dict[str, Any]:
        """The state in an item, for who holds the emulator's lock."""
        item = dynamodb_backends[ACCOUNT][REGION].get_item(self.table, {"pk": {"S": key}})
        state = item.attrs.get("state") if item is not None else None
        told: dict[str, Any] = json.loads(state.value) if state is not None else {}
        return told

    def claims(self, name: str) -> list[dict[str, Any]]:
        return list(self.state(name).get("claims", []))

    def states(self, name: str) -> list[str]:
        return [claim["state"] for claim in self.claims(name)]

    def executions(self) -> list[Any]:
        """As the emulator has them, in the order in which they were made."""
        with self.server.front.lock:
            machines = stepfunctions_backends[ACCOUNT][REGION].state_machines
            return [one for machine in machines if machine.arn == self.machine for one in machine.executions]

    def runs(self, trigger: str = "") -> list[str]:
        """Names of executions."""
        return [one.name for one in self.executions() if one.name.startswith(f"poll-{trigger}")]

    def document(self, name: str, flow: str = "Polled") -> dict[str, Any]:
        """What the run of that name is told."""
        (one,) = (one for one in self.executions() if one.name == name)
        uri = json.loads(one.execution_input)["MetaflowTrigger"]["uri"]
        key = uri.removeprefix(f"s3://{BUCKET}/")
        assert key == f"{ROOT}/{self.deployed}/{flow}/_triggers/sfn-{name}.json"
        found: dict[str, Any] = json.loads(self.server.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return found

    def contexts(self, trigger: str = "") -> list[dict[str, Any]]:
        """What the runs were given."""
        return [self.document(name)["events"][0]["event"]["payload"] for name in self.runs(trigger)]

    def end_run(self, name: str, status: str = "SUCCEEDED") -> None:
        """As Step Functions tells it."""
        with self.server.front.lock:
            (one,) = (one for one in self.executions() if one.name == name)
            one.status = status

    def fail(self, why: str) -> None:
        """As an execution of the poller's machine whose job has failed."""
        states = self.server.client("stepfunctions")
        arn = self.machine.replace(self.deployed, poller_name(self.deployed))
        states.start_execution(stateMachineArn=arn, name="tick", input="{}")
        with self.server.front.lock:
            machines = stepfunctions_backends[ACCOUNT][REGION].state_machines
            (one,) = (one for machine in machines if machine.arn == arn for one in machine.executions)
            cause = json.dumps({"JobName": "poller", "StatusReason": why})
            one.status, one.error, one.cause = "FAILED", "States.TaskFailed", cause

    def says(self, trigger: str, **context: Any) -> None:
        """What the trigger fires from now on; without anything, nothing."""
        place = self.folder / f"context-{trigger}"
        if not context:
            place.unlink(missing_ok=True)
            return
        (self.folder / "new").write_text(json.dumps(context))
        (self.folder / "new").replace(place)

    def polled(self, trigger: str) -> int:
        """How often the trigger's function was called."""
        place = self.folder / f"polled-{trigger}"
        return place.stat().st_size if place.exists() else 0

    def until(self, what: Callable[[], Any], seconds: float = 40.0) -> Any:
        end = time.monotonic() + seconds
        while True:
            answer = what()
            if answer:
                return answer
            if time.monotonic() > end:
                told = "\n".join(f"{one.name}: {str(self.state(one.name))[:1000]}" for one in self.polls)
                raise AssertionError(f"{told}\n{self.logs()}")
            time.sleep(0.05)

    def polled_again(self, trigger: str, times: int = 2) -> None:
        """Wait until it was polled so many times more."""
        count = self.polled(trigger)
        self.until(lambda: self.polled(trigger) >= count + times)


HEAD = """
import json, os
from metaflow_triggers.poll import Context, TriggerResult, trigger


def told(name):
    with open(f"polled-{name}", "a") as file:
        file.write("x")
    try:
        text = open(f"context-{name}").read()
    except OSError:
        return TriggerResult.skip()
    return TriggerResult.fire(Context(json.loads(text)))
"""


def text_of(polls: list[Declaration]) -> str:
    """A file whose triggers fire what stands in `context-NAME`."""
    return HEAD + "".join(
        f"\n\n@trigger('Polled', name={one.name!r})\ndef poll_{number}():\n    return told({one.name!r})\n"
        for number, one in enumerate(polls)
    )


@contextlib.contextmanager
def world(server: Server, folder: Path, polls: list[Declaration], text: str = "") -> Iterator[PollWorld]:
    """A world whose processes end with it."""
    (folder / "polls.py").write_text(text or text_of(polls))
    made = PollWorld(server, folder, polls)
    try:
        yield made
    finally:
        made.close()
