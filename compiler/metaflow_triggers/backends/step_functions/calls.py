"""Calls: requests to AWS, whose errors become diagnostics.

In:   boto3 clients.
Out:  results; DiagnosticError FT701 (no credentials or connection), FT702 (access denied), FT704 (anything else).

Not here: what is called. boto3 is imported inside functions: compiling needs none of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError

_NO_IDENTITY = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}


class Clients:
    """boto3 clients by service name, each made once. `make` is `boto3.client` unless given."""

    def __init__(self, make: Callable[[str], Any] | None = None) -> None:
        self._make = make
        self._made: dict[str, Any] = {}

    def __getitem__(self, service: str) -> Any:
        if service not in self._made:
            with calling(f"a client of {service}", service):
                make = self._make
                if make is None:
                    import boto3

                    make = boto3.client
                self._made[service] = make(service)
        return self._made[service]


def code(error: Any) -> str:
    """The error code of a ClientError."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def calling(action: str, resource: str) -> Iterator[None]:
    """Turn what boto3 raises inside into a DiagnosticError that names `action` and `resource`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        name = code(error)
        text = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
        if name in _NO_IDENTITY:
            raise _error("FT701", f"AWS does not accept the credentials ({name})", text) from error
        if name in _DENIED:
            raise _error("FT702", f"access denied: {action} on {resource}", text) from error
        raise _error("FT704", f"AWS refused {action} on {resource} ({name})", text) from error
    except BotoCoreError as error:
        raise _error(
            "FT701", f"AWS cannot be reached for {action} on {resource}", " ".join(str(error).split())
        ) from error


def _error(number: str, message: str, note: str) -> DiagnosticError:
    return DiagnosticError([Diagnostic(number, message, notes=(note,) if note else ())])


def absent(call: Callable[[], Any], *codes: str) -> Any:
    """The result of `call`, or None when AWS answers with one of `codes`."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if code(error) in codes:
            return None
        raise


def once_roles_are_known(call: Callable[[], Any], sleep: Callable[[float], None] = time.sleep) -> Any:
    """The result of `call`, repeated while AWS does not know a new role yet (IAM is eventually consistent)."""
    from botocore.exceptions import ClientError

    for attempt in range(6):
        try:
            return call()
        except ClientError as error:
            text = str(error).lower()
            if attempt == 5 or not ("assume" in text or "role" in text) or code(error) not in _ROLE_UNKNOWN:
                raise
            sleep(2.0**attempt)
    raise AssertionError("the last attempt returns or raises")


_ROLE_UNKNOWN = {"AccessDeniedException", "ValidationException", "InvalidParameterValueException", "ClientException"}
