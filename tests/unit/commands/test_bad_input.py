"""A user's mistakes: a code, the place in the user's file, all of them at once, exit 1, nothing written."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from .conftest import Run

FLOW = """from metaflow import FlowSpec, Parameter, Config, step, trigger, trigger_on_finish, schedule, project
{before}

{decorators}
class Report(FlowSpec):
{body}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
{after}
"""


def flow(decorators: str, body: str = "", before: str = "", after: str = "") -> str:
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return FLOW.format(decorators=decorators, body=indented, before=before, after=after)


# What is written, the code, and the text that the caret stands under.
MISTAKES = {
    "both event and events": ("@trigger(event='a', events=['b'])", "", "FT101", "['b']"),
    "neither event nor events": ("@trigger()", "", "FT101", "trigger"),
    "an event that is a number": ("@trigger(event=3)", "", "FT102", "3"),
    "an event without a name": ("@trigger(event={'parameters': {}})", "", "FT102", "{'parameters': {}}"),
    "an unknown key": ("@trigger(event={'name': 'a', 'filtres': {}})", "", "FT103", "'filtres'"),
    "a name with a space": ("@trigger(event='order placed')", "", "FT104", "'order placed'"),
    "a name that is code": ("@trigger(event='$(touch x)')", "", "FT104", "'$(touch x)'"),
    "one event twice": ("@trigger(events=['a', 'a'], require='any')", "", "FT105", "'a'"),
    "one event twice, from a function": (
        "@trigger(events=[lambda ctx: 'a', 'a'], require='any')",
        "",
        "FT105",
        "'a'",
    ),
    "a bad require": ("@trigger(events=['a', 'b'], require='al')", "", "FT106", "'al'"),
    "an unknown option": ("@trigger(event='a', options={'auto_mop': True})", "", "FT107", "'auto_mop'"),
    "an unknown option of AWS": (
        "@trigger(event='a', options={'step-functions': {'retries': 3}})",
        "",
        "FT107",
        None,
    ),
    "more attempts than AWS makes": (
        "@trigger(event='a', options={'step-functions': {'retry': 186}})",
        "",
        "FT107",
        None,
    ),
    "an age in minutes": (
        "@trigger(event='a', options={'step-functions': {'maximum-event-age': 30}})",
        "",
        "FT107",
        None,
    ),
    "a queue without its ARN": (
        "@trigger(event='a', options={'step-functions': {'dead-letter-queue': 'alarms'}})",
        "",
        "FT107",
        None,
    ),
    "a bus for outcomes": (
        "@trigger_on_finish(flow='F', options={'step-functions': {'bus': 'orders'}})",
        "",
        "FT107",
        None,
    ),
    "options that are a list": ("@trigger(event='a', options=[1])", "", "FT107", "[1]"),
    "a flow that is a number": ("@trigger_on_finish(flow=3)", "", "FT108", "3"),
    "a flow with one dot": ("@trigger_on_finish(flow='p.Flow')", "", "FT108", "'p.Flow'"),
    "a bad match": ("@trigger_on_finish(flow='F', match='sucess')", "", "FT109", "'sucess'"),
    "a function that raises": ("@trigger(event=lambda ctx: 1 / 0)", "", "FT110", "lambda ctx: 1 / 0"),
    "a function that returns a number": ("@trigger(event=lambda ctx: 7)", "", "FT110", "lambda ctx: 7"),
    "parameters that are a number": ("@trigger(event={'name': 'a', 'parameters': 7})", "", "FT111", "7"),
    "an unknown argument": ("@trigger(evnt='a', event='b')", "", "FT112", "evnt"),
    "a project without a branch": (
        "@trigger_on_finish(flow={'name': 'F', 'project': 'p'})",
        "",
        "FT115",
        "{'name': 'F', 'project': 'p'}",
    ),
    "an unknown parameter": (
        "@trigger(event={'name': 'a', 'parameters': {'tabel': 't'}})",
        "table = Parameter('table')",
        "FT301",
        "'tabel'",
    ),
    "a Config that is mapped": (
        "@trigger(event={'name': 'a', 'parameters': {'cfg': 't'}})",
        "cfg = Config('cfg', default_value='{}')",
        "FT302",
        "'cfg'",
    ),
    "a parameter mapped twice": (
        "@trigger(event={'name': 'a', 'parameters': [('x', 'f'), ('x', 'g')]})",
        "x = Parameter('x')",
        "FT303",
        "'x'",
    ),
    "a required parameter that nobody fills": (
        "@trigger(event='a')",
        "x = Parameter('x', required=True)",
        "FT304",
        "'a'",
    ),
    "a required parameter under a schedule": (
        "@schedule(daily=True)",
        "x = Parameter('x', required=True)",
        "FT305",
        "schedule",
    ),
    "an outcome has no such field": (
        "@trigger_on_finish(flow='F', parameters={'x': 'runid'})",
        "x = Parameter('x')",
        "FT306",
        "'x'",
    ),
    "a constant that is not JSON": (
        "@trigger(event={'name': 'a', 'parameters': {'x': {'value': float('nan')}}})",
        "x = Parameter('x')",
        "FT307",
        "{'value': float('nan')}",
    ),
    "a constant that is null": (
        "@trigger(event={'name': 'a', 'parameters': {'x': {'value': None}}})",
        "x = Parameter('x')",
        "FT307",
        "{'value': None}",
    ),
    "a queue, which Argo has not": ("@trigger(events=['a', 'b'], options={'join': 'queue'})", "", "FT501", None),
    "an origin without a part for a backend": (
        "@trigger(event={'name': 'a', 'origin': {'step-functions': {'source': 'aws.s3'}}})",
        "",
        "FT503",
        None,
    ),
    "a cron that Argo has not": ("@schedule(cron='0 8 ? * MON#1 *')", "", "FT505", None),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name: str, triggers: Run, tmp_path: Path):
    decorators, body, code, under = MISTAKES[name]
    file = tmp_path / "report.py"
    file.write_text(flow(decorators, body))
    output = tmp_path / "out"
    arguments = ("compile", "report.py", "--external-flow", "F", "--external-flow", "p.Flow", "--output", str(output))
    done = triggers(*arguments, "--no-code-package", cwd=tmp_path)
    assert done.code == 1, done.err
    assert f"error[{code}]" in done.err
    assert "Traceback" not in done.err
    assert not output.exists()
    if under is not None:
        assert under in carets(done.err, code), done.err


def carets(text: str, code: str) -> list[str]:
    """What stands above the carets of the diagnostics with this code."""
    found = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if not lines or f"[{code}]" not in lines[0]:
            continue
        for above, below in itertools.pairwise(lines):
            start = below.find("^")
            if start > 0 and set(below[:start]) <= set(" |"):
                length = len(below[start:]) - len(below[start:].lstrip("^"))
                found.append(above[start : start + length])
    return found


def test_all_mistakes_are_told_at_once(triggers: Run, tmp_path: Path):
    (tmp_path / "one.py").write_text(flow("@trigger(event={'name': 'a b', 'filtres': {}})"))
    (tmp_path / "two.py").write_text(
        flow("@trigger_on_finish(flow='Raport', match='sucess')").replace("class Report", "class Other")
    )
    done = triggers("check", "one.py", "two.py", "--format", "json", cwd=tmp_path)
    assert done.code == 1
    found = json.loads(done.out)["diagnostics"]
    assert {item["code"] for item in found} >= {"FT103", "FT104", "FT109", "FT201"}


LEAVES = """
def __init__(self, *arguments, **more):
    raise SystemExit({})
