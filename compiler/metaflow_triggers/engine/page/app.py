"""App: the page's requests and their answers.

In:   a hub, the flows that are served with their picture, the database.
Out:  an application of aiohttp.

Not here: who may ask (`guard`), what is asked for (`looked`, `form`, `acts`). What takes time runs in threads, with
connections of their own.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import sqlite3
from collections.abc import Callable
from importlib import resources
from typing import Any

from aiohttp import web
from metaflow_extensions.triggers.contract import exact_json

from ...diagnostics import Diagnostic, DiagnosticError
from ...pictures import page as pictures
from .. import faults, store
from . import acts, form, looked
from .current import Files
from .guard import add_headers, guard
from .hub import Hub
from .state import Served

LARGEST_REQUEST = 1 << 20
"""Bytes. A payload has at most 240 KiB, which JSON inside of JSON may double."""
_LOG_SECONDS = 0.3
SCRIPTS = ("own.js", "lists.js", "detail.js", "emit.js", "live.js")


def application(served: Served, files: Files, hub: Hub, port: int, token: str) -> web.Application:
    """The page of one engine."""
    made = web.Application(middlewares=[guard(port, token)], client_max_size=LARGEST_REQUEST)
    made.on_response_prepare.append(add_headers)
    asked = _Asked(served, files, hub)
    made.add_routes(
        [
            web.get("/", _file("shell.html", "text/html")),
            web.get("/page.css", _file(("page.css", "live.css"), "text/css")),
            web.get("/favicon.ico", _nothing),
            web.get("/app.js", _file("app.js", "text/javascript")),
            web.get("/api/picture", asked.picture),
            web.get("/api/live", asked.live),
            web.get("/api/event/{number:[0-9]{1,18}}", asked.event),
            web.get("/api/start/{number:[0-9]{1,18}}", asked.start),
            web.get("/api/log/{number:[0-9]{1,18}}", asked.log),
            web.get("/api/form", asked.form),
            web.post("/api/do/{act}", asked.act),
        ]
    )
    return made


def script() -> str:
    """All scripts as one: those of a picture, and what makes it alive, begun when the picture has come."""
    whole = "\n".join([*map(pictures.text_of, pictures.SCRIPTS), *map(_own, SCRIPTS)])
    return f"{_own('begin.js')}\nBegin.ready.then(() => {{\n{whole}\n}}).catch(Begin.failed);\n"


def _own(name: str) -> str:
    return (resources.files(__package__ or "") / name).read_text("utf-8")


def _file(name: str | tuple[str, str], kind: str) -> Callable[[web.Request], Any]:
    if isinstance(name, tuple):
        text = pictures.text_of(name[0]) + _own(name[1])
    elif name == "shell.html":
        text = _own(name).replace("{{header}}", pictures.header("metaflow-triggers"))
    else:
        text = script()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind, charset="utf-8")

    return answer


async def _nothing(request: web.Request) -> web.Response:
    return web.Response(status=204)


def _json(value: Any, status: int = 200) -> web.Response:
    """Numbers of payloads keep their digits as text; no text of a user is anything but JSON."""
    return web.json_response(text=exact_json.dumps(value), status=status)


def _not_there() -> web.Response:
    return _json({"code": "", "message": "it is not there: it was pruned, or there never was one", "helps": []}, 404)


def _told(found: Diagnostic, status: int) -> web.Response:
    return _json(
        {"code": found.code, "message": found.message, "helps": list(found.helps), "notes": list(found.notes)}, status
    )


class _Asked:
    def __init__(self, served: Served, files: Files, hub: Hub) -> None:
        self._served, self._files, self._hub = served, files, hub

    async def _ask(self, question: Callable[..., Any], *values: Any) -> web.Response:
        """A thread's answer, or why there is none."""
        try:
            found = await asyncio.to_thread(question, *values)
        except DiagnosticError as error:
            return _told(error.diagnostics[0], 409)
        except sqlite3.Error as error:
            return _told(faults.diagnostic(error, self._served.database), 503)
        if found is None:
            return _not_there()
        return _json(found)

    async def picture(self, request: web.Request) -> web.Response:
        return web.Response(body=self._served.picture, content_type="application/json")

    async def event(self, request: web.Request) -> web.Response:
        served = self._served
        number = int(request.match_info["number"])
        return await self._ask(looked.event, served.database, served.logs, served.flows, number)

    async def start(self, request: web.Request) -> web.Response:
        served = self._served
        return await self._ask(looked.start, served.database, served.logs, int(request.match_info["number"]))

    async def form(self, request: web.Request) -> web.Response:
        name = request.query.get("event", "")
        schema, mapped = self._served.carried(name)
        sequence = request.query.get("sequence", "")

        def made() -> dict[str, Any]:
            number = int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 19 else None
            return form.form(schema, looked.payload(self._served.database, name, number), mapped)

        return await self._ask(made)

    async def act(self, request: web.Request) -> web.Response:
        name = request.match_info["act"]
        if name not in acts.NAMES or request.content_type != "application/json":
            return _json({"code": "", "message": "nothing of this name can be done", "helps": []}, 404)
        try:
            given = json.loads(await request.read())
            if not isinstance(given, dict):
                raise acts.Unfit("an object is expected")
            where = acts.Where(self._served.database, self._files)
            return await self._ask(acts.act, name, where, given)
        except (acts.Unfit, ValueError, RecursionError) as error:
            return _json({"code": "", "message": str(error) or "it cannot be read", "helps": []}, 400)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events for as long as the page is open."""
        response = _stream()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            async with contextlib.aclosing(self._hub.stream()) as parts:
                async for part in parts:
                    await response.write(part)
        return response

    async def log(self, request: web.Request) -> web.StreamResponse:
        """A run's log from near its end on, until the run has ended."""
        number, served = int(request.match_info["number"]), self._served
        try:
            found = await asyncio.to_thread(looked.log, served.database, served.logs, number)
        except DiagnosticError as error:
            return _told(error.diagnostics[0], 409)
        except sqlite3.Error as error:
            return _told(faults.diagnostic(error, served.database), 503)
        if found is None:
            return _not_there()
        log, is_over = found
        log.begin()
        response = _stream()
        await response.prepare(request)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        await response.write(_sent("begin", {"path": log.path, "left_out": log.left_out}))
        with contextlib.suppress(ConnectionError):
            while not self._hub.has_ended:
                part, why = await asyncio.to_thread(_part, log)
                if part:
                    await response.write(_sent("part", decoder.decode(part)))
                    continue
                if is_over:
                    await response.write(_sent("end", why))
                    break
                is_over = await asyncio.to_thread(_is_over, served.database, number)
                if not is_over:
                    await asyncio.sleep(_LOG_SECONDS)
        return response


def _part(log: looked.Log) -> tuple[bytes, str | None]:
    try:
        return log.read(), None
    except FileNotFoundError:
        return b"", "there is no log"
    except OSError as error:
        return b"", f"the log cannot be read: {error.strerror}"


def _is_over(database: str, number: int) -> bool:
    try:
        with contextlib.closing(store.connect(database, create=False)) as connection:
            return looked.is_over(connection, number)
    except (DiagnosticError, sqlite3.Error):
        return False


def _sent(event: str, value: Any) -> bytes:
    return f"event: {event}\ndata: {json.dumps(value)}\n\n".encode()


def _stream() -> web.StreamResponse:
    return web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
