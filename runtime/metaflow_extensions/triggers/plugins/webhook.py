"""Webhook: one POST to Argo's event source, and what its answer means.

In:   an address, a token, a body, which answers count as accepted, whose certificates are trusted.
Out:  None where the event source has the event, else `Problem`: why not, and what is of use now.

Not here: retrying, what the body says. No secret is in a `Problem`: neither the token, nor what an address holds
beside host, port and path. Only the standard library, and no later Python than the image of a step may have: the text
of this file also runs in the exit handler's container, so it holds no Argo tag.

Argo Events (1.9.11) answers 200 with the body `success` once its bus has the event (DispatchEvent in
pkg/eventsources/common/webhook/webhook.go). Whatever else answers 200 is not the event source, and has no event.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

URL_VARIABLE = "METAFLOW_TRIGGERS_WEBHOOK_URL"
TOKEN_VARIABLE = "METAFLOW_TRIGGERS_WEBHOOK_TOKEN"  # noqa: S105 - a variable's name
ACCEPTED_VARIABLE = "METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED"
CA_VARIABLE = "METAFLOW_TRIGGERS_WEBHOOK_CA"

AGAIN, REFUSED, FINAL = "again", "refused", "final"

_ANSWER = b"success"
_INACTIVE = b"endpoint is inactive"
_TAKES_TLS = b"Client sent an HTTP request to an HTTPS server."  # Go's net/http
_READ = 4096


class Problem(NamedTuple):
    """Why an event was not taken.

    `then` is AGAIN (a fault that passes), REFUSED (it may mend, not by itself) or FINAL (the configuration is wrong).
    """

    why: str
    then: str


class _NotFollowed(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the POST into a GET without the event, and give the token to another host."""

    def http_error_302(self, *_: Any) -> None:
        return None  # so that it is raised like any other refusal

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def send(url: str, token: str, body: bytes, accepted: str = "", timeout: float = 30, *, ca: str = "") -> Problem | None:
    """POST `body`.

    `accepted`: statuses that count whatever the body, as "200,202"; "" for Argo's own answer. `ca`: of an https address
    the certificates that are trusted, in PEM or as a file's name; "" for those of the system.
    """
    url, token = url.strip(), token.strip()
    mistake = address_mistake(url) or _token_mistake(token) or accepted_mistake(accepted)
    if mistake:
        return Problem(mistake, FINAL)
    try:
        trusting = _trusting(ca.strip()) if urllib.parse.urlsplit(url).scheme == "https" else []
    except (OSError, ValueError) as error:
        return Problem(
            f"{CA_VARIABLE} is neither certificates in PEM nor a file of them: {type(error).__name__}", FINAL
        )
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above
    try:
        with urllib.request.build_opener(_NotFollowed, *trusting).open(request, timeout=timeout) as answer:
            text = answer.read(_READ)
            if answer.length and len(text) < _READ:  # it broke off
                raise http.client.IncompleteRead(text, answer.length)
            return _judged(answer.status, text, accepted, token)
    except urllib.error.HTTPError as error:
        with error:
            return _refusal(error, url, token)
    except (OSError, http.client.HTTPException) as error:
        return _unreachable(getattr(error, "reason", None) or error, token)
    except ValueError as error:  # a host that no name service takes
        return Problem(f"{URL_VARIABLE} cannot be used: {type(error).__name__}", FINAL)


def _trusting(ca: str) -> list[urllib.request.BaseHandler]:
    """What makes an opener trust these certificates alone. Raises OSError (as ssl.SSLError is) and ValueError."""
    if not ca:
        return []
    import ssl  # a Python may come without it, and then needs no certificates

    if "-----BEGIN" in ca:
        return [urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=ca))]
    return [urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))]


def _unreachable(reason: Any, token: str) -> Problem:
    if not hasattr(reason, "verify_message"):
        return Problem(f"the webhook cannot be reached: {_shown(str(reason) or type(reason).__name__, token)}", AGAIN)
    told = f"the webhook's certificate is not trusted: {_shown(str(reason.verify_message), token)}. Nothing was sent, "
    told += f"the token neither. {CA_VARIABLE} holds the certificate of who signed it, in PEM; without it the "
    return Problem(f"{told}system's are trusted", REFUSED)  # no later try makes it trusted


