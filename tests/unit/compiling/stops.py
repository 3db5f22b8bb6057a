"""Stops: a process that is ended, or refused, at one of its changes of the file system.

In:   work, the number of a change, how it ends there.
Out:  how the work ended.

Not here: what the work is. Every change is an audit event of Python before it happens (open for writing, rename,
remove, mkdir, rmdir, truncate), so that "before each" is also "after each" of the one before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod")


def _is_change(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
    return event in CHANGES


def _below(arguments: tuple[Any, ...], folder: Path) -> bool:
    return any(isinstance(item, (str, os.PathLike)) and str(item).startswith(str(folder)) for item in arguments)


def stopped(work: Callable[[], Any], folder: Path, number: int, how: str) -> tuple[bool, str]:
    """Do `work` in a child that meets its change `number` (from 0) below `folder`: it is killed, or the disk is full.

    (whether the change was met, what the work raised or "").
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        seen = 0
        met = False

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen, met
            if not _is_change(event, arguments) or not _below(arguments, folder):
                return
            seen += 1
            if seen == number + 1:
                met = True
                if how == "kill":
                    os.write(write_end, b"1")
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(errno.ENOSPC, "No space left on device", str(folder))

        said = ""
        sys.addaudithook(hook)
        try:
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error} | {getattr(error, 'result', None)}"
        with contextlib.suppress(OSError):
            os.write(write_end, (b"1" if met else b"0") + said.encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return answer[:1] == b"1", answer[1:].decode()


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below the folder: its bytes, or None for a folder. Empty where there is no folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
