"""What Metaflow alone compiles, ours compiles too: no refusal outside of section 12, no FT900, no FT601.

The forms are those of Metaflow's own `@trigger`, `@trigger_on_finish`, `@schedule`, `@project` and parameters, many to
a flow where one flow can carry them. Metaflow alone compiles every one of them, and not even a warning comes from us.
What steps can carry is compared in `test_equality.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .emulated_aws import Aws, clean_environment

FILE = """from metaflow import *


def named(context):
    return "made-" + context.flow_name


def also(context):
    return "also"


def flow(context):
    return "Made"


def whole(context):
    return {{"name": "whole", "parameters": {{"size": "n"}}}}


def several(context):
    return ["one", {{"name": "two"}}]


def mapping(context):
    return {{"real": "n"}}


{decorators}
class {name}(FlowSpec):
{parameters}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    {name}()
"""
MAPPED = """    size = Parameter("size", default=1)
    text = Parameter("text", default="")
    real = Parameter("real", default=1.5)
    config = Config("config", default_value={"a": "from-config"})
"""
PARAMETERS = """    config = Config("config", default_value={"a": {"b": 1}})
    file = IncludeFile("file", default=__file__)
    json = Parameter("json", type=JSONType, default='{"a": 1}')
    list = Parameter("list", separator=",", default="a,b")
    flag = Parameter("flag", type=bool, default=False, help="{} $(x) 'quoted'")
    real = Parameter("real", type=float, default=1.5)
    required = Parameter("required", required=True)
    none = Parameter("none", type=int, default=None)
    late = Parameter("late", default=lambda context: context.flow_name)
"""
FORMS = {
    "Single": "@trigger(event={'name': 'a', 'parameters': {'size': 'n', 'text': 't'}}, options={})",
    "Several": "@trigger(events=['a', {'name': 'b'}, {'name': 'c', 'parameters': {'size': 'n'}}, "
    "{'name': 'd.e_f-g', 'parameters': ['text', ('real', 'other')]}, {'name': 'h', 'parameters': []}, "
    "{'name': 'i', 'parameters': {}}])",
    "Made": "@trigger(events=[named, {'name': 'b'}, whole, {'name': also, 'parameters': ['text']}, "
    "{'name': 'd', 'parameters': mapping}])",
    "MadeList": "@trigger(events=several)",
    "FromConfig": "@trigger(event=config_expr('config.a'))",
    "Finish": "@trigger_on_finish(flows=['Other', 'p.prod.Third', "
    "{'name': 'Fourth', 'project': 'p', 'project_branch': 'user.x'}, {'name': 'Fifth'}])",
    "FinishMade": "@trigger_on_finish(flow=flow)",
    "OfProject": "@project(name='shop')\n@trigger(event='a')\n@schedule(daily=True)",
    "Times": "@schedule(cron='0 10 ? * MON-FRI *', timezone='America/New_York')",
    "Parameters": "",
}
EXTERNAL = ("Other", "p.prod.Third", "p.user.x.Fourth", "Fifth", "Made")
NOTES = {"FT113", "FT114", "FT202", "FT507", "FT508"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    for name, decorators in FORMS.items():
        parameters = PARAMETERS if name == "Parameters" else MAPPED
        text = FILE.format(name=name, decorators=decorators, parameters=parameters)
        (folder / f"{name}.py").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def said_by_metaflow(aws: Aws, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    empty = tmp_path_factory.mktemp("no_extensions")
    environment = {
        **clean_environment(str(tmp_path_factory.mktemp("home"))),
        **aws.environment,
        "METAFLOW_EXTENSIONS_SEARCH_DIRS": str(empty),
        "METAFLOW_ARGO_EVENTS_EVENT": "metaflow-event",
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": "webhook",
        "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": "events",
    }
    program = Path(__file__).with_name("alone.py")
    files = [f"{name}.py" for name in FORMS]
    done = subprocess.run(
        [sys.executable, program, *files], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.long
def test_metaflow_compiles_the_forms(said_by_metaflow: dict[str, str | None]) -> None:
    assert said_by_metaflow == {f"{name}.py": None for name in FORMS}


@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
def test_none_of_them_is_refused(folder: Path, backend: str) -> None:
    words = ["--backend", backend, *(word for name in EXTERNAL for word in ("--external-flow", name))]
    done = subprocess.run(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "check", ".", "--format=json", *words],
        cwd=folder,
        env=clean_environment(str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    errors = [item for item in report["diagnostics"] if item["severity"] == "error"]
    assert errors == [], done.stderr
    assert {item["code"] for item in report["diagnostics"]} <= NOTES
    assert len(report["graph"]["flows"]) == len(FORMS)