def _judged(status: int, body: bytes, accepted: str, token: str) -> Problem | None:
    if _statuses(accepted):
        if status in _statuses(accepted):
            return None
        told = "expected the status " + " or ".join(map(str, sorted(_statuses(accepted))))
    else:
        if status == 200 and body == _ANSWER:
            return None
        told = "expected HTTP 200 with the text `success`, which Argo's event source answers once it has the event"
    found = _shown(body.decode("utf-8", "replace"), token, 60)
    text = f"`{found}`" if found else "no text"
    hint = f"If a gateway answers in its stead, {ACCEPTED_VARIABLE} tells which statuses count"
    return Problem(f"the webhook answered HTTP {status} with {text}; {told}. {hint}", FINAL)


def _refusal(error: urllib.error.HTTPError, url: str, token: str) -> Problem:
    if 300 <= error.code < 400:
        told = f"the webhook at {_origin(url)} answered HTTP {error.code}, a redirect to {_target(url, error, token)}. "
        told += "It is not followed: the event is not published, and no other host was sent the token. "
        return Problem(f"{told}Set {URL_VARIABLE} to the address that takes events", FINAL)
    try:
        body = error.read(_READ)
    except (OSError, http.client.HTTPException):
        body = b""
    if error.code == 400 and body.strip() == _TAKES_TLS:
        told = f"the webhook at {_origin(url)} takes https alone, and the event was sent to it as plain http"
        return Problem(f"{told}. Set {URL_VARIABLE} to its https address", FINAL)
    # 404: the server of an event source is up before its endpoint is. 400: it is being started or stopped.
    passes = error.code >= 500 or error.code in {404, 408, 425, 429} or (error.code == 400 and body == _INACTIVE)
    told = ": the token is missing, or it is another one than the event source's" if error.code == 401 else ""
    return Problem(f"the webhook answered HTTP {error.code}{told}", AGAIN if passes else REFUSED)


# settings ----------------------------------------------------------------------------------------------------------


def address_mistake(url: str) -> str | None:
    """Why an address cannot be one of a webhook. It is not quoted: it may hold a secret."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        port, parts = None, urllib.parse.SplitResult("", "", "", "", "")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not re.fullmatch("[!-~]+", url):
        return f"{URL_VARIABLE} is not an http address: http://HOST:PORT/PATH is expected, in printable ASCII"
    if parts.username is not None or parts.password is not None:
        return f"{URL_VARIABLE} holds a user or a password, which are not sent; a token belongs into {TOKEN_VARIABLE}"
    return None


def _token_mistake(token: str) -> str | None:
    if re.fullmatch("[ -~]*", token):
        return None
    return f"{TOKEN_VARIABLE} holds a character that no header takes; printable ASCII is expected"


def accepted_mistake(accepted: str) -> str | None:
    """Why a text does not say which statuses count."""
    given = [item.strip() for item in accepted.split(",")] if accepted.strip() else []
    if all(re.fullmatch("2[0-9][0-9]", item) for item in given):
        return None
    return f"{ACCEPTED_VARIABLE} is not a list of statuses from 200 to 299, as in 200,202"


def _statuses(accepted: str) -> set[int]:
    return {int(item) for item in accepted.split(",")} if accepted.strip() else set()


# what may be shown -------------------------------------------------------------------------------------------------


def _shown(text: str, token: str, limit: int = 200) -> str:
    """Text of somebody else in a message: without the token, on one line, not endless."""
    for secret in {token, urllib.parse.quote(token), urllib.parse.quote(token, safe="")} if token else ():
        text = text.replace(secret, "***")
    text = "".join(char if char.isprintable() else " " for char in text).strip()
    return text if len(text) <= limit else text[:limit] + "..."


def _origin(url: str) -> str:
    """Scheme, host and port. Raises ValueError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def _target(url: str, error: urllib.error.HTTPError, token: str) -> str:
    """Where a redirect leads: without user, password, query and fragment, where secrets are."""
    location = error.headers.get("Location")
    if not location:
        return "nowhere"
    try:
        whole = urllib.parse.urljoin(url, location)
        return _shown(_origin(whole) + urllib.parse.urlsplit(whole).path, token)
    except ValueError:
        return "something that is no http address"
