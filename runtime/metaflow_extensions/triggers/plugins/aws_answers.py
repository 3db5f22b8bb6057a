"""AWS answers: is what a boto3 client got an answer of AWS, and what does it say?

In:   boto3 clients, texts of errors.
Out:  `NotAws` where a proxy, a sign-in page or another server answered in AWS's place; texts of one line, cut, without
      tokens.

Not here: what is asked, what follows from an answer. botocore takes a page that is not JSON for an answer without any
member (`parsers.py`, `_parse_body_as_json`), so a sign-in page that answers 200 looks as if it was done.
"""

from __future__ import annotations

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
    elif model.name in ("PutObject", "UploadPart"):
        if "ETag" not in parsed:
            raise NotAws(status, _said(status, http_response, ""))
    elif "json" in model.service_model.protocol and not model.has_streaming_output:
        members = {key for key in parsed if key != "ResponseMetadata"}
        shape = model.output_shape
        required = set(shape.required_members) if shape else set()
        body = http_response.content.strip()
        empty = body in (b"", b"{}", b"null")
        # AWS numbers its answers; an emulator's may lack a member, and a later service's more.
        numbered = "x-amzn-requestid" in (http_response.headers or {})
        if (not members and not empty) or (not required <= members and not (empty and numbered)):
            raise NotAws(status, _said(status, http_response, body.decode("utf-8", "replace")))


def _unreadable(exception: Exception, **_: Any) -> None:
    from botocore.parsers import ResponseParserError

    if isinstance(exception, (ResponseParserError, KeyError, AttributeError)):  # a page that is XML has no result
        raise NotAws(0, one_line(f"{type(exception).__name__}: {exception}")) from exception


def _said(status: int, http_response: Any, text: object) -> str:
    kind = (http_response.headers or {}).get("content-type") or "no content type"
    said = one_line(text)
    return f"HTTP {status}, {one_line(kind)}" + (f": {said}" if said else "")
