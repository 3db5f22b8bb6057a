"""`metaflow-triggers create --prune` and `list --deployed`, as a user types them, on both clouds at once."""

from __future__ import annotations

import copy
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends import registry
from metaflow_triggers.backends.inventory import Deployed
from metaflow_triggers.commands import prune
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.marks import Marks

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.upstream.emulated_aws import Aws

from .conftest import Run
from .test_create_delete import everything
from .test_create_many import aws, flow, kubernetes, settings  # noqa: F401 - fixtures
from .warm import warm

ON_EVENT = "@trigger(event='order-placed')"
FILE = 'id = "{id}"\nexternal-events = ["order-placed"]\n'


def project(folder: Path, id_: str, *names: str) -> Path:
    folder.mkdir()
    (folder / "metaflow-triggers.toml").write_text(FILE.format(id=id_))
    for name in names:
        flow(folder, name, ON_EVENT)
    return folder


def world(aws: Aws, kubernetes: KubernetesStandIn) -> dict[str, Any]:  # noqa: F811
    """All that both clouds have but versions, by kind and name."""
    found = {key: value for key, value in everything(aws).items() if key not in ("datastore", "log groups")}
    return {**found, **copy.deepcopy({str(key): value for key, value in kubernetes.store.objects.items()})}


def of(found: dict[str, Any], *names: str) -> dict[str, Any]:
    """What has one of the names in its own."""
    return {key: value for key, value in found.items() if any(name in key.lower() for name in names)}


def states(table: str) -> list[tuple[str, ...]]:
    """Target, name and what follows the flow, of each line."""
    lines = [" ".join(line.split()).split(" ", 3) for line in table.splitlines()[1:]]
    return [(line[0], line[1], line[3]) for line in lines if line[0] == "step-functions"]


STATES = [
    ("step-functions", "Branched", "not in the repository of the branch test.x"),
    ("step-functions", "Gone", "not in the repository `create --prune` deletes it"),
    ("step-functions", "Keep", "differs updated the state machine Keep"),
    ("step-functions", "New", "not deployed"),
    ("step-functions", "Old", "not in the repository `create --prune` deletes it"),
]


@pytest.fixture(scope="module")
def triggers(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:  # noqa: F811
    with warm(tmp_path_factory.mktemp("warm"), **settings) as run:
        yield run


def test_what_the_project_has_no_more_goes_and_nothing_of_others(
    triggers: Run,
    settings: dict[str, str],  # noqa: F811
    aws: Aws,  # noqa: F811
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
) -> None:
    mine = project(tmp_path / "mine", "shop", "Keep", "Old", "Gone")
    assert triggers("create", cwd=mine).code == 0
    for words, folder in (
        ((), project(tmp_path / "second", "shop-2", "Second")),
        (("--branch", "x"), project(tmp_path / "branch", "shop", "Branched")),
    ):
        assert triggers("create", *words, cwd=folder).code == 0
    other = {**settings, "METAFLOW_USER": "other", "METAFLOW_HOME": str(tmp_path / "home")}
    theirs = project(tmp_path / "theirs", "shop", "Theirs")
    with warm(tmp_path, **other) as somebody:
        assert somebody("create", "--backend", "argo-workflows", cwd=theirs).code == 0
    others = ("second", "branched", "theirs")
    before = world(aws, kubernetes)

    (mine / "gone.py").unlink()
    (mine / "old.py").unlink()
    flow(mine, "New", ON_EVENT)
    unasked = triggers("create", "--prune", cwd=mine)
    assert unasked.code == 2 and "nobody is there to be asked whether to delete 4 deployments" in unasked.err, (
        unasked.err
    )
    assert unasked.err.endswith("nothing was changed\n")
    listed = triggers("list", "--deployed", cwd=mine)
    assert listed.code == 0, listed.err
    assert states(listed.out) == STATES
    assert world(aws, kubernetes) == before
    with warm(tmp_path, **{**settings, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}) as half:
        partly = half("list", "--deployed", cwd=mine)
    assert partly.code == 1 and "error[FT701]" in partly.err and "what could be asked is listed" in partly.err
    assert [state[:2] for state in states(partly.out)] == [("step-functions", "Keep"), ("step-functions", "New")]
    assert all(state[2].startswith("unknown FT701: ") for state in states(partly.out))
    on_argo = [line for line in listed.out.splitlines() if line.startswith("argo")]
    assert [" ".join(line.split()) for line in partly.out.splitlines() if line.startswith("argo")] == [
        " ".join(line.split()) for line in on_argo
    ]

    done = triggers("create", "--prune", "--yes", cwd=mine)
    assert done.code == 0, done.err
    assert done.out.startswith(unasked.out)
    steps = [line.partition("]")[2].split(" (")[0] for line in done.err.splitlines() if line.startswith("[")]
    # `Keep` has another package: the files beside it are in it.
    assert [line for line in steps if "eep: changed" not in line] == [
        " step-functions New: created",
        " argo-workflows new: created",
        " step-functions Gone: deleted",
        " step-functions Old: deleted",
        " argo-workflows gone: deleted",
        " argo-workflows old: deleted",
    ]
    after = world(aws, kubernetes)
    assert of(after, "gone", "old") == {}
    assert of(after, *others) == of(before, *others) and len(of(after, *others)) > 15
    assert len(of(after, "new")) > 6
    for line in (
        "not pruned: step-functions Branched: of the branch test.x",
        "not pruned: argo-workflows theirs: deployed by other",
    ):
        assert line in done.out
    assert "second" not in done.out.lower()


@pytest.mark.parametrize(
    ("id_", "whole", "why"),
    [(None, True, "the project has no id"), ("shop", False, "these are not all paths of the project")],
)
def test_it_needs_an_id_and_all_paths(id_: str | None, whole: bool, why: str) -> None:
    with pytest.raises(DiagnosticError) as raised:
        prune.require(Namespace(whole=whole), id_)
    (found,) = raised.value.diagnostics
    assert found.code == "FT709" and why in found.message and found.helps
    prune.require(Namespace(whole=True), "shop")


def test_a_deployment_that_changed_hands_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the plan and its turn: another project's, or deployed anew where only leftovers were."""
    mine = Marks("shop", None, False, "ada")
    for was, now in (
        (Deployed("argo-workflows", "old", "Old", mine), (Marks("shop-2", None, False, "ada"), True)),
        (Deployed("argo-workflows", "old", "Old", mine), (None, True)),
        (Deployed("argo-workflows", "old", "Old", mine, whole=False), (mine, True)),
    ):
        cloud = Namespace(marks_now=lambda name, _, now=now: now)
        monkeypatch.setattr(registry, "deployer", lambda name, cloud=cloud: cloud)
        careful = prune._Careful(Namespace(delete=pytest.fail), [was], None)
        with pytest.raises(DiagnosticError, match="FT709"):
            careful.delete(Namespace(name="old"), {})
