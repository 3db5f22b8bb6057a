"""Real flows under the real Metaflow, started by the command `metaflow-triggers run`, read back with Metaflow's client.

All of them share one folder, one engine and two rounds of it, because each run costs seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.engine import starts, store

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
NOW = "2026-01-05T12:00:00.000000+00:00"
TEXT = "\"q\" 'q' $(touch PWNED) `touch PWNED` ${HOME} {{x}} <y> \\ \n\r\t\u2028 ; & | é \U0001f600 --other=z "
HOSTILE = {
    "text": TEXT,
    "count": 2**70,
    "data": {TEXT: [TEXT, None, 1.5, {"deep": [[]]}]},
    "big": "x" * (240 * 1024 - 900),
}

FLOWS = {
    "hostile.py": """
        from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger

        @trigger(event={"name": "hostile", "parameters": ["text", "count", "data", "big"]})
        class Hostile(FlowSpec):
            text = Parameter("text", default="the default")
            count = Parameter("count", type=int, required=True)
            data = Parameter("data", type=JSONType)
            big = Parameter("big", default="")
            other = Parameter("other", default="untouched")

            @step
            def start(self):
                self.in_start = current.trigger.payload
                self.next(self.end)

            @step
            def end(self):
                event = current.trigger.event
                self.in_end = (current.trigger.payload, event.name, event.id, event.type, event.timestamp)

        if __name__ == "__main__":
            Hostile()
    """,
    "bad.py": """
        from metaflow import FlowSpec, Parameter, current, step, trigger, trigger_on_finish

        open("user-code-of-bad-was-read", "a").close()

        @trigger(event={"name": "bad", "parameters": {"count": "n"}})
        class Bad(FlowSpec):
            count = Parameter("count", type=int, required=True)

            @step
            def start(self):
                open("user-code-of-bad-ran", "w").close()
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Bad()
    """,
    "ends.py": """
        import os, signal, time
        from metaflow import FlowSpec, Parameter, current, emit_event, step, trigger

        @trigger(event={"name": "ends", "parameters": ["how"]})
        class Ends(FlowSpec):
            how = Parameter("how", required=True)

            @step
            def start(self):
                emit_event("said", {"how": self.how, "exact": 2**65})
                self.next(self.end)

            @step
            def end(self):
                if self.how == "raises":
                    raise ValueError("no $(touch PWNED) {{way}}")
                if self.how == "is ended":
                    os.kill(os.getppid(), signal.SIGTERM)
                    time.sleep(60)
                if self.how == "is killed":
                    os.kill(os.getppid(), signal.SIGKILL)

        if __name__ == "__main__":
            Ends()
    """,
    "watch.py": """
        from metaflow import FlowSpec, current, step, trigger_on_finish

        @trigger_on_finish(flows=["Ends", "Bad"], match=["failure", "aborted"], require="any")
        class Watch(FlowSpec):
            @step
            def start(self):
                self.payload = current.trigger.payload
                self.pathspec = current.trigger.run.pathspec
                self.next(self.end)

            @step
            def end(self):
                self.again = current.trigger.payload

        if __name__ == "__main__":
            Watch()
    """,
    "heard.py": """
        from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger

        @trigger(event={"name": "said", "parameters": {"number": "exact"}, "filter": {"how": ["goes well"]}})
        class Heard(FlowSpec):
            number = Parameter("number", type=int)

            @step
            def start(self):
                self.payload = current.trigger.payload
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Heard()
    """,
    "project_flow.py": """
        from metaflow import FlowSpec, current, emit_event, namespaced_event_name, project, step, trigger

        @project(name="my-project")
        @trigger(event=namespaced_event_name("go"))
        class InProject(FlowSpec):
            @step
            def start(self):
                self.seen = (current.project_name, current.branch_name, current.trigger.event_name)
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            InProject()
    """,
}
COPIED = ("chaining/ingestion.py", "chaining/transform.py", "data_pipeline/ingest.py", "data_pipeline/process.py")
READ = """
import json, sys
from metaflow import Flow, namespace
namespace(None)
found = {}
for name, artifacts in json.loads(sys.argv[1]).items():
    for run in Flow(name).runs():
        values = {}
        for artifact in artifacts:
            holders = [item for item in run if artifact in item.task]
            values[artifact] = holders[0].task[artifact].data if holders else None
        found.setdefault(name, []).append([run.id, run.successful, values, sorted(run.tags)])
