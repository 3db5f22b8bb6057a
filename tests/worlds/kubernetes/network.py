"""Network: of the pods of a cluster, each in a namespace of its own, on a bridge that leads nowhere else.

In:   nothing of this machine but the kernel's namespaces, by `ip` and `nsenter`. They ask for root.
Out:  an address for each pod; names, by one file of hosts that all pods have; doors, by which what listens on 127.0.0.1
      of this machine is reached at the bridge's address, and a pod from 127.0.0.1.

Not here: pods (`node`, `service_pods`), and of Kubernetes' networks: addresses of Services (a name leads to the pods
behind it, so a Service's port must be its pods'), DNS, NetworkPolicies. The bridge lies in a namespace, too: this
machine gets no interface and no route, and all of it is gone when the process is that made it.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..argo.workflow_pods import Place

GATEWAY = "10.213.0.1"
"""Of the bridge: what a pod reaches there is a door (`Network.door_out`)."""

_MASK = 16
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_ENDS_WITH_US = ["setpriv", "--pdeathsig", "KILL"]
_T = TypeVar("_T")


def why_not() -> str | None:
    """None, or why pods can have no networks of their own on this machine."""
    if os.geteuid() != 0:
        return "they need root"
    try:
        with Network() as network:
            network.pod().end()
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        return f"they need namespaces, `ip` and bridges of the kernel: {said}"
    return None


class _Namespace:
    """A network namespace, which lives as long as a process in it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [*_ENDS_WITH_US, "unshare", "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None and self._process.stderr is not None
        if not self._process.stdout.readline():
            raise OSError(self._process.stderr.read().decode("utf-8", "replace").strip())
        self.enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def ip(self, *lines: str) -> None:
        """Commands of `ip`, without its name."""
        text = "".join(f"{line}\n" for line in lines)
        subprocess.run([*self.enter, "ip", "-batch", "-"], input=text, capture_output=True, text=True, check=True)

    def ip_or_end(self, *lines: str) -> None:
        """The first of them: without it, it is of no use."""
        try:
            self.ip(*lines)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class PodNetwork(Place):
    """Of one pod, until `end`."""

    namespace: _Namespace | None = field(default=None, repr=False)

    def end(self) -> None:
        assert self.namespace is not None
        self.namespace.end()


class Network:
    """`with Network() as network:`"""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where the file of names is kept; without one there are no names."""
        self._folder = folder
        self._numbers = itertools.count(2)
        self._doors: list[socket.socket] = []
        self._lock = threading.Lock()
        self._names = ""

    def __enter__(self) -> Network:
        self._bridge = _Namespace()
        self._bridge.ip_or_end(
            "link set lo up", "link add pods type bridge", f"address add {GATEWAY}/{_MASK} dev pods", "link set pods up"
        )
        if self._folder is not None:
            self.name({})
            # Nobody answers there, at once.
            (self._folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n", "utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        for door in self._doors:
            door.close()
        self._bridge.end()

    def pod(self) -> PodNetwork:
        """A namespace with an address of its own."""
        with self._lock:
            number = next(self._numbers)
        address = f"10.213.{number // 256}.{number % 256}"
        made = _Namespace()
        self._bridge.ip(
            f"link add pod{number} type veth peer name eth0 netns {made.pid}", f"link set pod{number} master pods up"
        )
        made.ip_or_end("link set lo up", f"address add {address}/{_MASK} dev eth0", "link set eth0 up")
        mounts = []
        if self._folder is not None:
            mounts = [f"mount --bind '{self._folder / name}' /etc/{name}" for name in ("hosts", "resolv.conf")]
        return PodNetwork(address, tuple(made.enter), tuple(mounts), made)

    def name(self, addresses: dict[str, Iterable[str]]) -> None:
        """Names and to which addresses they lead, from now on, in all pods."""
        pairs = sorted((name, one) for name, several in addresses.items() for one in several)
        text = "127.0.0.1 localhost\n" + "".join(f"{one} {name}\n" for name, one in pairs)
        if self._folder is None or text == self._names:
            return
        self._names = text
        with (self._folder / "hosts").open("a+", encoding="utf-8") as file:  # the same file: it is mounted
            file.truncate(0)
            file.write(text)

    def door_out(self, port: int, target: int) -> None:
        """What listens on 127.0.0.1:`target` of this machine is reached by pods at GATEWAY:`port`."""
        listener = self._inside(lambda: socket.create_server((GATEWAY, port), backlog=128))
        self._pass(listener, lambda: socket.create_connection(("127.0.0.1", target)))

    def door_in(self, where: Callable[[], tuple[str, int]]) -> int:
        """A port on 127.0.0.1 of this machine at which what listens `where` in a pod is reached, as `kubectl
        port-forward` gives one."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._pass(listener, lambda: self.connect(*where()))
        return int(listener.getsockname()[1])

    def connect(self, address: str, port: int, seconds: float = 10) -> socket.socket:
        """A connection to a pod, from the bridge. Raises OSError."""
        return self._inside(lambda: socket.create_connection((address, port), seconds))

    def _inside(self, work: Callable[[], _T]) -> _T:
        """Do something where the bridge is. A thread enters it, which ends then: a socket stays where it was made."""
        done: list[Any] = []

        def run() -> None:
            try:
                with open(f"/proc/{self._bridge.pid}/ns/net", "rb") as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK):
                        raise OSError(ctypes.get_errno(), "cannot enter the pods' network")
                done.append((work(), None))
            except OSError as error:
                done.append((None, error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        result, error = done[0]
        if error is not None:
            raise error
        made: _T = result
        return made

    def _pass(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._doors.append(listener)

        def accept() -> None:
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return  # closed
                threading.Thread(target=_join, args=(near, connect), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()


def _join(near: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Pass on what comes from both sides, until both have ended."""
    with near:
        try:
            far = connect()
        except OSError:
            return
        with far:
            far.settimeout(None)
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for one in (source, target):  # the other direction ends as well
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
