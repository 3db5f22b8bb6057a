"""What Metaflow keeps of a flow is put back before the next one, and what is not put back is found."""

from __future__ import annotations

from pathlib import Path

from .run import python, succeeded

READ = """
import os, sys
os.environ["METAFLOW_TRIGGERS_OFFLINE"] = "1"
import metaflow
from metaflow_triggers import seams
from metaflow_triggers.reading import one_file, project, together
from metaflow_triggers.reading.request import Request

names = ("step-functions", "argo-workflows")
request = Request(names, code_package=False)
project._prepare(request, many=True)
between = seams.Between()
one_file.answer(str(together._SAMPLE), request, by_hand=False)
together._forget(together._SAMPLE)
between.restore()
between.look()
"""
FLOW = """
from metaflow import FlowSpec, batch, environment, kubernetes, project, resources, schedule, step, trigger

@project(name="kept")
@schedule(daily=True)
@trigger(event="a")
class Flow(FlowSpec):
    @kubernetes
    @step
    def start(self):
        self.next(self.end)

    @batch(memory=1000)
    @environment(vars={"A": "b"})
    @step
    def end(self):
        pass
"""
FEATURES = """
found = one_file.answer("flow.py", request, by_hand=True)
assert found["classes"][0]["flows"][0]["flow"]["project"] == "kept", found
assert metaflow.current.project_name == "kept"
print("before", len(between.left()))
together._forget(__import__("pathlib").Path("flow.py").resolve())
between.restore()
print("after", between.left())
print("project", metaflow.current.get("project_name"))
"""
CHANGES = """
from metaflow import decorators, parameters
from metaflow.plugins.retry_decorator import RetryDecorator

def look(what, change, undo):
    change()
    print(what, between.left())
    undo()
    assert between.left() == [], what

look("module", lambda: setattr(parameters, "of_mine", 1), lambda: delattr(parameters, "of_mine"))
kept = RetryDecorator.defaults["times"]
look(
    "class",
    lambda: RetryDecorator.defaults.update(times=5),
    lambda: RetryDecorator.defaults.update(times=kept),
)
look("object", lambda: setattr(metaflow.current, "_run_id", 7), lambda: setattr(metaflow.current, "_run_id", None))
look("environment", lambda: os.environ.update(MINE="1"), lambda: os.environ.pop("MINE"))
look("path", lambda: sys.path.append("/mine"), lambda: sys.path.remove("/mine"))
look("builtins", lambda: setattr(__builtins__, "mine", 1), lambda: delattr(__builtins__, "mine"))
"""


def test_what_a_flow_with_features_leaves_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW, "utf-8")
    before, after, project = succeeded(python("-c", READ + FEATURES, cwd=tmp_path)).splitlines()
    assert int(before.split()[1]) > 0
    assert after == "after []"
    assert project == "project None"


def test_what_is_changed_is_found_wherever_it_is(tmp_path: Path) -> None:
    lines = succeeded(python("-c", READ + CHANGES, cwd=tmp_path)).splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "module",
        "class",
        "object",
        "environment",
        "path",
        "builtins",
    ]
    for line, place in zip(
        lines,
        ("of_mine", "defaults['times']", "current._run_id", "process['environ']['MINE']", "process['path']", "mine"),
        strict=True,
    ):
        assert place in line
