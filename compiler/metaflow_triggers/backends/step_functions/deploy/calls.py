"""Calls: requests to AWS, whose errors become diagnostics.

In:   boto3 clients.
Out:  results; DiagnosticError FT701 (no credentials or connection), FT702 (access denied), FT704 (anything else).

Not here: what is called. boto3 is imported inside functions: compiling needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError

_NO_IDENTITY = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_THROTTLED = {
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceQuotaExceededException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
_IN_PLACE = (
    "is there a proxy or a sign-in page (HTTPS_PROXY), or another server at AWS_ENDPOINT_URL? Then repeat the command"
)
_AGAIN = "log in again, or set AWS_PROFILE or the AWS_ variables to credentials that are valid; then repeat the command"


class Clients:
    """boto3 clients by service name, each made once. `make` is `boto3.client` unless given."""

    def __init__(self, make: Callable[[str], Any] | None = None) -> None:
        self._make = make
        self._made: dict[str, Any] = {}
        self.identity: dict[str, Any] | None = None
        """What `sts:GetCallerIdentity` has answered."""

    def __getitem__(self, service: str) -> Any:
        if service not in self._made:
            from metaflow_extensions.triggers.plugins.aws_answers import watch

            with calling(f"a client of {service}"):
                make = self._make
                if make is None:
                    import boto3

                    make = boto3.client
                self._made[service] = watch(make(service))
        return self._made[service]


def code(error: Any) -> str:
    """The error code of a ClientError."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def calling(action: str, resource: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside into a DiagnosticError that names `action` and `resource`, if it is on one."""
    from botocore import exceptions
    from metaflow_extensions.triggers.plugins.aws_answers import NotAws, one_line

    asked = f"{action} on {resource}" if resource else action
    try:
        yield
    except NotAws as error:
        raise _error("FT701", f"it was not AWS that answered {asked}", str(error), _IN_PLACE) from error
    except KeyError as error:  # nothing but questions and the reading of their answers is done inside
        note = f"the answer has no {error}"
        raise _error("FT701", f"it was not AWS that answered {asked}", note, _IN_PLACE) from error
    except exceptions.ClientError as error:
        raise _refused(error.response, asked) from error
    except exceptions.WaiterError as error:
        # It waits by asking, and what it asks may be refused.
        if (error.last_response or {}).get("Error") and "Max attempts" not in str(error):
            raise _refused(error.last_response, asked) from error
        raise _error("FT704", f"{asked} takes too long", one_line(error)) from error
    except exceptions.BotoCoreError as error:
        raise _unreachable(error, asked) from error


def _refused(response: Any, what: str) -> DiagnosticError:
    from metaflow_extensions.triggers.plugins.aws_answers import one_line

    said = response.get("Error", {})
    name, text = one_line(said.get("Code", "")), one_line(said.get("Message", ""))
    if name in _NO_IDENTITY:
        return _error("FT701", f"AWS does not accept the credentials ({name}) for {what}", text, _AGAIN)
    if name in _DENIED:
        help_ = "let who runs this command do that, or run it as somebody who may; then repeat it"
        return _error("FT702", f"access denied: {what}", text, help_)
    if name in _THROTTLED:
        help_ = "repeat the command in a while: it goes on where it stopped"
        return _error("FT704", f"AWS allows no more of {what} for now ({name})", text, help_)
    return _error("FT704", f"AWS refused {what} ({name})", text)


def _unreachable(error: Any, what: str) -> DiagnosticError:
    from botocore import exceptions
    from metaflow_extensions.triggers.plugins.aws_answers import one_line

    note = one_line(error)
    if isinstance(error, exceptions.NoRegionError):
        return _error("FT701", f"no region is configured for {what}", note, "set AWS_DEFAULT_REGION")
    credentials = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
    )
    if isinstance(error, (*credentials, exceptions.TokenRetrievalError, exceptions.SSOError)):
        help_ = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; log in again if they have expired"
        return _error("FT701", f"there are no credentials for {what}", note, help_)
    if isinstance(error, exceptions.ProfileNotFound):
        return _error("FT701", f"there is no such AWS profile for {what}", note, "set AWS_PROFILE to one that exists")
    help_ = "is the region (AWS_DEFAULT_REGION) one of AWS's, and is there a network?"
    return _error("FT701", f"AWS cannot be reached for {what}", note, help_)


def _error(number: str, message: str, note: str, help_: str = "") -> DiagnosticError:
    notes, helps = ((text,) if text else () for text in (note, help_))
    return DiagnosticError([Diagnostic(number, message, notes=notes, helps=helps)])


def absent(call: Callable[[], Any], *codes: str) -> Any:
    """The result of `call`, or None when AWS answers with one of `codes`."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if code(error) in codes:
            return None
        raise
