"""Real flows: what they import, what they see of triggers, what mistakes do to a run (nothing)."""

from __future__ import annotations

import re

import pytest

FLOW = """
    from metaflow import (
        FlowSpec, ParameterContext, current, emit_event, namespaced_event_name, project, schedule, step, trigger,
        trigger_on_finish,
    )
    from metaflow.plugins.namespaced_events import namespaced_event_name as same

    assert namespaced_event_name is same and ParameterContext.__module__ == "metaflow.parameters"
    {decorators}
    class F(FlowSpec):
        @step
        def start(self):
            print("trigger:", current.trigger, "trigger" in current)
            print("name:", namespaced_event_name("x")(), same("x")(None))
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        F()
"""


@pytest.mark.parametrize(
    "decorators",
    [
        "",
        "@trigger(events=('a', {'name': 'b', 'parameters': ('x', ('y', 'z'))}), require='any')",
        "@trigger(event=5, unknown=1, require=object())",
        "@trigger(event=lambda: 1 / 0)",
        "@trigger_on_finish(flow='A', match='failure', require='some', parameters=['run_id'], wrong=2)",
        "@trigger(event='a')\n    @trigger_on_finish(flow='B')",
    ],
)
def test_no_trigger_stops_a_run_and_none_is_seen_in_it(workspace, decorators):
    workspace.flow(FLOW.format(decorators=decorators))
    output = workspace.run("run")
    assert "trigger: None False" in output
    assert "name: x x" in output


def test_namespaced_names_and_projects_with_hyphens(workspace):
    workspace.flow(FLOW.format(decorators="@project(name='ml-platform')"))
    output = workspace.run("--production", "run", "--run-id-file", "id")
    assert "name: ml-platform.production.x" in output
    assert "Project: ml-platform, Branch: prod" in output
    run_id = (workspace.path / "id").read_text()
    show = "from metaflow import Run; r = Run('F/%s', _namespace_check=False); print(sorted(r.system_tags))"
    tags = workspace.python("-c", show % run_id).stdout
    assert "project:ml-platform" in tags
    assert "project_branch:prod" in tags


NAMES = """
from metaflow import current, namespaced_event_name
current._update_env({"project_name": "p", "branch_name": "prod"})
print(namespaced_event_name("x")())
"""


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "p.production.x"),
        ({"METAFLOW_NAMESPACED_EVENTS_PREFIX": "mfns"}, "mfns.p.production.x"),
        ({"METAFLOW_TRIGGERS_COMPAT": "upstream"}, "mfns.p.prod.x"),
    ],
)
def test_configured_prefix_and_compatibility(workspace, given, name):
    assert workspace.python("-c", NAMES, environment=given).stdout.strip() == name


def test_compatibility_restores_no_refusal(workspace):
    """What upstream refuses deploys nowhere today, so nobody relies on it."""
    workspace.flow(FLOW.format(decorators="@project(name='p-q')"))
    done = workspace.python("flow.py", "show", environment={"METAFLOW_TRIGGERS_COMPAT": "upstream"})
    assert (done.returncode, "Project: p-q, Branch: user." in done.stderr) == (0, True)


@pytest.mark.parametrize("name", ["", "a-B", "-" * 129])
def test_other_project_names_are_refused_as_before(workspace, name):
    workspace.flow(FLOW.format(decorators=f"@project(name={name!r})"))
    done = workspace.python("flow.py", "--no-pylint", "show")
    assert done.returncode == 1
    assert "project" in done.stderr


