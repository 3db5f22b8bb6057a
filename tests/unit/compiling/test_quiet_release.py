"""A release that changes no trigger changes one line of each flow's files on each backend: the code package's place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..commands.conftest import Run
from ..commands.warm import warm

TWO_STEPS = """\
from metaflow import FlowSpec, step, trigger, trigger_on_finish

{decorators}
class {name}(FlowSpec):
    @step
    def start(self):
        self.parts = [1, 2]
        self.next({next})
{more}
    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""
FOREACH = """
    @step
    def work(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.end)
"""
ANNOTATION = "metaflow-triggers/code-package"
FLOWS = {
    "TwoSteps": ("@trigger(event='placed')", "self.end", ""),
    "EachPart": ("@trigger(event='placed')", "self.work, foreach='parts'", FOREACH),
    "TwoTriggers": ("@trigger(events=['placed', 'paid'])\n@trigger_on_finish(flow='TwoSteps')", "self.end", ""),
}


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home"), METAFLOW_DATASTORE_SYSROOT_S3="s3://bucket/metaflow") as run:
        yield run


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory, triggers: Run) -> Path:
    """Two folders of one project, `old` and `new`; between them a file beside the flows is another one."""
    project = tmp_path_factory.mktemp("project")
    (project / "flows").mkdir()
    for name, (decorators, following, more) in FLOWS.items():
        text = TWO_STEPS.format(name=name, decorators=decorators, next=following, more=more)
        (project / f"flows/{name.lower()}.py").write_text(text)
    for release in ("old", "new"):
        (project / "flows/notes.py").write_text(f"release = {release!r}\n")
        done = triggers("compile", "flows", "--output", release, cwd=project)
        assert done.code == 0, done.err
    return project


def changed(project: Path) -> dict[str, list[tuple[str, str]]]:
    """Of each file that is another one its lines that are: what they were and what they are."""
    found = {}
    for path in sorted(item for item in (project / "old").rglob("*") if item.is_file()):
        name = path.relative_to(project / "old")
        old, new = path.read_text().splitlines(), (project / "new" / name).read_text().splitlines()
        lines = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
        were, are = ([line[1:] for line in lines if line.startswith(sign)] for sign in "-+")
        assert len(were) == len(are)
        if were:
            found[name.as_posix()] = list(zip(were, are, strict=True))
    return found


def test_a_release_changes_one_line_of_a_flow_on_each_backend(releases: Path) -> None:
    found = changed(releases)
    index = found.pop("metaflow-triggers.json")
    assert set(found) == {f"step-functions/{name}.yaml" for name in FLOWS} | {
        f"argo-workflows/{name.lower()}/workflowtemplate.yaml" for name in FLOWS
    }
    of_name = {name.lower(): name for name in FLOWS}
    for path, lines in found.items():
        backend, folder = path.split("/")[0], Path(path).parent.name
        (line,) = lines
        name, key = (Path(path).stem, "Path") if backend == "step-functions" else (of_name[folder], ANNOTATION)
        place = re.compile(rf"      {key}: {name}/data/([0-9a-f]{{2}})/\1[0-9a-f]{{38}}")
        assert all(place.fullmatch(text) for text in line)
    # The index has the digest of each file, so it tells of each that is another one.
    assert len(index) == len(found) and all('"sha256": "' in text for line in index for text in line)
