"""What the examples compile to equals golden/, byte for byte. `make goldens` writes it anew; review the change."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import metaflow
import pytest

_spec = importlib.util.spec_from_file_location("regenerate", Path(__file__).with_name("regenerate.py"))
regenerate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(regenerate)

GOLDEN = regenerate.ROOT / "golden"
INSTALLED = metaflow.__version__.partition("+")[0]
RECORDED = (GOLDEN / "metaflow-version.txt").read_text().strip()


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    done = {}

    def get(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            regenerate.compile_example(name, done[name])
        return done[name]

    return get


def test_every_example_has_goldens_and_every_golden_an_example():
    assert sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()) == ["_shared", *regenerate.examples()]


def from_upstream(path: str) -> bool:
    """Whether a file holds what upstream's compilers made, or tells Metaflow's version."""
    whole_template = path.startswith("step-functions/")
    return whole_template or path.endswith(("workflowtemplate.yaml", "metaflow-triggers.json"))


@pytest.mark.parametrize("name", regenerate.examples())
def test_trigger_objects(name, compiled):
    got, want = texts(compiled(name)), texts(GOLDEN / name)
    want.update({f"_shared/{path}": text for path, text in texts(GOLDEN / "_shared").items()})
    assert sorted(got) == sorted(want)
    for path in sorted(want):
        if not from_upstream(path):
            assert got[path] == want[path], path


@pytest.mark.parametrize("name", regenerate.examples())
def test_step_workflow(name, compiled):
    if INSTALLED != RECORDED:
        pytest.skip(f"the step workflow is upstream's: install metaflow=={RECORDED} to compare (found {INSTALLED})")
    got, want = texts(compiled(name)), texts(GOLDEN / name)
    for path in filter(from_upstream, sorted(want)):
        assert got[path] == want[path], path
