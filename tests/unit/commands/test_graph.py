"""`metaflow-triggers graph` over files: what it prints in each format, with what `check` finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from metaflow_triggers.manifests.schemas import findings, load_schema

from .conftest import ROOT, Run
from .warm import warm

FLOW = """from metaflow import FlowSpec, Parameter, step, {imports}

{decorators}
class {name}(FlowSpec):
    x = Parameter("x", default="")
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        {body}

if __name__ == "__main__":
    {name}()
"""


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as run:
        yield run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    trigger = '@trigger(event={"name": "paid", "parameters": {"x": "nothing"}})'
    texts = {
        "first.py": FLOW.format(name="First", imports="trigger", decorators=trigger, body="pass"),
        "second.py": FLOW.format(
            name="Second",
            imports="trigger_on_finish",
            decorators='@trigger_on_finish(flows=["First", "Frist"])',
            body="pass",
        ),
        "metaflow-triggers.toml": "[events.paid]\nowner = 'shop'\nschema.properties.sum.type = 'number'\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def test_json_is_the_catalogue_the_graph_and_what_check_finds(folder: Path, triggers: Run) -> None:
    done = triggers("graph", "--format", "json", cwd=folder)
    assert (done.code, done.err) == (1, "")
    picture = json.loads(done.out)
    assert findings(picture, "pictures/picture") == []
    checked = json.loads(triggers("check", "--format", "json", cwd=folder).out)
    assert picture["diagnostics"] == checked["diagnostics"]
    codes = {
        node["id"]: {picture["diagnostics"][number]["code"] for number in node.get("diagnostics", ())}
        for node in picture["nodes"]
    }
    assert codes["flow/First"] == {"FT308"} and "FT201" in codes["flow/Second"]
    assert set(codes) == {"flow/First", "flow/Second", "elsewhere/Frist", "event/paid"}
    paid = next(node for node in picture["nodes"] if node["id"] == "event/paid")
    assert paid["catalogue"] == {"owner": "shop", "schema": {"properties": {"sum": {"type": "number"}}}}
    assert picture["nodes"][0]["backends"] == ["step-functions", "argo-workflows"]


def test_what_is_wrong_is_told_and_drawn_all_the_same(folder: Path, triggers: Run) -> None:
    done = triggers("graph", "second.py", "--backend", "argo-workflows", cwd=folder)
    assert done.code == 1 and "error[FT201]" in done.err
    assert "\npaid   shop" in done.out
    assert done.out == triggers("list", "second.py", cwd=folder).out


def test_a_difference_is_drawn_from_the_folder_of_compile(tmp_path: Path, triggers: Run) -> None:
    plain = FLOW.format(name="Plain", imports="trigger", decorators="@trigger(event='e')", body="pass")
    (tmp_path / "plain.py").write_text(plain)
    words = ("plain.py", "--backend", "argo-workflows", "--no-code-package")
    assert triggers("compile", *words, "--output", "out", cwd=tmp_path).code == 0
    same = triggers("diff", *words, "--against", "out", "--format", "html", cwd=tmp_path)
    assert same.code == 0 and '"remarks":["no difference"]' in same.out
    (tmp_path / "plain.py").write_text(plain.replace("event='e'", "events=['e', 'f'], require='any'"))
    done = triggers("diff", *words, "--against", "out", "--format", "html", cwd=tmp_path)
    assert done.code == 1 and done.out.startswith("<!DOCTYPE html>")
    (data,) = re.findall(r'id="data">(.*?)</script>', done.out)
    picture = json.loads(data)
    marks = {node["id"]: node["change"] for node in picture["nodes"] if "change" in node}
    assert marks == {"flow/Plain": "changed", "event/f": "added"}
    assert picture["nodes"][0]["changes"] == ["Plain now also starts on f"]


def test_the_schema_that_is_printed_is_the_one_that_holds(triggers: Run) -> None:
    assert json.loads(triggers("schema", "graph").out) == load_schema("pictures/picture")
    assert json.loads(triggers("schema").out) == json.loads(triggers("schema", "check").out)


def test_the_page_shows_the_picture_of_its_example(triggers: Run) -> None:
    page = (ROOT / "docs" / "graph.md").read_text("utf-8")
    words = ("examples/fan_out", "examples/multiple_events", "--backend", "argo-workflows")
    drawn = triggers("graph", *words, "--format", "mermaid").out
    assert f"```mermaid\n{drawn}```\n" in page and drawn.startswith("flowchart LR\n")


def test_a_project_file_that_is_wrong_is_told_as_text(tmp_path: Path, triggers: Run) -> None:
    (tmp_path / "metaflow-triggers.toml").write_text("pathz = []\n")
    done = triggers("graph", "--format", "json", cwd=tmp_path)
    assert (done.code, done.out) == (2, "") and "pathz" in done.err
