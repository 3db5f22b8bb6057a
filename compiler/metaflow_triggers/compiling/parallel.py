"""Parallel: a function over many items, in several processes.

In:   a function without side effects, items, how many processes.
Out:  the results in the order of the items: what a loop would give.

Not here: user code. Processes are forked, so that nothing is imported or sent again; where fork is unsafe, and for
few items, there is the loop. A process that fails costs its share once more, in this process, where its error is told.
"""

from __future__ import annotations

import gc
import itertools
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import BinaryIO, TypeVar

from .. import processes

Item = TypeVar("Item")
Result = TypeVar("Result")

SMALLEST_SHARE = 16
"""Items for one process; forking more costs more than it gives."""


def fork_map(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """`[function(item) for item in items]`. Raises what `function` raises. Results must be picklable."""
    count = min(workers, len(items) // SMALLEST_SHARE)
    if count < 2 or not processes.FORKS:
        return [function(item) for item in items]
    bounds = [len(items) * number // count for number in range(count + 1)]
    shares = [items[start:end] for start, end in itertools.pairwise(bounds)]
    gc.freeze()  # what is here stays: collecting it in the children would only copy its pages
    children = [processes.fork(partial(_work, function, share)) for share in shares[1:]]
    results = [function(item) for item in shares[0]]
    for share, child in zip(shares[1:], children, strict=True):
        received = processes.answer(*child)
        results += [function(item) for item in share] if received is None else pickle.loads(received)  # noqa: S301 - ours
    return results


def _work(function: Callable[[Item], Result], share: Sequence[Item], pipe: BinaryIO) -> None:
    pipe.write(pickle.dumps([function(item) for item in share], pickle.HIGHEST_PROTOCOL))
