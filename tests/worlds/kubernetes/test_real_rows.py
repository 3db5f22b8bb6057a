"""The scenario table in a cluster, whole: `create`, events at the webhook, Argo Events' Sensors, Workflows that run.

The comparison is the one that the local runners are held to (`tests/scenarios/test_real.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import reading
from tests.scenarios.rows import Row, differences, rows
from tests.scenarios.runners import carried
from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture
from tests.worlds.upstream.emulated_aws import Aws

from ..argo.live.conftest import Launch, launch
from ..argo.live.test_table import KNOWN
from ..argo.live.world import World
from ..argo.workflow_runner import why_not
from . import deployed
from .both import asked_of_both, cluster, which_cluster

__all__ = ["launch", "which_cluster"]
pytest_generate_tests = asked_of_both
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

ROWS = carried([row for row in rows() if not (row.polls or row.clock)], "argo-workflows")
SHARES = 16
"""Of the campaign, so that one that fails says so before the others are done."""


@pytest.mark.parametrize("share", range(SHARES))
def test_every_row_runs_in_a_cluster_as_it_says(
    which_cluster: None,
    aws: Aws,  # noqa: F811
    launch: Launch,
    tmp_path: Path,
    share: int,
) -> None:
    check(ROWS[share::SHARES], aws, launch, tmp_path)


def check(chosen: list[Row], aws: Aws, launch: Launch, folder: Path) -> None:  # noqa: F811
    read = reading.read(chosen, folder)
    with cluster() as kubernetes:
        kubernetes.settings = kubernetes.kubeconfig(folder)
        with World(kubernetes, aws, folder, launch(kubernetes)) as world:
            observed = deployed.observe(world, chosen, read)
    told = {row.rule: found for row in chosen if (found := differences(row, observed[row.rule]))}
    assert {rule: told[rule] for rule in set(told) - KNOWN} == {}
    assert set(told) == KNOWN & {row.rule for row in chosen}  # mended: take it out
    assert not [path.name for path in folder.rglob("*touched*")]
