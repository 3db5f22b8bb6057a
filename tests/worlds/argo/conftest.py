"""A Kubernetes stand-in of its own for each test, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..kubernetes.both import asked_of_both, cluster, which_cluster
from .deployments import connect
from .kubernetes_stand_in import KubernetesStandIn

__all__ = ["which_cluster"]
pytest_generate_tests = asked_of_both


@pytest.fixture
def server() -> Iterator[KubernetesStandIn]:
    with cluster() as running:
        yield running


@pytest.fixture
def client(server: KubernetesStandIn) -> Iterator[Any]:
    with connect(server.url) as made:
        yield made
