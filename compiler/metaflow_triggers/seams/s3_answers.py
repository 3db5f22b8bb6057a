"""S3 answers: what S3 says when it refuses an upload.

In:   Metaflow's S3 client, at work inside `listening()`.
Out:  DiagnosticError (FT701, FT702, FT704) that keeps S3's own code and words.

Not here: uploading. Metaflow keeps the address of what was denied and no word of S3, and asks again for hours where
credentials have expired or a proxy answers (`S3._one_boto_op`, 2.19): boto3 has repeated what passes by then, so
what it gives up is raised at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from .environment import replaced

_ABSENT = {"404", "NoSuchKey"}
_IDENTITY = {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired"}
_DENIED = {"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"}


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Inside, Metaflow's S3 clients raise what S3 refuses, in S3's words."""
    try:
        from metaflow.plugins.datatools.s3 import s3 as datatools

        make = datatools.get_s3_client
    except ImportError:  # no boto3: whoever needs it says so
        yield
        return
    with replaced(datatools, get_s3_client=lambda *args, **options: _attended(*make(*args, **options))):
        yield


def _attended(client: Any, error: Any) -> tuple[Any, Any]:
    from metaflow.exception import MetaflowException
    from metaflow_extensions.triggers.plugins import aws_answers

    class Refused(MetaflowException):  # type: ignore[misc] # of this class: else Metaflow asks again
        def __init__(self, operation: str, cause: Exception) -> None:
            super().__init__(str(cause))
            self.operation, self.cause = operation, cause

    def answered(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
        code = str((parsed.get("Error") or {}).get("Code", ""))
        if http_response.status_code < 300 or code in _ABSENT:
            return
        if model.name == "HeadObject" and asked:  # its answer has no body: what asks for the body hears the reason
            with contextlib.suppress(error):
                client.get_object(**asked[-1], Range="bytes=0-0")
        raise Refused(model.name, error(parsed, model.name))

    def failed(exception: Exception, context: Any, event_name: str, **_: Any) -> None:
        if not isinstance(exception, MetaflowException):
            raise Refused(event_name.rpartition(".")[2], exception) from exception

    asked: list[dict[str, Any]] = []

    def asking(params: dict[str, Any], **_: Any) -> None:
        asked.append({key: params[key] for key in ("Bucket", "Key")})

    def strange(**more: Any) -> None:
        try:
            aws_answers.judge(**more)
        except aws_answers.NotAws as found:
            raise Refused(more["model"].name, found) from found

    events = client.meta.events
    events.register("provide-client-params.s3.HeadObject", asking)
    events.register("after-call.s3", strange)
    events.register("after-call.s3", answered)
    events.register("after-call-error.s3", failed)
    return client, error


def heard(what: str, where: str, error: Exception) -> DiagnosticError:
    """What is to be said of `error`, which stopped the upload of `what` to `where`."""
    from metaflow_extensions.triggers.plugins.aws_answers import NotAws, not_asked, one_line

    cause: Any = getattr(error, "cause", error)
    operation = getattr(error, "operation", "")
    action = {"HeadObject": "s3:GetObject", "GetObject": "s3:GetObject"}.get(operation, "s3:PutObject")
    told = f"{what} could not be written to {where}"
    answer = (getattr(cause, "response", None) or {}).get("Error", {})
    code, note = one_line(answer.get("Code", "")), one_line(answer.get("Message", "") or cause)
    if isinstance(cause, NotAws):
        help_ = (
            "is there a proxy or a sign-in page (HTTPS_PROXY), or another server at AWS_ENDPOINT_URL? Then repeat it"
        )
        return _error("FT701", f"{told}: it was not S3 that answered {action}", note, help_)
    if not_asked(cause):
        help_ = "are there credentials and a network? Then repeat the command"
        return _error("FT701", f"{told}: S3 cannot be asked for {action}", note, help_)
    if code in _IDENTITY:
        help_ = "log in again, or set the AWS_ variables to credentials that are valid; then repeat the command"
        return _error("FT701", f"{told}: S3 does not accept the credentials ({code}) for {action}", note, help_)
    if code in _DENIED:
        help_ = f"let who runs this command do {action} there (and s3:ListBucket), then repeat it"
        return _error("FT702", f"{told}: access denied ({code}): {action}", note, help_)
    help_ = "mend what is said above, then repeat the command: it goes on from here"
    return _error("FT704", f"{told}: {action} failed" + (f" ({code})" if code else ""), note, help_)


def _error(number: str, message: str, note: str, help_: str) -> DiagnosticError:
    return DiagnosticError([Diagnostic(number, message, notes=(note,) if note else (), helps=(help_,))])
