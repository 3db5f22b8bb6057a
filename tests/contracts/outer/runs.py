"""Runs: old commands on today's code, in a folder that is as a container's is.

In:   a `Task` of `deployed`; today's code package of the flows in `data/flows`.
Out:  the artifacts of the run's start step.

Not here: what is expected. In such a folder today's runtime comes out of the code package, and the compiler is not
there: a task that needs it fails, as it would in a container.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests import forked

from .deployed import DATA, Task

_OUT_IS_HERE = """
import builtins
_open = builtins.open
def _elsewhere(file, *arguments, **options):
    if isinstance(file, str) and file.startswith("/mnt/out/"):
        file = {out!r} + file.removeprefix("/mnt/out")
    return _open(file, *arguments, **options)
builtins.open = _elsewhere
"""
"""Metaflow's own decorator for Argo writes below `/mnt/out`, which a pod has."""

BIN = Path(sys.executable).parent
ARGO_TASK = "t-1"
AWS_TASK = "job"


def clean(home: Path, **settings: str) -> dict[str, str]:
    """An environment in which nothing is set but `settings`; `python` is this one."""
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "METAFLOW_USER": "contract", **settings}


def command(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment's `bin` in a folder."""
    script = [] if words[0] == "python" else [str(BIN / words[0])]
    return forked.python([*script, *words[1:]], folder, clean(folder, **settings), 600)


def succeeded(folder: Path, *words: str, **settings: str) -> str:
    """The output of a command that must succeed."""
    done = command(folder, *words, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Container:
    """A folder with an unpacked code package, and a datastore beside it."""

    def __init__(self, folder: Path, package: Path) -> None:
        self.folder = folder / "container"
        self.root = folder / "datastore" / ".metaflow"
        shutil.copytree(DATA / "store", self.root)
        self.folder.mkdir()
        with tarfile.open(package) as archive:
            archive.extractall(self.folder, filter="data")
        hidden = folder / "hidden"
        hidden.mkdir()
        (hidden / "metaflow_triggers.py").write_text("raise ImportError('a task needs the compiler')\n")
        (hidden / "sitecustomize.py").write_text(_OUT_IS_HERE.format(out=str(folder)))
        self.settings = {
            "PYTHONPATH": f"{self.folder / '.mf_code'}:{hidden}",
            "METAFLOW_EXTRACTED_ROOT": str(self.folder),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "datastore"),
            "METAFLOW_HOME": str(folder / "home"),
        }

    def shell(self, text: str, environment: dict[str, str]) -> str:
        """The output of one command, which must succeed."""
        settings = {**environment, **self.settings}
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=clean(self.folder, **settings) | settings,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert not list(self.folder.rglob("pwned"))
        return done.stdout

    def start(self, task: Task, **settings: str) -> None:
        """Both halves of the start step."""
        environment = {**task.environment, **settings}
        self.shell(task.init(self.root), environment)
        self.shell(task.step(self.root), environment)

    def artifacts(self, flow: str, run: str, step: str, task: str) -> dict[str, Any]:
        """What a task kept, as JSON values."""
        from metaflow.datastore import FlowDataStore
        from metaflow.plugins.datastores.local_storage import LocalStorage

        store = FlowDataStore(flow, storage_impl=LocalStorage, ds_root=str(self.root))
        found = store.get_task_datastore(run, step, task, attempt=0)
        names = [name for name, _ in found.items() if not name.startswith("_") and name != "name"]
        return json.loads(json.dumps(dict(found.load_artifacts(names))))


@contextmanager
def kubernetes_with(workflow: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The address of an API that has one Workflow, and the paths that it is asked for."""
    asked: list[str] = []
    content = json.dumps(workflow).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
