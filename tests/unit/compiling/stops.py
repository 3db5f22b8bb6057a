"""Stops: a process that is ended, or refused, at one of its changes of the file system.

In:   work, the number of a change, how it ends there.
Out:  how the work ended.

Not here: what the work is. Every change is an audit event of Python before it happens (open for writing, rename,
remove, mkdir, rmdir, truncate), so that "before each" is also "after each" of the one before. What is written into an
open file is none: there the first half of the bytes is written, and then the work ends; and a flush to the disk fails.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
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


def _is_below(descriptor: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder))
    return False


def _write_through(half: Callable[[int, Any, Callable[[Any], int]], int]) -> None:
    """From here on everything that this process writes into a file, or flushes to the disk, passes `half`."""

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            return half(self.fileno(), data, super().write)

    real_open, real_write, real_fsync = io.open, os.write, os.fsync

    def opened(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if "w" not in mode:
            return real_open(file, mode, *arguments, **named)
        buffered = io.BufferedWriter(Raw(file, "w"))
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8", newline="")

    def flushed(descriptor: int) -> None:
        half(descriptor, b"", lambda data: 0)
        real_fsync(descriptor)

    io.open = builtins.open = opened  # type: ignore[assignment]
    os.write = lambda descriptor, data: half(descriptor, data, lambda part: real_write(descriptor, part))
    os.fsync = flushed  # type: ignore[assignment]


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

        def half(descriptor: int, data: Any, write: Callable[[Any], int]) -> int:
            nonlocal seen, met
            if not _is_below(descriptor, folder):
                return write(data)
            seen += 1
            if seen != number + 1:
                return write(data)
            met = True
            write(bytes(data)[: len(data) // 2])
            if how == "kill":
                os.write(write_end, b"1")
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))

        _write_through(half)
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
