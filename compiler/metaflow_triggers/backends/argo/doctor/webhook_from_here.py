"""Webhook from here: whether `emit` on this machine would be let in.

In:   the address and the token that are configured here.
Out:  a finding; None where no address is.

Not here: publishing. Argo Events (1.9.11) asks for the token first and for the method then: a GET with the token tells
whether it is the right one, and starts nothing (pkg/eventsources/common/webhook/webhook.go, startServer; and
sources/webhook/start.go, HandleRoute).
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from metaflow_extensions.triggers.plugins import webhook

from .... import seams
from ....doctor.findings import Finding, fine, lacking, not_asked

THING = "webhook from here"
_OTHER_METHOD = b"http method does not match"
_SECONDS = 10.0


class _NotFollowed(urllib.request.HTTPRedirectHandler):
    """Another host is not given the token."""

    def redirect_request(self, *_: Any) -> None:
        return None


def asked() -> Finding | None:
    """One GET, with the token."""
    url = seams.configured("TRIGGERS_WEBHOOK_URL")
    if not url:
        return None
    url = url.strip()
    mistake = webhook.address_mistake(url)
    if mistake:
        return lacking(THING, mistake, f"set {webhook.URL_VARIABLE}", code="FT763")
    where = urllib.parse.urlsplit(url)._replace(query="", fragment="").geturl()
    token = (seams.configured("TRIGGERS_WEBHOOK_TOKEN") or "").strip()
    try:
        status, text = _answer(url, token)
    except (OSError, ValueError, http.client.HTTPException) as error:
        # An address of the cluster is none for this machine, and is only needed by who publishes from it.
        why = type(getattr(error, "reason", None) or error).__name__
        forward = "reach it, for instance by: kubectl port-forward"
        return lacking(
            THING, f"{where} cannot be reached: {why}", forward, f"or unset {webhook.URL_VARIABLE}", code="FT763"
        )
    if status in (401, 403):
        told = f"{where} answers {status}: the token is missing, or it is another one than the event source's"
        read = "kubectl get secret NAME -o jsonpath='{.data.token}' | base64 -d"
        return lacking(THING, told, f"set {webhook.TOKEN_VARIABLE} to what this prints: {read}", code="FT763")
    if status == 405 or (status == 400 and text.strip() == _OTHER_METHOD):
        return fine(THING, where)
    if status == 404:
        told = f"{where} answers 404: its event source has another path, or is being started"
        return lacking(THING, told, f"set {webhook.URL_VARIABLE}", code="FT763")
    return not_asked(THING, "an event: its answer to a GET tells nothing", f"{where} answers {status}")


def _answer(url: str, token: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers, method="GET")  # noqa: S310 - http or https, checked
    handlers: list[Any] = [_NotFollowed]
    ca = (seams.configured("TRIGGERS_WEBHOOK_CA") or "").strip()
    if ca and url.startswith("https"):
        import ssl

        is_text = "-----BEGIN" in ca
        trusted = ssl.create_default_context(cadata=ca) if is_text else ssl.create_default_context(cafile=ca)
        handlers.append(urllib.request.HTTPSHandler(context=trusted))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as answer:
            return answer.status, answer.read(256)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(256)