def test_the_trigger_option_gives_the_upstream_run(workspace):
    workspace.flow(FLOW.format(decorators=""), "upstream.py")
    workspace.run("run", "--run-id-file", "id", flow="upstream.py")
    run_id = (workspace.path / "id").read_text()
    workspace.flow(
        """
        from metaflow import FlowSpec, Run, current, step, trigger_on_finish

        @trigger_on_finish(flow=5)
        class G(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                t = current.trigger
                print("run:", t.run.pathspec, [r.pathspec for r in t.runs], t["F"].pathspec, "F" in t, len(list(t)))
                print("event:", t.event_name, t.event.name, t.id, t.events[0].type, t.timestamp.utcoffset())
                print("payload:", t.payload["flow"], t.payload["run_id"], t.payload["outcome"])

        if __name__ == "__main__":
            G()
        """
    )
    output = workspace.run("--trigger", f"F/{run_id}", "run")
    assert f"run: F/{run_id} ['F/{run_id}'] F/{run_id} True 1" in output
    assert re.search(rf"event: metaflow.F.end metaflow.F.end F/{run_id}/end/\d+ run 0:00:00", output)
    assert f"payload: F {run_id} success" in output
    wrong = workspace.python("flow.py", "--no-pylint", "--trigger", "nonsense", "run")
    assert "Incorrect format for run pathspec" in wrong.stderr


def test_resume_sees_no_trigger(workspace):
    workspace.flow(FLOW.format(decorators="@trigger(event='e')"))
    workspace.run("run")
    assert "trigger: None False" in workspace.run("resume", "start")


ROOT = {"METAFLOW_USER": None, "USER": "root", "HOME": "/nowhere"}


@pytest.mark.parametrize(
    "words", [("step-functions", "--help"), ("argo-workflows", "--name", "x", "compile", "--help")]
)
def test_offline_commands_need_no_user(workspace, words):
    workspace.flow(FLOW.format(decorators=""))
    for user in ({}, {"USER": "alice"}):
        done = workspace.python("flow.py", "--no-pylint", *words, environment={**ROOT, **user})
        assert done.returncode == 0, done.stderr
        assert "alice" not in done.stderr


def test_other_commands_say_how_to_give_a_user(workspace):
    workspace.flow(FLOW.format(decorators=""))
    for words in (("run",), ("step-functions", "list-runs")):
        done = workspace.python("flow.py", "--no-pylint", *words, environment=ROOT)
        assert done.returncode == 1
        assert "METAFLOW_USER" in done.stderr


def test_a_foreign_extension_that_fails_does_not_take_ours_away_unnoticed(workspace):
    broken = workspace.path / "elsewhere" / "metaflow_extensions" / "broken" / "plugins"
    broken.mkdir(parents=True)
    (broken / "mfextinit_broken.py").write_text("raise RuntimeError('broken')\n")
    workspace.flow(FLOW.format(decorators=""))
    done = workspace.python("flow.py", "show", environment={"PYTHONPATH": str(workspace.path / "elsewhere")})
    assert done.returncode != 0
    assert "FT001" in done.stderr


def test_import_needs_no_cloud_packages(workspace):
    done = workspace.python(
        "-c",
        "import sys, metaflow; print([m for m in ('boto3', 'botocore', 'kubernetes', 'jinja2') if m in sys.modules])",
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_the_names_of_metaflows_own_module_stay(workspace):
    program = """
import metaflow.plugins.namespaced_events as ours
try:
    import metaflow.plugins.namespaced_events._orig as theirs
except ImportError:  # Metaflow before 2.19.18
    theirs = ours
print(sorted(set(vars(theirs)) - set(vars(ours))), ours.ParsedEvent._fields == theirs.ParsedEvent._fields)
"""
    done = workspace.python("-c", program)
    assert done.stdout.strip() == "[] True", done.stdout + done.stderr


def test_flow_is_metaflows_own_outside_of_triggered_runs(workspace):
    workspace.flow(FLOW.format(decorators=""))
    workspace.run("run", "--run-id-file", "id")
    program = (
        "import pickle; from metaflow import Flow; from metaflow.client import Flow as theirs\n"
        "flow = Flow('F'); run = flow.latest_run\n"
        "print(type(flow) is theirs, isinstance(run.parent, Flow), issubclass(theirs, Flow), isinstance(run, Flow))\n"
        "print(type(pickle.loads(pickle.dumps(flow))) is theirs, run.id)"
    )
    printed = workspace.python("-c", program).stdout
    assert printed.split() == ["True", "True", "True", "False", "True", (workspace.path / "id").read_text()]
