"""A stand-in API server with Argo Events' real services beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn

from . import installation
from .cluster import Cluster

Launch = Callable[..., Cluster]


@pytest.fixture
def launch(request: pytest.FixtureRequest) -> Iterator[Launch]:
    """Starts services beside an API server that is given, or a new one.

    A test that is not `long` does not wait for a build.
    """
    program = installation.or_skip(build=request.node.get_closest_marker("long") is not None)
    with ExitStack() as stack:

        def start(kubernetes: KubernetesStandIn | None = None) -> Cluster:
            # Below /tmp: the path of a socket has 107 characters at most.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="argo-", dir="/tmp")))
            server = kubernetes or stack.enter_context(KubernetesStandIn())
            return stack.enter_context(Cluster(program, server, folder))

        yield start
