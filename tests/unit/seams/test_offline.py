"""Compiling opens no socket, whatever is configured; both backends compile in one process as in two."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .run import BACKENDS, EXAMPLES, QUIET, environment, python, succeeded

NO_SOCKETS = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(refuse)
"""
CONFIGURED = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "METAFLOW_DEFAULT_DATASTORE": "s3",
    "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/prefix",
    "METAFLOW_BATCH_JOB_QUEUE": "queue",
    "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/any",
}
COMMANDS = {
    **{backend: ("flow.py", *QUIET, backend, "compile") for backend in BACKENDS},
    "project": ("-m", "metaflow_triggers.commands.cli", "compile", "flow.py", "--output", "out"),
}


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "sitecustomize.py").write_text(NO_SOCKETS, "utf-8")
    return Path(shutil.copy(EXAMPLES / "workflow_shapes/flow.py", tmp_path))


@pytest.mark.parametrize("settings", [{}, CONFIGURED], ids=["bare", "configured"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_socket(flow: Path, command: str, settings: dict[str, str]) -> None:
    # One process for the project command: the audit hook of a fork is its parent's.
    process = python(*COMMANDS[command], cwd=flow.parent, PYTHONPATH=str(flow.parent), **settings)
    assert "batch-arrived" in succeeded(process)


def test_the_hook_would_have_seen_it(flow: Path) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    assert "RuntimeError: socket." in python("-c", code, cwd=flow.parent, PYTHONPATH=str(flow.parent)).stderr


def _namespaces() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-rn", "true"], check=False).returncode == 0


@pytest.mark.skipif(not _namespaces(), reason="needs network namespaces")
@pytest.mark.parametrize("backend", BACKENDS)
def test_in_a_network_namespace_without_any_interface(flow: Path, backend: str) -> None:
    process = subprocess.run(
        ["unshare", "-rn", sys.executable, *COMMANDS[backend]],
        cwd=flow.parent,
        env=environment(flow.parent, **CONFIGURED),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "batch-arrived" in succeeded(process)


def test_one_process_for_both_backends_changes_nothing(flow: Path) -> None:
    script = Path(__file__).parent / "prepared.py"

    def workflows(*names: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(
            succeeded(python(script, "flow.py", "workflows", *names, cwd=flow.parent))
        )
        return found

    apart = {**workflows(BACKENDS[0]), **workflows(BACKENDS[1])}
    assert workflows(*BACKENDS) == apart
    assert workflows(*reversed(BACKENDS)) == apart
    assert all(apart.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_project_command_writes_what_the_flow_command_writes(flow: Path, backend: str) -> None:
    succeeded(python("-m", "metaflow_triggers.commands.cli", "compile", "flow.py", "--output", "all", cwd=flow.parent))
    succeeded(python("flow.py", *QUIET, backend, "compile", "--output", "one", cwd=flow.parent))
    one, both = flow.parent / "one" / backend, flow.parent / "all" / backend
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(both) for path in both.rglob("*") if path.is_file())
    assert names
    for name in names:
        assert (one / name).read_bytes() == (both / name).read_bytes(), name
