"""The network of pods: two of them on one port at once, names, doors, and no way out."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import SKIPPED_NETWORKS
from .network import GATEWAY, Network, PodNetwork, why_not


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    reason = why_not()
    if reason is not None:
        pytest.skip(f"{SKIPPED_NETWORKS}{reason}")
    with Network(tmp_path) as made:
        yield made


SERVE = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(sys.argv[1].encode())
server = socketserver.TCPServer(("", 12000), Handler)
print(flush=True)
server.serve_forever()
"""
REACH = """
import socket, sys
try:
    print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).recv(100).decode())
except OSError as error:
    print(type(error).__name__, error)
"""


def serving(pod: PodNetwork, words: str) -> subprocess.Popen[str]:
    command = [*pod.enter, sys.executable, "-c", SERVE, words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline()
    return process


def reached(pod: PodNetwork, name: str, port: int) -> str:
    """What somebody in a pod is told there."""
    script = "\n".join([*pod.mounts, 'exec "$@"'])
    command = [*pod.enter, "unshare", "--mount", "sh", "-ec", script, "sh", sys.executable, "-c", REACH, name]
    return subprocess.run([*command, str(port)], capture_output=True, text=True, check=True).stdout.strip()


def test_two_pods_have_one_port_each_and_are_reached_by_name(network: Network) -> None:
    one, other, asking = (network.pod() for _ in range(3))
    running = [serving(one, "one"), serving(other, "other")]
    try:
        network.name({"one.events.svc": [one.address], "other.events.svc": [other.address]})
        assert reached(asking, "one.events.svc", 12000) == "one"
        assert reached(asking, "other.events.svc", 12000) == "other"
        network.name({"one.events.svc": [other.address]})  # a Service's pod was replaced
        assert reached(asking, "one.events.svc", 12000) == "other"
        assert "gaierror" in reached(asking, "other.events.svc", 12000)
        port = network.door_in(lambda: (one.address, 12000))
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            assert connection.recv(100) == b"one"
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_a_pod_reaches_what_a_door_leads_to_and_nothing_else_of_this_machine(network: Network) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[method-assign, assignment]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port, pod = server.server_port, network.pod()
        code = f"import urllib.request; print(urllib.request.urlopen('http://{GATEWAY}:443/', timeout=5).status)"
        command = [*pod.enter, sys.executable, "-c", code]
        assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 1
        network.door_out(443, port)
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "200\n"
        assert "ConnectionRefusedError" in reached(pod, "127.0.0.1", port)  # its own loopback
        assert "ConnectionRefusedError" in reached(pod, GATEWAY, port)
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status == 200
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("address", ["1.1.1.1", "192.0.2.1", "example.org"])
def test_no_pod_reaches_what_lies_outside(network: Network, address: str) -> None:
    pod = network.pod()
    told = reached(pod, address, 443)
    assert told.startswith(("OSError [Errno 101] Network is unreachable", "gaierror")), told


def test_all_of_it_is_gone_with_who_made_it(tmp_path: Path) -> None:
    """Also when that is killed: it leaves no interface on this machine and no process."""
    if why_not() is not None:
        pytest.skip(f"{SKIPPED_NETWORKS}{why_not()}")
    before = {name for _, name in socket.if_nameindex()}
    code = (
        "import os, sys\nfrom tests.worlds.kubernetes.network import Network\n"
        "network = Network().__enter__()\npod = network.pod()\n"
        "print(pod.namespace.pid, network._bridge.pid, flush=True)\nsys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    )
    assert process.stdout is not None
    pids = process.stdout.readline().split()
    assert len(pids) == 2 and all(Path(f"/proc/{pid}").exists() for pid in pids)
    assert {name for _, name in socket.if_nameindex()} == before
    process.kill()
    process.communicate()
    ends = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < ends
        time.sleep(0.02)


def alive(pid: str) -> bool:
    """Whose parent is gone, for that waits the first process, or nobody."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


_ROOT = Path(__file__).resolve().parents[3]
