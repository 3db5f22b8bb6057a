"""A folder that is deployed as it is: read whole, or refused with all that is wrong with it (FT770)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.compiling.folder import INDEX
from metaflow_triggers.compiling.journal import NAME as JOURNAL
from metaflow_triggers.compiling.reviewed import read_reviewed
from metaflow_triggers.diagnostics import DiagnosticError

ROOT = Path(__file__).parents[3]
BOTH = ("step-functions", "argo-workflows")
TEMPLATE = "step-functions/DataTransform.yaml"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled") / "out"
    # In a process of its own: Metaflow asks once in a process who the user is.
    words = [sys.executable, "-m", "metaflow_triggers.commands.cli", "compile", "examples/chaining"]
    environment = {**os.environ, "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow", "METAFLOW_USER": "ada"}
    subprocess.run([*words, "--output", str(folder)], cwd=ROOT, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture
def folder(compiled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compiled, tmp_path / "manifests"))


def refusals(folder: Path, backends: tuple[str, ...] = BOTH) -> list[str]:
    with pytest.raises(DiagnosticError) as raised:
        read_reviewed(folder, backends)
    assert {item.code for item in raised.value.diagnostics} == {"FT770"}
    assert all(item.helps for item in raised.value.diagnostics)
    return [item.message.partition("cannot be deployed as it is: ")[2] for item in raised.value.diagnostics]


def test_what_it_holds(folder: Path) -> None:
    aws, argo = read_reviewed(folder, BOTH)
    assert [flow.name for flow in aws.flows] == ["DataIngestion", "DataTransform"]
    assert [flow.name for flow in argo.flows] == ["dataingestion", "datatransform"]
    for one in (aws, argo):
        assert (one.settings.user, one.settings.user_is_configured) == ("ada", True)
        assert one.settings.datastore_s3 == "s3://bucket/metaflow"
        for flow in one.flows:
            assert flow.flow.name in ("DataIngestion", "DataTransform")
            (package,) = flow.packages
            assert package.startswith(f"{flow.flow.name}/data/") and len(package.rpartition("/")[2]) == 40
            for file in flow.files:
                assert file.text.encode() == (folder / file.path).read_bytes()
    assert len(argo.shared) > 5 and aws.shared == ()
    (only,) = read_reviewed(folder, BOTH[:1])
    assert only == aws


def edit(path: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / path).write_text((folder / path).read_text() + "# by hand\n")


def forge(path: str, change: Callable[[str], str]) -> Callable[[Path], Any]:
    """Edited, and its digest with it."""

    def forged(folder: Path) -> None:
        text = change((folder / path).read_text())
        (folder / path).write_text(text)
        told(folder, lambda index: index["files"][path].update(sha256=hashlib.sha256(text.encode()).hexdigest()))

    return forged


def told(folder: Path, change: Callable[[Any], Any]) -> None:
    index = json.loads((folder / INDEX).read_text())
    change(index)
    (folder / INDEX).write_text(json.dumps(index))


def linked(folder: Path) -> None:
    (folder / TEMPLATE).rename(folder / "elsewhere.yaml")
    (folder / TEMPLATE).symlink_to(folder / "elsewhere.yaml")


CASES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "foreign": (lambda folder: (folder / INDEX).unlink(), f"it has no {INDEX}, so `compile` has not written it"),
    "damaged": (lambda folder: (folder / INDEX).write_text("{"), f"its {INDEX} is damaged, or of another version"),
    "another version": (
        lambda folder: told(folder, lambda index: index.update(version=99)),
        f"its {INDEX} is damaged, or of another version of metaflow-triggers",
    ),
    "under way": (lambda folder: (folder / JOURNAL).mkdir(), "a change of it was begun and not finished"),
    "edited": (edit(TEMPLATE), f"`{TEMPLATE}` is not as `compile` wrote it"),
    "edited, shared": (
        edit("argo-workflows/_shared/eventsource.yaml"),
        "`argo-workflows/_shared/eventsource.yaml` is not as `compile` wrote it",
    ),
    "not whole": (lambda folder: (folder / TEMPLATE).unlink(), f"`{TEMPLATE}` is not there, or cannot be read"),
    "a link": (linked, f"`{TEMPLATE}` is not there, or cannot be read"),
    "another file": (
        lambda folder: (folder / "argo-workflows/more.yaml").write_text("kind: Sensor\n"),
        "`argo-workflows/more.yaml` is not of it",
    ),
    "forged, with a comment": (
        forge(TEMPLATE, lambda text: text + "# by hand\n"),
        f"`{TEMPLATE}` is not text that this version of metaflow-triggers writes",
    ),
    "forged, no YAML": (
        forge(TEMPLATE, lambda text: text + "{\n"),
        f"`{TEMPLATE}` is not text that this version of metaflow-triggers writes",
    ),
    "a flow without files": (
        lambda folder: told(
            folder,
            lambda index: (
                [index["files"].pop(path) for path in list(index["files"]) if path == TEMPLATE]
                and (folder / TEMPLATE).unlink()
            ),
        ),
        "it has no file of `step-functions/DataTransform`",
    ),
    "no model": (
        lambda folder: told(folder, lambda index: index["flows"].pop("step-functions/DataTransform")),
        f"its {INDEX} does not say what `step-functions/DataTransform` was compiled with",
    ),
    "triggers alone": (
        lambda folder: told(
            folder, lambda index: index["inputs"]["argo-workflows/datatransform"].update(show="triggers")
        ),
        "`argo-workflows/datatransform` was compiled without the step workflow (--show triggers)",
    ),
    "in parts": (
        lambda folder: told(
            folder,
            lambda index: index["inputs"]["argo-workflows/datatransform"]["settings"].update(kubernetes_namespace="b"),
        ),
        "its flows of argo-workflows were compiled with different settings, users or --production",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_as_it_was_reviewed_is_refused(folder: Path, case: str) -> None:
    spoil, why = CASES[case]
    assert read_reviewed(folder, BOTH)
    spoil(folder)
    found = refusals(folder)
    assert len(found) == 1 and found[0].startswith(why), found


def test_all_that_is_wrong_is_told_at_once(folder: Path) -> None:
    edit(TEMPLATE)(folder)
    edit("step-functions/DataIngestion.yaml")(folder)
    (folder / "argo-workflows/kustomization.yaml").unlink()
    assert len(refusals(folder)) == 3


def test_a_folder_for_another_backend_and_none_at_all(folder: Path, tmp_path: Path) -> None:
    assert refusals(folder, ("chalk",)) == ["it has no flow of chalk"]
    assert refusals(tmp_path / "nowhere") == ["it is not a folder"]
    assert read_reviewed(folder, BOTH)
    (folder / "README.md").write_text("for people")  # beside what is deployed
    assert read_reviewed(folder, BOTH)
