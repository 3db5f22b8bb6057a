"""Both: a suite about the Kubernetes API is run against the stand-in, and against the real server where it is built.

In:   a module of tests whose name stands in `HELD`.
Out:  each of its tests twice: [stand-in] and [real], the latter in the long campaigns.

Not here: what differs. A test that only the stand-in can be asked says why: `@pytest.mark.stand_in("why")`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..argo.kubernetes_stand_in import KubernetesStandIn
from . import SKIPPED
from .installation import NotBuilt, installed, workflow_controller

HELD = frozenset(
    {
        "test_delete_shared",
        "test_argo_deploy",
        "test_chains",
        "test_create_from",
        "test_create_many",
        "test_deploy",
        "test_deploy_adoption",
        "test_deploy_at_once",
        "test_deploy_interrupted",
        "test_deploy_limits",
        "test_deploy_many",
        "test_deploy_parents",
        "test_deploy_polls",
        "test_deploy_refused",
        "test_deploy_tls",
        "test_inventory",
        "test_kubectl",
        "test_kustomization",
        "test_project_marks",
        "test_prune_many",
        "test_workflow_outcomes",
        "test_workflow_runs",
    }
)
REAL_ALONE = ("test_real_server", "test_real_runs", "test_real_switches", "test_real_rows", "test_real_polled_patterns")
"""What only the real one can tell, and a short form of the suite: one of the modules alone is no long campaign, so
that xdist gives it to one worker, and a server starts for it once."""

_real = False


def cluster() -> KubernetesStandIn:
    """The one that the running test is about."""
    if not _real:
        return KubernetesStandIn()
    from .gateway import RealKubernetes

    return RealKubernetes()


def asked_of_both(metafunc: pytest.Metafunc) -> None:
    """For `pytest_generate_tests`."""
    name = metafunc.module.__name__.rpartition(".")[2]
    asked = [one for one in ("which_cluster", "cluster_of_module") if one in metafunc.fixturenames]
    if not asked:
        return
    kinds: list[Any] = []
    if name in REAL_ALONE:
        kinds = [pytest.param("real", marks=pytest.mark.real_cluster)]
    elif name in HELD:
        kinds = ["stand-in"]
        if metafunc.definition.get_closest_marker("stand_in") is None:
            kinds.append(pytest.param("real", marks=[pytest.mark.real_cluster, pytest.mark.long]))
    if kinds:
        metafunc.parametrize(asked[-1], kinds, indirect=True)


@pytest.fixture(autouse=True)
def which_cluster(request: pytest.FixtureRequest) -> Any:
    """Which kind `cluster()` gives to this test."""
    if "cluster_of_module" in request.fixturenames:
        yield
    else:
        yield from _kind(request)


@pytest.fixture(scope="module")
def cluster_of_module(request: pytest.FixtureRequest) -> Any:
    """The same, for tests whose module shares a cluster."""
    yield from _kind(request)


def _kind(request: pytest.FixtureRequest) -> Iterator[None]:
    global _real
    _real = getattr(request, "param", "stand-in") == "real"
    if _real:
        try:
            installed()
            workflow_controller()
        except NotBuilt as reason:
            pytest.skip(f"{SKIPPED}{reason}")
    yield
    _real = False
