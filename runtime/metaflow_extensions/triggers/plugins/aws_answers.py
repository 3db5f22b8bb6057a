"""AWS answers: is what a boto3 client got an answer of AWS, and what does it say?

In:   boto3 clients, texts of errors.
Out:  `NotAws` where a proxy, a sign-in page or another server answered in AWS's place; texts of one line, cut, without
      tokens.

Not here: what is asked, what follows from an answer. botocore takes a page that is not JSON for an answer without any
member (`parsers.py`, `_parse_body_as_json`), and any XML for the answer of an operation that has no result, so a
sign-in page that answers 200 looks as if it was done. An answer that is not the operation's own document is none.
"""

from __future__ import annotations

import io
import re
from typing import Any

_LONGEST = 400
_PAGE = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_SECRETS = (
    (
        re.compile(
            r"(?i)\b(x-amz-security-token|x-amz-(?:signature|credential)|signature|credential)([=:]\s*)[^\s,;&]+"
        ),
        r"\1\2...",
    ),
    (re.compile(r"(?i)\b(AWS4-HMAC-SHA256|bearer|basic)\s+[^\s<>\"']+"), r"\1 ..."),
    (re.compile(r"[A-Za-z0-9+/=%_-]{80,}"), "..."),
    (re.compile(r"://[^/\s@]*@"), "://"),
)
"""What repeats a request: IAM's "canonical string" holds the session's token, so do some proxies' pages."""


_OF_OBJECTS = {
    "CompleteMultipartUpload": "ETag",
    "CreateMultipartUpload": "UploadId",
    "GetObject": "ETag",
    "PutObject": "ETag",
    "UploadPart": "ETag",
}
"""Operation of S3 -> the member that each answer of it has. S3's documents have no names that follow from it."""
_QUERY = ("query", "ec2")
"""Protocols whose answers are XML documents that the operation names: `<DeleteRoleResponse>`
(https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization)."""


class NotAws(Exception):
    """Something else answered in AWS's place. `status` is its HTTP status, 0 where it is not known."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


def one_line(text: object) -> str:
    """What a service said: one line, cut, without what may be a token."""
    line = " ".join(_PAGE.sub(" ", str(text)).split() or str(text).split())
    for secret, instead in _SECRETS:
        line = secret.sub(instead, line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def not_asked(error: object) -> bool:
    """Whether boto3 got no answer at all: no credentials, no network."""
    try:
        from botocore.exceptions import BotoCoreError
    except ImportError:
        return False
    return isinstance(error, BotoCoreError)


def watch(client: Any) -> Any:
    """The client, whose calls from now on raise NotAws where something else answered."""
    client.meta.events.register("after-call", judge, unique_id="metaflow-triggers-answer")
    client.meta.events.register("after-call-error", _unreadable, unique_id="metaflow-triggers-unreadable")
    return client


def judge(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Raise NotAws unless AWS gave this answer: a handler of botocore's `after-call`."""
    status = http_response.status_code
    if model.http.get("method") == "HEAD":  # has no body, so S3 has no words
        if status < 300 and model.name == "HeadObject" and "ETag" not in parsed:
            raise NotAws(status, _said(status, http_response, ""))
        return
    if status >= 300:
        error = parsed.get("Error") or {}
        code = str(error.get("Code", ""))
        if code in ("", "Unknown") or code.isdigit():
            raise NotAws(status, _said(status, http_response, error.get("Message", "")))
    elif model.name in _OF_OBJECTS:
        if _OF_OBJECTS[model.name] not in parsed:
            raise NotAws(status, _said(status, http_response, ""))
    elif _protocol(model) in _QUERY:
        if _root(http_response.content) != f"{model.name}Response":
            raise NotAws(status, _said(status, http_response, http_response.content.decode("utf-8", "replace")))
    elif "json" in _protocol(model) and not model.has_streaming_output:
        members = {key for key in parsed if key != "ResponseMetadata"}
        shape = model.output_shape
        required = set(shape.required_members) if shape else set()
        body = http_response.content.strip()
        empty = body in (b"", b"{}", b"null")
        # AWS numbers its answers; an emulator's may lack a member, and a later service's more.
        numbered = "x-amzn-requestid" in (http_response.headers or {})
        if (not members and not empty) or (not required <= members and not (empty and numbered)):
            raise NotAws(status, _said(status, http_response, body.decode("utf-8", "replace")))


def _protocol(model: Any) -> str:
    """What the client speaks: of a service with several protocols not always the first that it has."""
    service = model.service_model
    return str(getattr(service, "resolved_protocol", None) or service.protocol)


def _root(content: bytes) -> str:
    """The name of a document's outermost element, without its namespace; "" where there is none."""
    from xml.etree import ElementTree

    found = ElementTree.iterparse(io.BytesIO(content), events=("start",))  # noqa: S314 - botocore has parsed it whole
    try:
        _, element = next(iter(found))
    except (ElementTree.ParseError, StopIteration):
        return ""
    return str(element.tag).rpartition("}")[2]


def _unreadable(exception: Exception, **_: Any) -> None:
    from botocore.parsers import ResponseParserError

    if isinstance(exception, (ResponseParserError, KeyError, AttributeError)):  # a page that is XML has no result
        raise NotAws(0, one_line(f"{type(exception).__name__}: {exception}")) from exception


def _said(status: int, http_response: Any, text: object) -> str:
    kind = (http_response.headers or {}).get("content-type") or "no content type"
    said = one_line(text)
    return f"HTTP {status}, {one_line(kind)}" + (f": {said}" if said else "")
