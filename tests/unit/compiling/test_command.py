"""The diff commands as a user types them: exit codes, formats, inputs that differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..commands.conftest import Run, run, triggers  # noqa: F401 - fixtures

FLOW = """from metaflow import FlowSpec, Parameter, project, schedule, step, trigger, trigger_on_finish

{decorators}
class {name}(FlowSpec):
    amount = Parameter('amount', default=0.0)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    {name}()
"""
PLACED = "@trigger(event={'name': 'order-placed', 'parameters': {'amount': 'totalAmount'}})"
AFTER = "@trigger_on_finish(flow='ProcessOrder')"


def write(folder: Path, **flows: str) -> None:
    for name, decorators in flows.items():
        (folder / f"{name.lower()}.py").write_text(FLOW.format(name=name, decorators=decorators))


@pytest.fixture
def project(tmp_path: Path, triggers: Run) -> Path:  # noqa: F811
    write(tmp_path, ProcessOrder=PLACED, DataTransform=AFTER)
    done = triggers("compile", ".", "--no-code-package", "--output", "out", cwd=tmp_path)
    assert done.code == 0, done.err
    return tmp_path


DIFF = ("diff", ".", "--no-code-package", "--against", "out")


def test_a_project_and_its_flows(project: Path, triggers: Run, run: Run) -> None:  # noqa: F811
    done = triggers(*DIFF, cwd=project)
    assert (done.code, done.out) == (0, "no difference\n")
    one = ("processorder.py", "--quiet", "argo-workflows", "diff", "--no-code-package", "--against", "out")
    done = run(*one, cwd=project)
    assert (done.code, done.out) == (0, "no difference\n"), done.err

    write(
        project,
        ProcessOrder=PLACED.replace("totalAmount", "total"),
        DataTransform=AFTER.replace(")", ", match=['success', 'failure'])"),
    )
    done = triggers(*DIFF, cwd=project)
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        "DataTransform now also starts when ProcessOrder fails",
        "ProcessOrder takes amount from total instead of totalAmount",
        "",
    ]
    assert "  changed  step-functions/ProcessOrder.yaml" in done.out and "@@" not in done.out
    full = triggers(*DIFF, "--full", cwd=project)
    assert full.code == 1 and full.out.startswith(done.out) and "+++ b/step-functions/ProcessOrder.yaml" in full.out

    document = json.loads(triggers(*DIFF, "--format", "json", cwd=project).out)
    assert document["same"] is False and document["inputs"] == [] and "diff" not in document
    assert document["changes"][1] == {
        "flow": "ProcessOrder",
        "kind": "mapping-changed",
        "text": "ProcessOrder takes amount from total instead of totalAmount",
        "backends": ["argo-workflows", "step-functions"],
    }
    markdown = triggers(*DIFF, "--format", "markdown", "--full", cwd=project).out
    assert "- ProcessOrder takes amount from total instead of totalAmount\n" in markdown and "```diff\n" in markdown

    # One flow says nothing of the other.
    done = run(*one, cwd=project)
    assert done.code == 1 and "DataTransform" not in done.out


def test_flows_come_and_go(project: Path, triggers: Run) -> None:  # noqa: F811
    (project / "datatransform.py").unlink()
    write(project, Report="@schedule(daily=True)")
    (project / "report.py").write_text((project / "report.py").read_text().replace("@schedule(daily=True)", ""))
    done = triggers(*DIFF, cwd=project)
    assert done.code == 1
    assert "DataTransform is no longer deployed\n" in done.out and "Report is new: it is started by hand\n" in done.out
    assert "  removed  step-functions/DataTransform.yaml" in done.out
    assert "  added    step-functions/Report.yaml" in done.out


def test_inputs_that_differ_are_named(tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    write(tmp_path, ProcessOrder=f"@project(name='shop')\n{PLACED}")
    ada = {"METAFLOW_USER": "ada"}
    assert triggers("compile", ".", "--no-code-package", "--output", "out", cwd=tmp_path, settings=ada).code == 0
    assert triggers(*DIFF, cwd=tmp_path, settings=ada).code == 0
    bob = {"METAFLOW_USER": "bob", "METAFLOW_BATCH_JOB_QUEUE": "fast"}
    done = triggers(*DIFF, "--backend", "step-functions", cwd=tmp_path, settings=bob)
    assert done.code == 1
    assert done.out.splitlines()[:4] == [
        "input branch differs: was user.ada, is user.bob",
        "input settings.batch_job_queue differs: was unset, is fast",
        "input user differs: was ada, is bob",
        "ProcessOrder is shop.user.bob.ProcessOrder instead of shop.user.ada.ProcessOrder",
    ]
    done = triggers(*DIFF, "--production", "--backend", "step-functions", cwd=tmp_path, settings=ada)
    assert done.code == 1 and "input production differs: was False, is True\n" in done.out


def test_errors_are_two(project: Path, triggers: Run, run: Run) -> None:  # noqa: F811
    for folder in ("nowhere", "."):
        done = triggers("diff", ".", "--against", folder, cwd=project)
        assert done.code == 2 and "error[FT003]" in done.err, done.err
    one = ("processorder.py", "--quiet", "step-functions", "diff", "--against", "nowhere")
    done = run(*one, cwd=project)
    assert done.code == 2 and "error[FT003]" in done.err, done.err
    write(project, ProcessOrder="@trigger(event='a b')")
    assert triggers(*DIFF, cwd=project).code == 2
    done = run(*one[:-1], "out", cwd=project)
    assert done.code == 2 and "error[FT104]" in done.err, done.err


def test_an_index_that_names_other_places_is_refused(project: Path, triggers: Run) -> None:  # noqa: F811
    (project / "secret").write_text("secret")
    index = json.loads((project / "out/metaflow-triggers.json").read_text())
    entry = next(iter(index["files"].values()))
    for path in ("../secret", str(project / "secret")):
        changed = {**index, "files": {**index["files"], path: entry}}
        (project / "out/metaflow-triggers.json").write_text(json.dumps(changed))
        done = triggers(*DIFF, "--full", cwd=project)
        assert done.code == 2 and "secret" not in done.out and "error[FT003]" in done.err


def test_a_folder_that_is_not_there_is_said_before_any_flow_is_read(triggers: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "flow.py").write_text("from metaflow import FlowSpec\nopen('read', 'w').close()\n")
    done = triggers("diff", "flow.py", "--against", "none", cwd=tmp_path)
    assert done.code == 2 and "`none` cannot be compared with" in done.err
    assert not (tmp_path / "read").exists()
