"""What AWS refuses and what answers in its place: one coded message with the reason, and no secret in it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from metaflow_extensions.triggers.plugins import aws_answers
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.diagnostics import DiagnosticError

from tests.unit.backends.step_functions.samples import CONFIGURED
from tests.worlds.aws.stories import FEWER
from tests.worlds.aws.test_deploy import TOKEN, template
from tests.worlds.upstream.emulated_aws import Aws

from .conftest import MAPPING, Run
from .test_create_delete import clients

SESSION = "FwoGZXIvYXdzE" + "Tm90QVJlYWxUb2tlbg" * 9
HTML, JSON, XML = "text/html; charset=utf-8", "application/json", "application/xml"
PAGE = (
    "<!doctype html><html><head><title>Sign in</title><style>b {color: red}</style></head>\n"
    f"<body><p>Please sign in & go on.\nYour request: X-Amz-Security-Token: {SESSION}</p>{'<br>' * 9000}</body></html>"
).encode()
XHTML = f"<html><head><title>Sign in</title></head><body>Please sign in. {SESSION}</body></html>".encode()
OTHER = {
    "a page": (200, HTML, PAGE),
    "a page that is XML": (200, HTML, XHTML),
    "a page that refuses": (403, HTML, PAGE),
    "a page that redirects nobody": (511, HTML, XHTML),
    "JSON": (200, JSON, b'{"login": "https://portal.example/"}'),
    "JSON that refuses": (403, JSON, b'{"error": "blocked by the proxy"}'),
    "nothing to read": (200, JSON, b"{}"),
}


def plain(text: str) -> None:
    """No traceback, no token, no page."""
    assert "Traceback" not in text and SESSION[:30] not in text and "<" not in text.replace("<br>", "<"), text
    assert len(text) < 3000


def xml(code: str, message: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


# the datastore ------------------------------------------------------------------------------------------------------

DENIED = "User: arn:aws:sts::123456789012:assumed-role/deployer/x is not authorized to perform: s3:PutObject"
EXPIRED = "The provided token has expired."
S3 = {
    "denied": ("PUT", (403, XML, xml("AccessDenied", DENIED)), "FT702", ["AccessDenied", "s3:PutObject", DENIED]),
    "expired": ("", (400, XML, xml("ExpiredToken", EXPIRED)), "FT701", ["ExpiredToken", EXPIRED, "log in again"]),
    "no question allowed": ("HEAD GET", (403, XML, xml("AccessDenied", DENIED)), "FT702", ["s3:GetObject", DENIED]),
    "a bucket that is gone": ("PUT", (404, XML, xml("NoSuchBucket", "No such bucket")), "FT704", ["NoSuchBucket"]),
    "a page": ("", OTHER["a page"], "FT701", ["not S3 that answered", "HTTP 200, text/html"]),
    "a page that refuses": (
        "PUT",
        OTHER["a page that refuses"],
        "FT701",
        ["not S3", "HTTP 403, text/html"],
    ),
    "JSON that refuses": ("PUT", OTHER["JSON that refuses"], "FT701", ["HTTP 403, application/json"]),
}


@pytest.mark.parametrize("case", S3)
def test_an_upload_that_is_refused_keeps_the_reason(run: Run, aws: Aws, case: str) -> None:
    methods, answer, code, words = S3[case]

    def instead(operation: str) -> Any:
        method, _, path = operation.partition(" ")
        return answer if path.startswith("/mf-test/") and method in (methods.split() or [method]) else None

    aws.recorder.instead = instead
    settings = {"METAFLOW_USER": "tester", **aws.environment, "AWS_SESSION_TOKEN": SESSION}
    done = run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings, seconds=40)
    assert done.code == 1, done.err
    errors = done.err[done.err.index("error[") :]
    assert errors.startswith(f"error[{code}]"), done.err
    assert "s3://mf-test/metaflow/ParameterMapping/data/" in errors or "s3://mf-test/metaflow/" in errors
    for word in (*words, "repeat"):
        assert word in errors, errors
    plain(errors)
    assert not [one for one in aws.recorder.asked if one.endswith(("CreateStateMachine", "PutRule"))]


# the account --------------------------------------------------------------------------------------------------------


def works() -> dict[str, Any]:
    made = template(FEWER)
    return {
        "create": lambda client: create(made, TOKEN, CONFIGURED, client, accept_changes=True),
        "delete": lambda client: delete("OrderFlow", client, steps=("start", "end")),
    }


SERVICES = ("batch", "cloudwatch", "dynamodb", "events", "iam", "scheduler", "sqs", "stepfunctions", "sts")
SOME = ("GetCallerIdentity", "DescribeStateMachine", "PutTargets", "CreateQueue", "DeleteRole", "DeleteStateMachine")
EMPTY_IS_NO_ANSWER = ("GetCallerIdentity", "DescribeStateMachine")


def answered_by_another(aws: Aws, work: str, other: str, some: tuple[str, ...]) -> int:
    """Each kind of request (of `some`, if there are any) once; returns how many there were."""
    found = clients(aws)
    made = {name: found(name) for name in SERVICES}
    tasks = works()
    if work == "delete":
        tasks["create"](made.__getitem__)
    aws.recorder.asked.clear()
    tasks[work](made.__getitem__)
    needed = [name for name in dict.fromkeys(aws.recorder.asked) if name in (some or {name})]
    for operation in needed:
        tasks["create" if work == "delete" else "delete"](made.__getitem__)
        aws.recorder.instead = lambda asked, on=operation: OTHER[other] if asked == on else None  # type: ignore[misc]
        with pytest.raises(DiagnosticError) as raised:
            tasks[work](made.__getitem__)
        aws.recorder.instead = lambda operation: None
        (problem,) = raised.value.diagnostics
        assert problem.code == "FT701", (operation, problem)
        assert problem.message.startswith("it was not AWS that answered ") and " on " in problem.message
        assert "proxy" in problem.helps[0] and problem.notes
        plain(" ".join([problem.message, *problem.notes, *problem.helps]))
    tasks["delete"](made.__getitem__)
    return len(needed)


@pytest.mark.parametrize("other", [name for name in OTHER if OTHER[name][0] < 500])
def test_what_answers_in_the_place_of_aws_is_said(aws: Aws, other: str) -> None:
    assert answered_by_another(aws, "create", other, EMPTY_IS_NO_ANSWER if OTHER[other][2] == b"{}" else SOME) > 1


@pytest.mark.long
@pytest.mark.parametrize("other", ["a page", "a page that is XML", "a page that refuses", "JSON"])
@pytest.mark.parametrize("work", ["create", "delete"])
def test_it_is_said_of_every_request(aws: Aws, work: str, other: str) -> None:
    print(f"{work}, {other}: {answered_by_another(aws, work, other, ())} kinds of requests")


@pytest.mark.parametrize("command", [("diff", "--live"), ("create",), ("delete",)], ids=lambda item: item[0])
@pytest.mark.parametrize("other", ["a page", "JSON"])
def test_a_command_says_it_without_a_traceback(run: Run, aws: Aws, command: tuple[str, ...], other: str) -> None:
    aws.recorder.instead = lambda operation: OTHER[other]
    settings = {"METAFLOW_USER": "tester", **aws.environment, "AWS_SESSION_TOKEN": SESSION}
    done = run(MAPPING, "--no-pylint", "step-functions", *command, settings=settings, seconds=40)
    assert done.code != 0
    errors = done.err[done.err.index("error[") :]
    assert errors.startswith("error[FT701]: it was not AWS that answered sts:GetCallerIdentity on ") or command == (
        "create",
    ), errors
    assert "not AWS that answered" in errors
    plain(errors)


# an event -----------------------------------------------------------------------------------------------------------

EVENTS = {
    **{name: (OTHER[name], "it was not EventBridge that answered") for name in OTHER if OTHER[name][0] == 200},
    "expired": (
        (400, "application/x-amz-json-1.1", b'{"__type": "ExpiredTokenException", "message": "The token has expired"}'),
        "(ExpiredTokenException) when calling the PutEvents operation: The token has expired",
    ),
}


@pytest.mark.parametrize("case", EVENTS)
def test_an_event_that_aws_does_not_have_is_not_published(triggers: Run, aws: Aws, tmp_path: Path, case: str) -> None:
    answer, words = EVENTS[case]
    aws.recorder.instead = lambda operation: answer
    settings = {**aws.environment, "AWS_SESSION_TOKEN": SESSION}
    done = triggers("emit", "a", "--backend", "step-functions", cwd=tmp_path, settings=settings, seconds=40)
    assert (done.code, done.out) == (1, ""), done.err
    assert "error[FT763]" in done.err and words in done.err
    plain(done.err)


@pytest.mark.parametrize(("headers", "counts"), [({"x-amzn-requestid": "R-1"}, True), ({}, False)])
def test_an_answer_that_lacks_a_member_is_one_of_aws_if_it_is_numbered(headers: dict[str, str], counts: bool) -> None:
    """moto's StopExecution may answer `{}`, where AWS's always has a `stopDate`."""
    client = answering("stepfunctions", {"content-type": "application/x-amz-json-1.0", **headers}, b"{}")
    with contextlib.nullcontext() if counts else pytest.raises(aws_answers.NotAws):
        client.stop_execution(executionArn="arn:aws:states:eu-west-1:123456789012:execution:m:r")


OWN = b'<?xml version="1.0"?>\n<%s xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata/></%s>'
DOCUMENTS = {
    "its own": (OWN.replace(b"%s", b"DeleteRoleResponse"), True),
    "a page": (XHTML, False),
    "another operation's": (OWN.replace(b"%s", b"DeleteUserResponse"), False),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_an_operation_without_a_result_is_done_if_its_own_document_says_so(case: str) -> None:
    content, counts = DOCUMENTS[case]
    client = answering("iam", {"content-type": "text/xml"}, content)
    with contextlib.nullcontext() if counts else pytest.raises(aws_answers.NotAws, match="HTTP 200, text/xml"):
        client.delete_role(RoleName="role")


@pytest.mark.parametrize(("headers", "counts"), [({"etag": '"1"'}, True), ({}, False)])
def test_a_page_is_no_object_of_s3(headers: dict[str, str], counts: bool) -> None:
    client = answering("s3", {"content-type": "text/html", **headers}, PAGE)
    with contextlib.nullcontext() if counts else pytest.raises(aws_answers.NotAws, match="HTTP 200, text/html"):
        client.get_object(Bucket="bucket", Key="key")


def answering(service: str, headers: dict[str, str], content: bytes) -> Any:
    """A client that gets this for whatever it asks."""

    class Body:
        def stream(self, *_: Any, **__: Any) -> list[bytes]:
            return [content]

    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = aws_answers.watch(boto3.client(service, region_name="eu-west-1", **keys))
    client.meta.events.register("before-send", lambda **_: AWSResponse("http://aws", 200, headers, Body()))
    return client
