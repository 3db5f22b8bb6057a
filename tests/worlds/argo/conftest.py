"""A Kubernetes stand-in of its own for each test, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .deployments import connect
from .kubernetes_stand_in import KubernetesStandIn


@pytest.fixture
def server() -> Iterator[KubernetesStandIn]:
    with KubernetesStandIn() as running:
        yield running


@pytest.fixture
def client(server: KubernetesStandIn) -> Iterator[Any]:
    with connect(server.url) as made:
        yield made
