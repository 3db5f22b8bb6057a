"""Poll starters: how a child that polls a file comes to be, and how it ends.

In:   a file.
Out:  a child with a channel and what it prints; when it ended, and how.

Not here: what is said on the channel (`polling.child`), when a child is started or ended (`polling.children`).
`ForkServer` forks children from a process that is there for nothing else (`polling.server`); where forks are unsafe,
and where that process finds that it has threads, `Spawner` starts each as a new Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from metaflow_extensions.triggers.plugins.local_runs import is_alive, process_started

from .. import processes
from .child import LOST
from .server import LONGEST_MESSAGE

_CLOSE_SECONDS = 1.0


def _python(module: str, *arguments: str) -> list[str]:
    """A command line. Unlike with `-m`, no file of the current folder takes the place of a library's."""
    code = f"import sys; sys.path[:] = filter(None, sys.path); from {__package__} import {module} as it; "
    return [sys.executable, "-c", code + "it.main(sys.argv[1:])", *arguments]


@dataclass(eq=False)
class Started:
    """A child. `channel` and `output` do not block and are closed by whoever has them."""

    number: int
    channel: socket.socket
    output: int
    pid: int = 0
    started: str | None = None


class Starter(Protocol):
    """Starts children. One thread uses it."""

    def start(self, file: str) -> Started:
        """A child for the file. Raises OSError."""

    def end(self, started: Started) -> None:
        """Kill a child and its session."""

    def attach(self, selector: selectors.BaseSelector, heard: Callable[[], None]) -> float | None:
        """Have `heard` registered as the data of what becomes readable when `ended` has something new.

        Returns after how many seconds to ask `ended` all the same, where nothing becomes readable.
        """

    def ended(self) -> list[tuple[int, str]]:
        """(number, how it ended) of the children that have ended since the last call."""

    def close(self) -> None:
        """End all children."""


def how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        also = ": a poll closed descriptors that it had not opened" if code == LOST else ""
        return f"exited with {code}{also}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _made(number: int) -> tuple[Started, socket.socket, int]:
    """A child to be, and its two ends: of the channel, and what it writes to."""
    ours, theirs = socket.socketpair()
    try:
        read_end, write_end = os.pipe()
    except OSError:
        ours.close()
        theirs.close()
        raise
    ours.setblocking(False)
    os.set_blocking(read_end, False)
    return Started(number, ours, read_end), theirs, write_end


class Spawner:
    """Starts each child as a new Python."""

    def __init__(self, environment: Mapping[str, str] | None = None, first: int = 1) -> None:
        self._environment = environment
        self._next = first
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, file: str) -> Started:
        """A child for the file. Raises OSError."""
        started, channel, output = _made(self._next)
        self._next += 1
        try:
            child = subprocess.Popen(
                _python("child", file, str(channel.fileno()), str(output)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(channel.fileno(), output),
                env=self._environment,
                start_new_session=True,
            )
        except OSError:
            started.channel.close()
            os.close(started.output)
            raise
        finally:
            channel.close()
            os.close(output)
        started.pid = child.pid
        self._children[started.number] = child
        return started

    def end(self, started: Started) -> None:
        """Kill a child and its session."""
        child = self._children.get(started.number)
        if child is not None and child.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)

    def attach(self, selector: selectors.BaseSelector, heard: Callable[[], None]) -> float | None:
        """Children are asked."""
        return 0.25

    def ended(self) -> list[tuple[int, str]]:
        """(number, how it ended) of the children that have ended since the last call."""
        over = [(number, child) for number, child in self._children.items() if child.poll() is not None]
        for number, child in over:
            del self._children[number]
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)  # what a poll started ends with it
        return [(number, how(child.returncode)) for number, child in over]

    def close(self) -> None:
        """End all children."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


class ForkServer:
    """Has a server fork the children. A server that has ended is started anew with the next child."""

    def __init__(self, modules: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """`modules` are imported before anything is forked."""
        self._modules = modules
        self._environment = environment
        self._next = 1
        self._children: dict[int, Started] = {}
        self._lost: list[tuple[int, str]] = []
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._instead: Spawner | None = None
        self._selector: selectors.BaseSelector | None = None
        self._heard: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        """Of the server."""
        return self._process.pid if self._process is not None else None

    def start(self, file: str) -> Started:
        """A child for the file. Raises OSError."""
        if self._instead is not None:
            return self._instead.start(file)
        control = self._control or self._begin()
        started, channel, output = _made(self._next)
        message = json.dumps({"file": file, "number": started.number}).encode()
        try:
            socket.send_fds(control, [message], [channel.fileno(), output])
        except OSError:
            started.channel.close()
            os.close(started.output)
            raise
        finally:
            channel.close()
            os.close(output)
        self._next += 1
        self._children[started.number] = started
        return started

    def end(self, started: Started) -> None:
        """Kill a child and its session."""
        if started.number not in self._children:
            if self._instead is not None:
                self._instead.end(started)
            return
        try:
            if self._control is not None:
                self._control.send(json.dumps({"end": started.number}).encode())
        except OSError:
            self._give_up()

    def attach(self, selector: selectors.BaseSelector, heard: Callable[[], None]) -> float | None:
        """The server speaks on its socket."""
        self._selector, self._heard = selector, heard
        return None if self._instead is None else self._instead.attach(selector, heard)

    def ended(self) -> list[tuple[int, str]]:
        """(number, how it ended) of the children that have ended since the last call."""
        while self._control is not None:
            try:
                message = self._control.recv(LONGEST_MESSAGE)
            except BlockingIOError:
                break
            except OSError:
                message = b""
            if not message:
                self._give_up()
                break
            self._hear(json.loads(message))
        found, self._lost = self._lost, []
        return found + (self._instead.ended() if self._instead is not None else [])

    def close(self) -> None:
        """End all children, and the server."""
        self._hang_up()
        if self._process is not None:
            try:
                self._process.wait(_CLOSE_SECONDS)
            except subprocess.TimeoutExpired:  # it ends its children only while it can
                self._process.kill()
                self._process.wait()
                self._end_by_number()
        if self._instead is not None:
            self._instead.close()

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    _python("server", str(theirs.fileno()), *self._modules),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        self._control = ours
        if self._selector is not None:
            self._selector.register(ours, selectors.EVENT_READ, self._heard)
        return ours

    def _hang_up(self) -> None:
        if self._control is not None:
            if self._selector is not None:
                self._selector.unregister(self._control)
            self._control.close()
            self._control = None

    def _hear(self, told: dict[str, object]) -> None:
        if told.get("forks") is False:
            self._instead = Spawner(self._environment, 1 << 32)
            self._give_up()
            return
        number = told.get("begun") or told.get("ended")
        started = self._children.get(number) if isinstance(number, int) else None
        if started is None:
            return
        if "begun" in told:
            started.pid = int(str(told["pid"]))
            started.started = process_started(started.pid)
            return
        del self._children[started.number]
        code = told.get("code")
        self._lost.append(
            (started.number, how(code) if isinstance(code, int) else f"could not begin: {told['problem']}")
        )

    def _give_up(self) -> None:
        """The server has ended, however that came: its children are of no use any more."""
        self._hang_up()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._end_by_number()
        self._lost += [(number, "ended with the process that had started it") for number in self._children]
        self._children.clear()

    def _end_by_number(self) -> None:
        for started in self._children.values():
            if started.pid and is_alive(started.pid, started.started):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(started.pid, signal.SIGKILL)


def starter(modules: Sequence[str], environment: Mapping[str, str]) -> Starter:
    """What this system allows."""
    return ForkServer(modules, environment) if processes.FORKS else Spawner(environment)