"""

LEAVING = """from metaflow import FlowMutator
class Leaves(FlowMutator):
    def mutate(self, flow):
        exit(0)"""


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("import nothing_of_this_name\n" + flow("@trigger(event='a')"), "FT120", 1),
        (flow("@trigger(event='a')") + "\nraise ValueError('no luck')\n", "FT120", 16),
        ("class Report(FlowSpec:\n", "FT120", 1),
        (flow("@trigger(event='a')") + "\nimport sys\nsys.exit(3)\n", "FT122", 17),
        (flow("@trigger(event='a')") + "\nimport os\nos._exit(3)\n", "FT122", 1),
        (flow("@trigger(event='a')") + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "FT122", 1),
        (flow("@trigger(event='a')").replace("self.next(self.end)", "pass"), "FT123", None),
        ("x = 1\n", "FT005", 1),
        (flow("@trigger(event=lambda c: exit(0))"), "FT110", 4),
        (flow("@trigger(event='a')", LEAVES.format(0)), "FT123", 8),
        (flow("@trigger(event='a')", LEAVES.format(3)), "FT123", 8),
        (flow("@Leaves", before=LEAVING), "FT123", 8),
        (flow("@trigger('a')"), "FT120", 4),
        (flow("@trigger(event='a')\n@project(name='A B')"), "FT123", 5),
        (flow("@trigger(event='a')\n@project(name=5)"), "FT123", 5),
    ],
    ids=[
        *("missing module", "raises", "no Python", "sys.exit", "os._exit", "killed", "no next", "no flow"),
        *(
            "a name exits",
            "the class exits without error",
            "the class exits",
            "a mutator exits",
            "an event without its keyword",
        ),
        *("a project's name", "a project's name that is no text"),
    ],
)
def test_a_broken_file_costs_one_diagnostic_and_the_others_compile(
    text: str, code: str, line: int | None, triggers: Run, tmp_path: Path
):
    (tmp_path / "broken.py").write_text(text)
    (tmp_path / "good.py").write_text(flow("@trigger(event='a')").replace("class Report", "class Good"))
    done = triggers("check", "broken.py", "good.py", "--format", "json", cwd=tmp_path)
    assert done.code == 1
    found = [item for item in json.loads(done.out)["diagnostics"] if item["severity"] == "error"]
    assert [item["code"] for item in found] == [code], done.out
    assert found[0]["span"]["file"] == "broken.py"
    if line is not None:
        assert found[0]["span"]["line"] == line
    alone = triggers("check", "good.py", cwd=tmp_path)
    assert alone.code == 0 and "Good" in alone.out


def test_a_flow_that_hangs_is_ended(triggers: Run, tmp_path: Path):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(600)\n" + flow("@trigger(event='a')"))
    done = triggers("check", "slow.py", "--timeout", "2", cwd=tmp_path, seconds=60)
    assert done.code == 1
    assert "error[FT121]" in done.err


def test_what_a_flow_prints_is_not_in_the_output(triggers: Run, tmp_path: Path):
    (tmp_path / "loud.py").write_text("print('kind: Sensor')\n" + flow("@trigger(event='a')") + "\nprint('bye')\n")
    arguments = ("compile", "loud.py", "--show", "triggers", "--backend", "argo-workflows", "--no-code-package")
    loud = triggers(*arguments, cwd=tmp_path)
    (tmp_path / "loud.py").write_text("\n" + flow("@trigger(event='a')"))
    quiet = triggers(*arguments, cwd=tmp_path)
    assert loud.code == quiet.code == 0, loud.err
    assert loud.out == quiet.out


def test_two_flows_that_collide_in_a_name(triggers: Run, tmp_path: Path):
    (tmp_path / "one.py").write_text(flow("@trigger(event='a')").replace("class Report", "class My_Flow"))
    (tmp_path / "two.py").write_text(flow("@trigger(event='a')").replace("class Report", "class MyFlow"))
    done = triggers("check", "one.py", "two.py", cwd=tmp_path)
    assert done.code == 1
    assert "error[FT204]" in done.err and "argo-workflows" in done.err
    assert "error[FT204]" not in triggers("check", "one.py", "two.py", "--backend", "step-functions", cwd=tmp_path).err


def test_a_circle_is_shown_as_a_path(triggers: Run, tmp_path: Path):
    for name, upstream in (("A", "C"), ("B", "A"), ("C", "B")):
        text = flow(f"@trigger_on_finish(flow='{upstream}')").replace("class Report", f"class {name}")
        (tmp_path / f"{name}.py").write_text(text)
    done = triggers("check", ".", cwd=tmp_path)
    assert done.code == 1
    assert "`A` -> `B` -> `C` -> `A`" in done.err


OUTPUT = ("compile", "good.py", "--no-code-package", "--show", "triggers", "--output")


def good(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(flow("@trigger(event='a')"))


def test_a_folder_with_other_content_is_not_touched(triggers: Run, tmp_path: Path):
    good(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    done = triggers(*OUTPUT, "out", cwd=tmp_path)
    assert done.code == 1 and "error[FT003]" in done.err
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["notes.txt"]


def test_a_file_that_was_not_written_by_us_is_not_replaced(triggers: Run, tmp_path: Path):
    good(tmp_path)
    assert triggers(*OUTPUT, "out", cwd=tmp_path).code == 0
    index = tmp_path / "out" / "metaflow-triggers.json"
    told = json.loads(index.read_text())
    path = next(path for path in told["files"] if path.endswith("sensor.yaml"))
    del told["files"][path]
    index.write_text(json.dumps(told))
    (tmp_path / "out" / path).write_text("mine")
    done = triggers(*OUTPUT, "out", cwd=tmp_path)
    assert done.code == 1 and "error[FT003]" in done.err
    assert (tmp_path / "out" / path).read_text() == "mine"


def test_a_link_out_of_the_folder_is_not_followed(triggers: Run, tmp_path: Path):
    good(tmp_path)
    assert triggers(*OUTPUT, "out", cwd=tmp_path).code == 0
    sensor = next((tmp_path / "out").rglob("sensor.yaml"))
    (tmp_path / "victim").write_text("mine")
    sensor.unlink()
    sensor.symlink_to(tmp_path / "victim")
    done = triggers(*OUTPUT, "out", cwd=tmp_path)
    assert done.code == 1 and "error[FT003]" in done.err
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_file_where_the_folder_should_be(triggers: Run, tmp_path: Path):
    good(tmp_path)
    (tmp_path / "out").write_text("mine")
    for output in ("out", "out/below"):
        done = triggers(*OUTPUT, output, cwd=tmp_path)
        assert done.code == 1 and "error[FT003]" in done.err, done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run as another user")
def test_an_unwritable_folder(triggers: Run, tmp_path: Path):
    good(tmp_path)
    (tmp_path / "closed").mkdir(mode=0o555)
    done = triggers(*OUTPUT, "closed/out", cwd=tmp_path)
    assert done.code == 1 and "error[FT003]" in done.err


def test_a_trigger_that_went_away_leaves_no_file_behind(triggers: Run, tmp_path: Path):
    good(tmp_path)
    assert triggers(*OUTPUT, "out", cwd=tmp_path).code == 0
    assert list((tmp_path / "out").rglob("sensor.yaml"))
    (tmp_path / "good.py").write_text(flow(""))
    done = triggers("compile", "good.py", "--no-code-package", "--output", "out", cwd=tmp_path)
    assert done.code == 0, done.err
    assert not list((tmp_path / "out").rglob("sensor.yaml"))
    assert list((tmp_path / "out").rglob("workflowtemplate.yaml"))


@pytest.mark.parametrize("command", ["check", "list"])
def test_an_empty_path_is_not_this_folder(command: str, triggers: Run, tmp_path: Path):
    """As of a variable that is not set: `delete "$FOLDER"` would delete what it was not told to."""
    good(tmp_path)
    done = triggers(command, "", cwd=tmp_path)
    assert done.code == 1 and "error[FT005]: an empty path" in done.err


def test_who_has_one_cloud_is_told_how_to_leave_the_other_out(triggers: Run, tmp_path: Path):
    good(tmp_path)
    me = {"METAFLOW_USER": "tester"}
    some = me | {"METAFLOW_DATASTORE_SYSROOT_S3": "s3://b/p"}
    done = triggers("create", "good.py", "--plan", cwd=tmp_path, settings=some)
    assert done.code == 2, done.err
    (queue,) = (item for item in done.err.split("\n\n") if "set METAFLOW_BATCH_JOB_QUEUE" in item)
    assert "or leave step-functions out: --backend argo-workflows" in queue
    one = triggers("create", "good.py", "--plan", "--backend", "step-functions", cwd=tmp_path, settings=me)
    assert "set METAFLOW_BATCH_JOB_QUEUE" in one.err and "--backend" not in one.err
    both = triggers("create", "good.py", "--plan", cwd=tmp_path, settings=me)
    (root,) = (item for item in both.err.split("\n\n") if "METAFLOW_DATASTORE_SYSROOT_S3" in item)
    assert "--backend" not in root
