"""An emulated AWS API on 127.0.0.1 whose account can be kept as it is and tried on: a copy of it is a fork.

In:   nothing; `python worlds.py` prints its address and serves until its standard input ends.
Out:  `worlds()`: a running one; `copied()`: what is done inside is undone at the end.

Not here: state machines that run (`emulator.py`). One request at a time: a process with threads cannot be forked.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .moto_corrections import correct
from .service import Aws

COPY, BACK = "/world/copy", "/world/back"


@contextlib.contextmanager
def worlds() -> Iterator[Aws]:
    """A server with an empty account."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        assert url.startswith("http://127.0.0.1:"), url
        yield Aws(url)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextlib.contextmanager
def copied(aws: Aws) -> Iterator[None]:
    """Inside, the account is a copy of what it was before and will be again."""
    _ask(aws, COPY)
    try:
        yield
    finally:
        _ask(aws, BACK)


def _ask(aws: Aws, path: str) -> None:
    urllib.request.urlopen(urllib.request.Request(aws.url + path, method="POST"), timeout=60).read()


# the server -----------------------------------------------------------------------------------------------------------


class _World:
    """A WSGI application in front of moto's; what `copy` and `back` ask for is done between two requests."""

    def __init__(self) -> None:
        from moto.core.config import default_user_config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        default_user_config["batch"] = {"use_docker": False}
        default_user_config["lambda"] = {"use_docker": False}
        correct()
        self._application = DomainDispatcherApplication(create_backend_app)
        self._wish = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] in (COPY, BACK):
            self._wish = environ["PATH_INFO"]
            start_response("200 OK", [("Content-Length", "0")])
            return []
        return self._application(environ, start_response)

    def serve(self, server: Any) -> None:
        """Until standard input ends. The one whose account is copied waits while the copy serves."""
        is_copy = False
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            server.handle_request()
            wish, self._wish = self._wish, ""
            if wish == BACK:
                if is_copy:
                    os._exit(0)
                raise AssertionError("this is the first account")
            if wish == COPY:
                child = os.fork()
                is_copy = is_copy or not child
                if child:
                    os.waitpid(child, 0)


if __name__ == "__main__":
    import logging

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    world = _World()
    made = make_server("127.0.0.1", 0, world)
    print(f"http://127.0.0.1:{made.server_port}", flush=True)
    world.serve(made)
