"""A step behind a switch gets the tasks that have run, with what each Argo Workflows says of those that have not."""

from __future__ import annotations

import base64
from math import inf
from pathlib import Path

import pytest
from metaflow.plugins.argo.conditional_input_paths import generate_input_paths
from metaflow.util import compress_list
from metaflow_extensions.triggers.plugins.argo_input_paths import of_tasks

from tests import forked

OLD = "{{tasks.large.outputs.parameters.task-id}}"
"""Before Argo Workflows 4 a tag that cannot be filled in stays; it is empty there."""
SWITCH, SMALL = "argo-sized-1/start/t-1", "argo-sized-1/small/t-8a"


def written(paths: list[str], encoded: bool = True) -> str:
    text = compress_list(paths, zlibmin=inf)
    return base64.b64encode(text.encode()).decode() if encoded else text


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("absent", [OLD, ""], ids=["argo-3", "argo-4"])
def test_what_was_not_taken_is_left_out(absent: str, encoded: bool) -> None:
    large = f"argo-sized-1/large/{absent}"
    # A switch that may skip its only branch: the branch counts where it was taken, else the step with the switch.
    for paths, steps, expected in (
        ([SMALL, large], [], SMALL),
        ([large, SMALL], [], SMALL),
        ([SWITCH, SMALL], ["start"], SMALL),
        ([SWITCH, large], ["start"], SWITCH),
    ):
        assert generate_input_paths(of_tasks(written(paths, encoded)), steps) == expected


def test_what_ran_stays_as_it_came() -> None:
    for paths in ("argo-a/:start/t-1,end/t-2", written(["argo-a/start/t-1"]), "argo-a/start/"):
        assert of_tasks(paths) == paths


def test_the_program_is_called_as_metaflows_is(tmp_path: Path) -> None:
    command = ["-m", of_tasks.__module__, written([SWITCH, SMALL, "argo-sized-1/large/"]), "start"]
    done = forked.python(command, tmp_path, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, 60)
    assert (done.returncode, done.stdout) == (0, f"{SMALL}\n"), done.stderr
