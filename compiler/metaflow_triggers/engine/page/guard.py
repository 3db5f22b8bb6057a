"""Guard: who is let in, and what a browser may do with what it gets.

In:   the port, the token.
Out:  a middleware of aiohttp, which refuses requests for another host, from another origin and without the token; the
      headers of every answer.

Not here: what is served. The token comes as a header, which no other page can send and no other server of this machine
sees; scripts and style hold nothing of anybody and are given to all who ask for this host. The page's policy lets only
its own scripts run, nothing be asked for elsewhere, and (`require-trusted-types-for`) no text become markup.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from .address import HOST

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PRIVATE = "/api/"
"""What lies below needs the token."""


def guard(port: int, token: str) -> Any:
    """The middleware."""
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
    origins = {f"http://{host}" for host in hosts}
    bearer = f"Bearer {token}".encode()

    def refusal(request: web.Request) -> web.Response | None:
        if request.headers.getall("Host", []) not in [[host] for host in hosts]:
            return _refused(421, "this server answers at 127.0.0.1 only")
        origin = request.headers.get("Origin")
        if (origin is not None and origin not in origins) or (origin is None and request.method != "GET"):
            return _refused(403, "a page of another origin may not ask")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return _refused(403, "a page of another site may not ask")
        if request.path.startswith(PRIVATE):
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, bearer):
                return _refused(401, "open the address that `metaflow-triggers run` has printed: it holds the token")
        return None

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = refusal(request)
        return await handler(request) if refused is None else refused  # a response may count as false: it is a mapping

    return middleware


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Of every response, before it is sent."""
    response.headers.update(HEADERS)
    response.headers.pop("Server", None)


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"code": "", "message": why, "helps": []}, status=status)
