"""Parallel: a function over many items, in several processes.

In:   a function without side effects, items, how many processes.
Out:  the results in the order of the items: what a loop would give.

Not here: user code. Processes are forked, so that nothing is imported or sent again; where fork is unsafe, and for
few items, there is the loop. A process that fails costs its share once more, in this process, where its error is told.
"""

from __future__ import annotations

import gc
import itertools
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 16
"""Items for one process; forking more costs more than it gives."""


def fork_map(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """`[function(item) for item in items]`. Raises what `function` raises. Results must be picklable."""
    count = min(workers, len(items) // FEW)
    if count < 2 or sys.platform != "linux":
        return [function(item) for item in items]
    bounds = [len(items) * number // count for number in range(count + 1)]
    shares = [items[start:end] for start, end in itertools.pairwise(bounds)]
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # what is here stays: collecting it in the children would only copy its pages
    children = [_start(function, share) for share in shares[1:]]
    results = [function(item) for item in shares[0]]
    for share, (pid, read_end) in zip(shares[1:], children, strict=True):
        with os.fdopen(read_end, "rb") as pipe:
            received = pipe.read()
        _, status = os.waitpid(pid, 0)
        results += pickle.loads(received) if status == 0 else [function(item) for item in share]  # noqa: S301 - ours
    return results


def _start(function: Callable[[Item], Result], share: Sequence[Item]) -> tuple[int, int]:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return pid, read_end
    status = 1
    try:
        os.close(read_end)
        data = pickle.dumps([function(item) for item in share], pickle.HIGHEST_PROTOCOL)
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(data)
        status = 0
    finally:
        os._exit(status)
