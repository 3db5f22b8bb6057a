"""Each request that `create` and `delete` need is forbidden once: one coded message, and the next run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from metaflow_triggers.diagnostics import DiagnosticError

from .deployments import state
from .kubernetes_stand_in import KubernetesStandIn
from .test_deploy_interrupted import CASES, Work

STORIES = ("create", "over another", "over upstream's", "delete")
VERBS = {"GET": ("list", "get"), "POST": ("post",), "PATCH": ("patch",), "DELETE": ("delete",)}


def kinds_of_requests(server: KubernetesStandIn) -> list[str]:
    """Method and plural of each request, as the stand-in forbids them."""
    found = []
    for line in server.store.requests:
        method, path = line.split()[:2]
        pieces = path.partition("?")[0].split("/namespaces/")[1].split("/")
        found.append(f"{method} {pieces[1]}")
    return list(dict.fromkeys(found))


def one_permission_after_the_other(before: Callable[[KubernetesStandIn], Any], work: Work) -> int:
    """Forbid each kind of request, the one after the other; returns how many there are."""
    with KubernetesStandIn() as allowed:
        before(allowed)
        allowed.store.requests.clear()
        work(allowed.url)
        wanted, needed = state(allowed), kinds_of_requests(allowed)
    with KubernetesStandIn() as server:
        before(server)
        for request in needed:
            method, plural = request.split()
            server.store.forbidden = {request}
            untouched = state(server)
            with pytest.raises(DiagnosticError) as raised:
                work(server.url)
            (found,) = raised.value.diagnostics
            assert found.code == "FT702"
            assert any(found.message.startswith(f"not allowed to {verb} {plural} ") for verb in VERBS[method])
            assert "`" in found.message and any("forbidden" in note for note in found.notes)
            assert state(server) == untouched  # the dry run asks for everything first
        server.store.forbidden = set()
        work(server.url)
        assert state(server) == wanted
    return len(needed)


@pytest.mark.parametrize("story", STORIES)
def test_each_forbidden_request_is_named_before_anything_is_changed(story: str) -> None:
    assert one_permission_after_the_other(*CASES[story]) > 4
