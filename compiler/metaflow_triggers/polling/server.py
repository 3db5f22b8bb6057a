"""Poll server: a small process that forks the children which poll.

In:   on a socket, messages: a file with the two descriptors of its child, or the number of a child to end.
Out:  children; on the socket, which of them have begun and how each ended.

Not here: user code (it runs in the children only), threads, a database. So it always listens: it ends the children when
the engine has gone, however that ended. It imports what it is told to (Metaflow) once; children share that memory.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import traceback
from typing import Any

from .. import processes
from . import child

LONGEST_MESSAGE = 65536


class Server:
    """Serves one engine."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}
        """pid -> number"""
        self._read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        os.set_blocking(self._read_end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Work until the engine closes its end."""
        if not processes.is_alone():  # what was imported has started threads
            self._say({"forks": False})
            # Until it has been heard: a socket that is closed with something unread takes along what was said on it.
            with contextlib.suppress(OSError):
                while self._control.recv(LONGEST_MESSAGE):
                    pass
            return
        try:
            while True:
                ready, _, _ = select.select([self._control.fileno(), self._read_end], [], [])
                if self._read_end in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._read_end, 4096)
                    self._collect()
                if self._control.fileno() in ready and not self._hear():
                    break
        finally:
            for pid in self._children:
                _end(pid)

    def _hear(self) -> bool:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, LONGEST_MESSAGE, 2)
        except OSError:  # it was closed with something of ours unread
            return False
        if not message:
            return False
        told = json.loads(message)
        if "file" in told:
            self._fork(told["file"], told["number"], *descriptors)
        for pid, number in self._children.items():
            if number == told.get("end"):
                _end(pid)
        return True

    def _fork(self, file: str, number: int, channel: int, output: int) -> None:
        def work() -> None:
            self._control.close()
            os.close(self._read_end)
            child.prepared(output)
            try:
                child.serve(file, socket.socket(fileno=channel))
            except BaseException:
                traceback.print_exc()
                raise

        try:
            pid = processes.fork_apart(work)
        except OSError as error:  # no process, no memory
            self._say({"ended": number, "problem": str(error)})
        else:
            self._children[pid] = number
            self._say({"begun": number, "pid": pid})
        finally:
            os.close(channel)
            os.close(output)

    def _collect(self) -> None:
        for pid, number in list(self._children.items()):
            # Its number stays taken until it is waited for, so that of its group is nobody else's meanwhile.
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _end(pid)
            _, status = os.waitpid(pid, 0)
            del self._children[pid]
            self._say({"ended": number, "code": os.waitstatus_to_exitcode(status)})

    def _say(self, what: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the engine has gone; the next message of its is none
            self._control.send(json.dumps(what).encode())


def _end(pid: int) -> None:
    # A child leads a session; what a poll started there ends with it. Just forked, it does not lead one yet.
    for send in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """The command line: `CONTROL MODULE ...`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(control.fileno(), False)
    for name in arguments[1:]:
        importlib.import_module(name)
    # What is here stays: a collection in a child would only copy its pages.
    gc.collect()
    gc.freeze()
    Server(control).serve()
