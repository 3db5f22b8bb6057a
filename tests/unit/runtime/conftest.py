"""Helpers: real flows as subprocesses with a home and a datastore of their own."""

from __future__ import annotations

import os
import subprocess
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import forked


class Workspace:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.datastore = path / "store" / ".metaflow"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(path),
            "METAFLOW_USER": "tester",
            "METAFLOW_HOME": str(path / "home"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(path / "store"),
        }

    def flow(self, text: str, name: str = "flow.py") -> Path:
        path = self.path / name
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    def python(
        self, *arguments: str, environment: dict[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        merged = {**self.environment, **(environment or {})}
        kept = {key: value for key, value in merged.items() if value is not None}
        return forked.python(arguments, self.path, kept)

    def run(self, *arguments: str, flow: str = "flow.py") -> str:
        """Output of a flow command that must succeed."""
        done = self.python(flow, "--no-pylint", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


class Server:
    """An HTTP server on 127.0.0.1. `answers` holds (status, body) for the next requests; the last one stays.

    The first answer is that of Argo's event source once it has the event. `location` is the target of redirects.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes]] = [(200, b"success")]
        self.location: str | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((self.command, self.path, dict(self.headers), body))
                status, answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.send_response(status)
                if server.location is not None and 300 <= status < 400:
                    self.send_header("Location", server.location)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = _answer

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server():
    started = Server()
    yield started
    started.close()
