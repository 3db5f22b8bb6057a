"""Each request that `create` and `delete` need is forbidden once: one coded message, and the next run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from metaflow_triggers.diagnostics import DiagnosticError

from ..kubernetes.both import cluster
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
    with cluster() as allowed:
        before(allowed)
        allowed.store.requests.clear()
        work(allowed.url)
        wanted, needed = state(allowed), kinds_of_requests(allowed)
    with cluster() as server:
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


def from_the_request_on(number: int, status: int, once: bool) -> Callable[[int], int]:
    """The answer to the request with this number, counted from 1, and to all later ones unless `once`."""
    return lambda count: status if count == number or (count > number and not once) else 0


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The objects that are not as they were, as the commands name them."""
    return {
        "{} {}/{}".format((after.get(name) or before[name])["kind"], name.split("/")[0], name.split("/")[-1])
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


def named(notes: list[str], beginning: str) -> set[str]:
    """What notes say of objects, without the verb."""
    told = [note.removeprefix(beginning).partition(" (")[0] for note in notes if note.startswith(beginning)]
    return {text.split(maxsplit=1)[1] for text in told}


def refused_at_each_request(story: str, every: int = 1) -> int:
    """Forbid each request once, and let the credentials expire at each; returns how often it was refused."""
    before, work = CASES[story]
    with cluster() as allowed:
        before(allowed)
        was = state(allowed)
        allowed.store.requests.clear()
        work(allowed.url)
        wanted, requests = state(allowed), len(allowed.store.requests)
    for number in range(1, requests + 1, every):
        for status, code in ((403, "FT702"), (401, "FT701")):
            with cluster() as server:
                before(server)
                server.store.requests.clear()
                server.store.refuse = from_the_request_on(number, status, once=status == 403)
                with pytest.raises(DiagnosticError) as raised:
                    work(server.url)
                server.store.refuse = None
                assert [found.code for found in raised.value.diagnostics] == [code]
                assert len(server.store.requests) == number  # what is refused is not tried again
                notes = [note for item in raised.value.aftermath for note in item.notes]
                done, part = named(notes, "done: "), named(notes, "in part: ")
                assert changed(was, state(server)) == done | part, (number, status, notes)
                if notes and notes[-1] != "what is left was not looked at":
                    assert done | part | named(notes, "not done: ") >= changed(was, wanted), (number, status, notes)
                work(server.url)
                assert state(server) == wanted, (number, status)
    return len(range(1, requests + 1, every)) * 2


@pytest.mark.parametrize("story", ("create", "delete, and what is shared"))
def test_what_is_told_of_a_refusal_or_of_expired_credentials_is_what_the_cluster_has(story: str) -> None:
    assert refused_at_each_request(story, 7) >= 10


@pytest.mark.long
@pytest.mark.parametrize("story", CASES)
def test_what_is_told_is_what_the_cluster_has_at_each_request_of_everything(story: str) -> None:
    print(f"{story}: {refused_at_each_request(story)} refusals")