print("FOUND" + json.dumps(found, default=str))
"""


class Story:
    """The folder with all flows, after both rounds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = str(folder / "triggers.db")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "METAFLOW_USER": "tester",
            "METAFLOW_HOME": str(folder / "home"),
        }
        for name, text in FLOWS.items():
            (folder / "flows").mkdir(exist_ok=True)
            (folder / "flows" / name).write_text(textwrap.dedent(text), "utf-8")
        for name in (*COPIED, "data_pipeline/analyze.py"):
            shutil.copy(EXAMPLES / name, folder / "flows")

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300
        )

    def run(self) -> str:
        done = self.python(
            *("-m", "metaflow_triggers.commands.cli", "run", "flows", "--until-idle", "--production"),
            *("--database", self.database, "--logs", "logs"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def emit(self, name, payload, identity=None):
        local_events.append(self.database, name, json.dumps(payload), identity or name, NOW)

    def start(self, key):
        connection = store.connect(self.database)
        with store.transaction(connection):
            starts.add_start(connection, key, "by hand", [], [], "by hand")
        connection.close()

    def execute(self, statement):
        connection = sqlite3.connect(self.database)
        with connection:
            found = connection.execute(statement).fetchall()
        connection.close()
        return found

    def read(self, **artifacts):
        done = self.python("-c", READ, json.dumps(artifacts))
        assert "FOUND" in done.stdout, done.stdout + done.stderr
        return json.loads(done.stdout.rsplit("FOUND", 1)[1])


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    made = Story(tmp_path_factory.mktemp("story"))
    made.run()  # the flows are known from here on
    made.emit("hostile", HOSTILE)
    made.emit("bad", {"n": "3.5"})
    made.emit("bad", {}, "bad without a value")
    for how in ("goes well", "raises", "is ended", "is killed"):
        made.emit("ends", {"how": how}, f"ends {how}")
    made.emit("my-project.production.go", {})
    made.start("DataIngestion")
    made.start("DataIngest")
    made.execute("INSERT INTO paused VALUES ('DataTransform', 'now')")
    made.first = made.run()
    # Somebody runs the upstream flow by hand, later than the engine did, and with other data.
    text = (made.folder / "flows" / "ingestion.py").read_text().replace("[3, 1, 2]", "['by hand']")
    (made.folder / "by_hand.py").write_text(text)
    by_hand = made.python("by_hand.py", "--no-pylint", "run")
    assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr
    made.execute("DELETE FROM paused")
    made.second = made.run()
    made.found = made.read(
        Hostile=["text", "count", "data", "big", "other", "in_start", "in_end"],
        Bad=[],
        Ends=["how"],
        Watch=["payload", "pathspec", "again"],
        Heard=["number", "payload"],
        InProject=["seen"],
        DataTransform=["data"],
        DataAnalyze=[],
        DataIngestion=["data"],
    )
    return made


def test_hostile_values_and_240_kib_arrive_equal_in_every_step(story):
    ((_, successful, values, _),) = story.found["Hostile"]
    assert successful
    assert {name: values[name] for name in HOSTILE} == HOSTILE
    assert values["other"] == "untouched"
    assert values["in_start"] == HOSTILE
    assert values["in_end"] == [HOSTILE, "hostile", "hostile", "event", "2026-01-05 12:00:00+00:00"]
    assert len(json.dumps(HOSTILE)) > 239 * 1024
    assert not list(story.folder.rglob("PWNED"))


def test_a_wrong_type_is_a_run_that_fails_before_user_code(story):
    (row,) = story.execute("SELECT run_id, error FROM starts WHERE flow_key = 'Bad' AND state = 'failed'")
    assert row[1] == (
        "event 'bad': field 'n' does not fit parameter 'count' of type int: expected an integer, found the text \"3.5\""
    )
    assert [run[:2] for run in story.found["Bad"]] == [[row[0], False]]
    assert not (story.folder / "user-code-of-bad-ran").exists()


def test_a_missing_required_value_is_no_run_and_is_told(story):
    refused = story.execute("SELECT error FROM starts WHERE flow_key = 'Bad' AND state = 'refused'")
    assert refused == [("the required parameter count has no value: event bad has no field n",)]
    assert "refused    Bad" in story.first
    assert len(story.found["Bad"]) == 1


def test_each_way_to_end_is_told_with_step_and_error(story):
    states = dict(
        story.execute(
            # The payload was emitted with a moment of long ago, and may have been pruned.
            "SELECT substr(json_extract(document, '$.events[0].event.id'), 6), state || '|' || coalesce(step, '')"
            " || '|' || coalesce(error, '') FROM starts WHERE flow_key = 'Ends'"
        )
    )
    assert states == {
        "goes well": "succeeded||",
        "raises": "failed|end|ValueError: no $(touch PWNED) {{way}}",
        "is ended": "aborted||the run was interrupted",
        "is killed": "lost||the run was ended by signal 9",
    }


def test_outcomes_start_flows_that_find_the_run_and_what_went_wrong(story):
    ends = {run[2]["how"]: run[0] for run in story.found["Ends"]}
    expected = {
        ("Ends", "failure", "end", "ValueError: no $(touch PWNED) {{way}}", f"Ends/{ends['raises']}"),
        ("Ends", "failure", None, "the run was ended by signal 9", f"Ends/{ends['is killed']}"),
        ("Ends", "aborted", None, "the run was interrupted", f"Ends/{ends['is ended']}"),
    }
    found = set()
    for _, successful, values, _ in story.found["Watch"]:
        payload = values["payload"]
        assert successful
        assert values["again"] == payload
        assert values["pathspec"] == f"{payload['flow']}/{payload['run_id']}"
        found.add((payload["flow"], payload["outcome"], payload["step"], payload["error"], values["pathspec"]))
    (bad,) = [row for row in found if row[0] == "Bad"]
    assert bad[1] == "failure"
    assert found - {bad} == expected


def test_an_event_emitted_in_a_run_starts_another_flow_exactly(story):
    ((_, successful, values, _),) = story.found["Heard"]
    assert successful
    assert values == {"number": 2**65, "payload": {"how": "goes well", "exact": 2**65}}


def test_the_documents_chains_find_the_engines_run_and_not_one_made_by_hand(story):
    assert [run[2]["data"] for run in story.found["DataIngestion"]] == [["by hand"], [3, 1, 2]]
    assert [run[1:3] for run in story.found["DataTransform"]] == [[True, {"data": [3, 1, 2]}]]
    assert [run[1] for run in story.found["DataAnalyze"]] == [True]
    log = next((story.folder / "logs").glob("DataAnalyze.*.log")).read_text()
    assert "Sum of the processed data: 12" in log


def test_a_flow_of_a_project_runs_on_its_branch(story):
    ((_, _, values, tags),) = story.found["InProject"]
    assert values["seen"] == ["my-project", "prod", "my-project.production.go"]
    assert "metaflow-triggers:my-project.prod" in tags
    assert story.execute("SELECT state FROM starts WHERE flow_key = 'my-project.prod.InProject'") == [("succeeded",)]


def test_every_start_and_end_is_a_line(story):
    lines = (story.first + story.second).splitlines()
    kinds = [line.split()[0] for line in lines]
    (count,) = story.execute("SELECT count(*) FROM starts WHERE state != 'refused'")[0]
    assert kinds.count("started") == count
    assert sum(kinds.count(kind) for kind in ("succeeded", "failed", "aborted", "lost")) == count
    assert all("\x1b" not in line for line in lines)
