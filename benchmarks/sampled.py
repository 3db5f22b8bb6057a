"""Sampled: `metaflow-triggers` under a sampling profile of all its processes.

In:   a file for what is found, then the command line.
Out:  the command's work and exit code; in the file a line for each stack that was seen, and how often, by the processor
      time of each process. The system looks at its clock some 250 times a second, so a sample is some 4 ms.

Not here: what the stacks mean (`rows`).
"""

from __future__ import annotations

import atexit
import collections
import os
import signal
import sys
from typing import Any, NoReturn

SECONDS = 0.004

_found = -1
_stacks: collections.Counter[str] = collections.Counter()
_exit = os._exit


def _note(number: int, frame: Any) -> None:
    stack = []
    while frame is not None:
        file = frame.f_code.co_filename
        stack.append(f"{file[file.rfind('metaflow') :] if 'metaflow' in file else file}:{frame.f_code.co_name}")
        frame = frame.f_back
    _stacks[";".join(reversed(stack))] += 1


def _begin() -> None:
    _stacks.clear()
    signal.setitimer(signal.ITIMER_PROF, SECONDS, SECONDS)


def _tell() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    text = "".join(f"{stack} {count}\n" for stack, count in _stacks.items())
    _stacks.clear()
    if text:
        os.write(_found, text.encode())


def _end(code: int) -> NoReturn:
    _tell()
    _exit(code)


if __name__ == "__main__":
    _found = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC)
    signal.signal(signal.SIGPROF, _note)
    os.register_at_fork(after_in_child=_begin)
    os._exit = _end  # type: ignore[assignment]
    atexit.register(_tell)
    _begin()
    from metaflow_triggers.commands.cli import main

    sys.exit(main(sys.argv[2:]))
