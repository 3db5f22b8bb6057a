#!/bin/sh
# aiohttp 3.9.5 and 3.14.5 (PyPI), a middleware that refuses.
#
# Guess before running: `return refusal(request) or await handler(request)`, where `refusal` gives a Response of 401 or
# None, refuses: a response is an object without a length of its own, so it counts as true. It passes the tests of
# whoever has a new aiohttp.
#
# Seen:
#   - 3.9.5: a Response is a mutable mapping, so a fresh one is empty and false: the handler runs, and everybody is let in
#   - 3.14.5: it has `__bool__`, and the same line refuses
# A package that allows both needs `is None`.
#
# Fails if any of this changes. Needs Python 3.10 to 3.12, for which 3.9.5 has wheels, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
cd "$work"
cat >ask.py <<'PY'
import asyncio
import aiohttp
from aiohttp import web


def refusal(request):
    return None if "Authorization" in request.headers else web.Response(status=401)


@web.middleware
async def guard(request, handler):
    return refusal(request) or await handler(request)


async def secret(request):
    return web.Response(text="secret")


async def main():
    app = web.Application(middlewares=[guard])
    app.add_routes([web.get("/", secret)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
        print(aiohttp.__version__, "without a token:", answer.status)
    await runner.cleanup()


asyncio.run(main())
PY
for version in 3.9.5 3.14.5; do
    "$work/venv/bin/pip" --disable-pip-version-check install --quiet "aiohttp==$version"
    "$work/venv/bin/python" ask.py
done >seen
cat >expected <<'TXT'
3.9.5 without a token: 200
3.14.5 without a token: 401
TXT
cat seen
diff expected seen && echo "as described"
