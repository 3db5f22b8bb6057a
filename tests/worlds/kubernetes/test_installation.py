"""`make cluster` where it cannot be had: one line that says why, nothing left running, nothing left in the cache."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import installation

GO = shutil.which("go") or shutil.which(installation.USUAL)
needs_go = pytest.mark.skipif(GO is None, reason="needs Go (https://go.dev/dl)")


@pytest.fixture
def silent() -> Iterator[str]:
    """A module proxy that takes connections and does not answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def make(folder: Path, **settings: str) -> subprocess.Popen[str]:
    """`make cluster` with caches of its own."""
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "GOMODCACHE": str(folder / "modules"),
        "GOTOOLCHAIN": "local",
        "GOSUMDB": "off",
        **settings,
    }
    command = [sys.executable, "-m", "tests.worlds.kubernetes.installation"]
    root = Path(__file__).resolve().parents[3]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def running(folder: Path) -> list[str]:
    """Processes that have this folder in their environment, but for those that nobody has waited for yet."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def nothing_left(folder: Path) -> None:
    ends = time.monotonic() + 60
    while left := running(folder):
        assert time.monotonic() < ends, left
        time.sleep(0.05)


def test_no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(installation, "USUAL", str(tmp_path / "go"))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert installation.main(build=True) == 1
    finally:
        signal.signal(signal.SIGTERM, handler)
    told = capsys.readouterr()
    assert told.err == f"real cluster: {installation.versions()} {installation.HOW}\n" and told.out == ""
    assert not (tmp_path / "cache").exists()


@needs_go
def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        process = make(tmp_path, GOPROXY=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.startswith(f"real cluster: {installation.versions()} cannot be built: no module proxy answers (")
    assert errors.count("\n") == 1 and "connection refused" in errors
    assert not list((tmp_path / "cache").glob("**/cluster-*/*"))
    nothing_left(tmp_path)


@needs_go
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_cut_off(tmp_path: Path, silent: str, number: signal.Signals) -> None:
    process = make(tmp_path, GOPROXY=silent)
    ends = time.monotonic() + 120
    while not any(" mod download" in one for one in running(tmp_path)):
        assert process.poll() is None and time.monotonic() < ends
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    nothing_left(tmp_path)
    cache = tmp_path / "cache" / "metaflow-triggers-tests"
    left = [path.name for path in cache.iterdir() if path.name != "cluster.lock"]
    if number == signal.SIGKILL:  # which says nothing; the next one removes what it left
        assert process.returncode == -9 and errors == "" and len(left) == 1
        again = make(tmp_path, GOPROXY="off")
        _, errors = again.communicate(timeout=120)
        assert again.returncode == 1 and errors.count("\n") == 1
        left = [path.name for path in cache.iterdir() if path.name != "cluster.lock"]
    else:
        assert process.returncode == 130
        told = "real cluster: cut off; nothing runs, and the next one goes on from what is compiled\n"
        assert errors == told
    assert left == []
