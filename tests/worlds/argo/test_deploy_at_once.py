"""Two that deploy one flow at once: one of them is stopped after a write while the other does all of its work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from ..kubernetes.both import cluster
from .deployments import ended, in_a_process, state
from .kubernetes_stand_in import KubernetesStandIn
from .test_deploy_interrupted import ELSEWHERE, NOTHING, SCHEDULED, Work, _without_tokens, deploying, removing

Before = Callable[[KubernetesStandIn], Any]


def deployed(chosen: Any) -> Before:
    return lambda server: deploying(chosen)(server.url)


PAIRS: dict[str, tuple[Before, Work, Work]] = {
    "one flow": (lambda server: None, deploying(SCHEDULED), deploying(SCHEDULED)),
    "an older version comes to its end later": (deployed(SCHEDULED), deploying(NOTHING), deploying(SCHEDULED)),
    "a Sensor that moves": (deployed(SCHEDULED), deploying(ELSEWHERE), deploying(SCHEDULED)),
    "create while delete stands": (deployed(SCHEDULED), removing, deploying(SCHEDULED)),
    "delete while create stands": (lambda server: None, deploying(SCHEDULED), removing),
}
"""What was there before; who is stopped; who works meanwhile."""


def stopped(server: KubernetesStandIn, work: Work, write: int, meanwhile: Work) -> int | None:
    """Do `work` in a process that stands after its write of that number until `meanwhile` is done.

    Its exit code; None if there is no such write.
    """
    seen = 0
    children: list[int] = []

    def watch(at: str, method: str, path: str) -> None:
        nonlocal seen
        if at == "after" and "dryRun=All" not in path:
            seen += 1
            if seen == write:
                os.kill(children[0], signal.SIGSTOP)

    with server.store.lock:
        server.store.watch = watch
        children.append(in_a_process(lambda: work(server.url)))
    _, status = os.waitpid(children[0], os.WUNTRACED)
    server.store.watch = None
    if not os.WIFSTOPPED(status):
        assert os.waitstatus_to_exitcode(status) == 0
        return None
    try:
        meanwhile(server.url)
    finally:
        os.kill(children[0], signal.SIGCONT)
        code = ended(children[0])
    return code


def interleaved(pair: str, every: int = 1) -> int:
    """After each `every`-th write; returns how often. The cluster is as the one leaves it that ends last."""
    before, stands, works = PAIRS[pair]
    with cluster() as alone:
        before(alone)
        first = len(alone.store.writes)
        stands(alone.url)
        writes = len(alone.store.writes) - first
        wanted = _without_tokens(state(alone))
    places = range(1, writes + 1)[every // 2 :: every]
    for write in places:
        with cluster() as server:
            before(server)
            assert stopped(server, stands, write, works) == 0, (pair, write)
            assert _without_tokens(state(server)) == wanted, (pair, write)
    return len(places)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_one_that_ends_last_leaves_all_of_its_own_and_nothing_else(pair: str) -> None:
    assert interleaved(pair, every=4) > 0


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS)
def test_the_one_that_ends_last_leaves_all_of_its_own_wherever_it_stood(pair: str) -> None:
    count = interleaved(pair)
    print(f"{pair}: {count} interleavings")
    assert count > 1
