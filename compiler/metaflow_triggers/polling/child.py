"""Poll child: the process that polls the triggers of one file.

In:   a file; on a socket, lines of JSON: lists of names of triggers to poll now.
Out:  on the socket, lines of JSON for what happened (`Word`): it is ready, a poll has begun, what it gave. What the
      file prints goes to the descriptors 1 and 2, which the engine reads.

Not here: when a poll is due, what a fire starts, time limits (`polling.children`). There is no database here: whatever
the user's code does to this process, nothing that was accepted is in it. The file's globals live as long as it does.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from .. import processes
from ..poll import alias, loading
from ..poll.result import TriggerResult
from .pool import PollPool

READY, UNREAD, BEGUN, SKIP, FIRE, ERROR = "ready", "unread", "begun", "skip", "fire", "error"
"""The first item of a line. `ready` [names], `unread` text trace, `begun` name, `skip` name, `fire` name context,
`error` name text trace."""

_SHAPES: dict[str, tuple[type, ...]] = {
    **{READY: (list,), UNREAD: (str, str), BEGUN: (str,), SKIP: (str,)},
    **{FIRE: (str, dict), ERROR: (str, str, str)},
}

LOST = 71
"""The exit code of a child that cannot speak to its engine any more."""
LONGEST_CONTEXT = 1 << 20
_LONGEST_TEXT = 2000
_LONGEST_TRACE = 20_000
_LOOK_SECONDS = 0.1


def is_word(item: Any) -> bool:
    """Whether a child of ours could have said this."""
    return (
        isinstance(item, list)
        and bool(item)
        and isinstance(item[0], str)
        and tuple(map(type, item[1:])) == _SHAPES.get(item[0])
    )


def serve(file: str, channel: socket.socket) -> None:
    """Poll until the engine closes the channel. Returns when it does; may end the process."""
    voice = _Voice(channel)
    try:
        functions = _functions(file)
    except BaseException as error:
        voice.say(UNREAD, *told(error))
        return
    voice.say(READY, sorted(functions))
    pool = PollPool()
    rest = b""
    while True:
        # Jobs that wait behind slow ones get threads of their own after a while.
        seconds = _LOOK_SECONDS if pool.relieve() else None
        try:
            if not select.select([channel], [], [], seconds)[0]:
                continue
            received = channel.recv(65536)
        except (OSError, ValueError):  # a poll has closed what it did not open
            os._exit(LOST)
        if not received:
            break
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            for name in json.loads(line):
                pool.submit(_job(name, functions.get(name), voice))
    sys.stdout.flush()
    sys.stderr.flush()


def _functions(file: str) -> dict[str, Callable[[], Any]]:
    alias.install()  # functions may import `cloaca` when they are called
    sys.argv = [file]
    _, collected = loading.load(file)
    return {item.name: item.function for item in collected.declared}


def _job(name: str, function: Callable[[], Any] | None, voice: _Voice) -> Callable[[], None]:
    def job() -> None:
        voice.say(BEGUN, name)
        try:
            if function is None:
                raise LookupError("the file declares no such trigger any more")
            context = asked(function)
        except BaseException as error:  # sys.exit in a poll ends the poll
            voice.say(ERROR, name, *told(error))
        else:
            voice.say(*((SKIP, name) if context is None else (FIRE, name, context)))

    return job


def asked(function: Callable[[], Any]) -> dict[str, Any] | None:
    """The context that is fired, or None for a skip."""
    result = function()
    if not isinstance(result, TriggerResult):
        if type(result).__name__ == "coroutine":
            result.close()  # else Python warns that nobody awaited it
        raise TypeError(f"the poll returned {type(result).__name__}; expected a TriggerResult")
    if result.is_skip_result():
        return None
    context = {} if result.context is None else result.context.to_dict()
    size = len(json.dumps(context))
    if size > LONGEST_CONTEXT:
        raise ValueError(f"the context is {size} bytes of JSON; the limit of a payload is 240 KiB")
    return context


def told(error: BaseException) -> tuple[str, str]:
    """The error as a line and with its traceback, without our own frames."""
    text = "".join(traceback.format_exception_only(type(error), error)).strip() or type(error).__name__
    trace = error.__traceback__
    ours = (__file__, loading.__file__)
    while trace is not None and (
        trace.tb_frame.f_code.co_filename in ours or "importlib" in trace.tb_frame.f_code.co_filename
    ):
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return text[:_LONGEST_TEXT], "".join(lines)[-_LONGEST_TRACE:]


class _Voice:
    """Says lines to the engine, from any thread."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._inode = os.fstat(channel.fileno()).st_ino
        self._lock = threading.Lock()

    def say(self, *words: Any) -> None:
        line = json.dumps(words).encode() + b"\n"
        try:
            with self._lock:
                # A poll may have closed the descriptor, and a file of the user's may have its number now.
                if os.fstat(self._channel.fileno()).st_ino != self._inode:
                    os._exit(LOST)
                self._channel.sendall(line)
        except (OSError, ValueError):
            os._exit(LOST)


def prepared(output: int) -> None:
    """Give this process the descriptors of a child: nothing to read, everything that is printed to `output`."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # What is there was made for other files, and would keep lines that are to arrive as they are printed.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        for number in (1, 2)
    )


def main(arguments: list[str]) -> None:
    """The command line `FILE CHANNEL OUTPUT` of a child that is not forked. Always exits."""
    file, channel, output = arguments[0], int(arguments[1]), int(arguments[2])
    processes.end_with_parent(os.getppid())
    prepared(output)
    serve(file, socket.socket(fileno=channel))
    os._exit(0)  # threads of polls that hang hold nobody up
