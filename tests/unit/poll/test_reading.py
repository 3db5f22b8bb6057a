"""Files with polls, read by our commands: what is found in them, and where a mistake is shown."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ..commands.conftest import clean

FLOW = """
from metaflow import FlowSpec, step

class {name}(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""
HEAD = (
    "import cloaca\nfrom cloaca import Context, TriggerResult, trigger\n"
    "fire, skip = TriggerResult.fire, TriggerResult.skip\n"
)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def flow(self, name: str, text: str = "") -> None:
        (self.path / f"{name.lower()}.py").write_text(text + FLOW.format(name=name), "utf-8")

    def polls(self, text: str, file: str = "polls.py") -> None:
        (self.path / file).write_text(HEAD + textwrap.dedent(text), "utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "metaflow_triggers.commands.cli", *words]
        settings = clean(self.path, METAFLOW_USER="ada")
        return subprocess.run(command, cwd=self.path, env=settings, capture_output=True, text=True, check=False)

    def check(self, *words: str) -> tuple[int, list[dict]]:
        done = self.run("check", ".", "--format", "json", *words)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)["diagnostics"]

    def at(self, item: dict) -> str:
        """The text under the caret."""
        span = item["span"]
        line = (self.path / span["file"]).read_text("utf-8").splitlines()[span["line"] - 1]
        return line[span["column"] - 1 : span["end_column"] - 1] if span["line"] == span["end_line"] else line


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_every_mistake_of_a_file_is_told_at_once_where_it_stands(folder):
    folder.flow("Flow")
    folder.polls(
        """
        @trigger
        def bare(): ...

        @trigger(poll_interval="5s")
        def no_flow(): ...

        @trigger(workflow=3)
        def number(): ...

        @trigger(workflow="Flow", on="Other")
        def two_flows(): ...

        @trigger(workflow="Flow", name="")
        def no_name(): ...

        @trigger(
            workflow="Flow",
            poll_interval="5 minutes",
        )
        def slow(): ...

        @trigger("Flow")
        async def later(): ...

        @trigger("Flow")
        def needs(argument): ...

        @cloaca.trigger("Flow", allow_concurrent="no")
        def text(): ...

        @trigger("Flow", cron="0 3 * * *")
        def nightly(): ...

        @trigger("Flow", intervall="5s")
        def misspelt(): ...

        def outer():
            @trigger("Flow", name="hidden")
            def inner(): ...
        outer()

        @trigger("Nowhere")
        def unknown(): ...

        @trigger("Flow", name="twice")
        def first(): ...

        @trigger("Flow", name="twice")
        def second(): ...
        """
    )
    code, found = folder.check()
    assert code == 1
    told = [(item["code"], folder.at(item)) for item in found if item["severity"] == "error"]
    assert told == [
        ("FT710", "trigger"),
        ("FT710", "trigger"),
        ("FT710", "3"),
        ("FT710", '"Other"'),
        ("FT711", '""'),
        ("FT712", '"5 minutes"'),
        ("FT713", "trigger"),
        ("FT713", "trigger"),
        ("FT714", '"no"'),
        ("FT715", '"0 3 * * *"'),
        ("FT714", '"5s"'),
        ("FT716", "trigger"),
        ("FT717", '"Nowhere"'),
        ("FT722", '"twice"'),
    ]
    messages = {item["code"]: item["message"] + " ".join(item["helps"]) for item in found}
    assert "`slow`: poll_interval:" in messages["FT712"]
    assert "ms, s, m, h" in messages["FT712"]
    assert "@schedule" in messages["FT715"]


def test_a_workflow_is_a_class_name_or_its_camel_case_form(folder):
    folder.flow("FileProcessor")
    folder.flow("my_flow")
    folder.polls(
        """
        @trigger("file_processor", dedup_keys=["n"])
        def snake(): ...
        @trigger("file-processor", dedup="once")
        def kebab(): ...
        @trigger("FileProcessor")
        def camel(): ...
        @trigger("my_flow", poll_interval="90s", allow_concurrent=True)
        def as_written(): ...
        """
    )
    done = folder.run("list", ".")
    assert done.returncode == 0, done.stderr
    assert done.stdout == textwrap.dedent(
        """\
        FLOW           STARTS WHEN                                                  GETS
        FileProcessor  poll camel fires (every 5s)                                  parameters named by its context
                       poll kebab fires (every 5s, once for each context)           parameters named by its context
                       poll snake fires (every 5s, one run at a time for each `n`)  parameters named by its context
        my_flow        poll as_written fires (every 90s, also while it runs)        parameters named by its context
        """
    )
    starts = {
        item["flow"]: item["starts"] for item in json.loads(folder.run("list", ".", "--format", "json").stdout)["flows"]
    }
    assert [item["when"] for item in starts["my_flow"]] == ["poll as_written fires (every 90s, also while it runs)"]


def test_an_unknown_workflow_says_what_was_looked_for_and_what_may_be_meant(folder):
    folder.flow("FileProcessorFlow")
    folder.polls(
        "@trigger('file_processor')\ndef watch(): ...\n@trigger('zebra_crossing')\ndef other(): ...\n"
        "@trigger('red.test.my-branch.FileProcessorFlow')\ndef branch(): ...\n@trigger('no class')\ndef odd(): ...\n"
    )
    code, found = folder.check()
    near, far, branch, odd = [item for item in found if item["code"] == "FT717"]
    assert code == 1
    assert near["helps"] == ["did you mean `FileProcessorFlow`?"]
    assert near["others"][0]["span"]["file"] == "fileprocessorflow.py"
    assert "for the classes `file_processor` and `FileProcessor`" in near["notes"][0]
    assert "class ZebraCrossing(FlowSpec)" in far["helps"][0]
    assert "for any branch write workflow='FileProcessorFlow'" in branch["helps"][0]
    assert odd["helps"] == ["write the name of a class, which these files define, or of a flow as `list` shows it"], (
        "no class can be called so"
    )


def test_a_workflow_of_two_projects_needs_its_project(folder):
    for project in ("red", "blue"):
        folder.flow("Same")
        text = (folder.path / "same.py").read_text().replace("class", f"@project(name='{project}')\nclass")
        (folder.path / "same.py").rename(folder.path / f"{project}.py").write_text(
            "from metaflow import project\n" + text
        )
    folder.polls(
        "@trigger('same')\ndef watch(): ...\n@trigger('red.user.ada.Same')\ndef exact(): ...\n"
        "@trigger('red.same')\ndef of_any_branch(): ...\n@trigger('red.prod.Same')\ndef elsewhere(): ...\n"
    )
    _, found = folder.check()
    first, second = [item for item in found if item["code"] == "FT717"]
    assert "2 flows are called" in first["message"]
    # Of any branch: what is written into a file is not for one user alone.
    assert first["helps"] == ["write workflow='blue.Same'", "write workflow='red.Same'"]
    assert "poll trigger `elsewhere`" in second["message"]
    assert second["helps"] == [
        "`Same` is `blue.user.ada.Same` and `red.user.ada.Same` here; for any branch write workflow='blue.Same' or "
        "workflow='red.Same'"
    ]


def test_names_that_would_name_runs_alike_are_refused(folder):
    folder.flow("Flow")
    folder.polls("@trigger('Flow', name='A B')\ndef a(): ...\n@trigger('Flow', name='a-b-68b5ad')\ndef b(): ...\n")
    from metaflow_triggers.model.names import poll_slug

    text = (folder.path / "polls.py").read_text().replace("a-b-68b5ad", poll_slug("A B"))
    (folder.path / "polls.py").write_text(text)
    _, found = folder.check()
    assert [item["message"] for item in found if item["code"] == "FT722"] == [
        f"the poll triggers `A B` and `{poll_slug('A B')}` would name their runs alike"
    ]


def test_a_context_with_a_clock_in_it_gets_a_warning(folder):
    folder.flow("Flow")
    folder.polls(
        """
        import time, uuid
        from datetime import datetime

        @trigger("Flow")
        def watch_inbox():
            path = "a.csv"
            return fire(Context({"path": path, "seen_at": time.time()}))

        @trigger("Flow")
        def nested():
            return fire(cloaca.Context({"at": [datetime.now().isoformat()], "id": str(uuid.uuid4())}))

        @trigger("Flow", allow_concurrent=True)
        def concurrent():
            return fire(Context({"seen_at": time.time()}))

        @trigger("Flow", dedup_keys=["path"])
        def keyed():
            return fire(Context({"path": "a", "seen_at": time.time()}))
        """
    )
    code, found = folder.check()
    told = [item for item in found if item["code"] == "FT720"]
    assert code == 0
    assert [(item["severity"], folder.at(item)) for item in told] == [
        ("warning", "time.time()"),
        ("warning", "datetime.now()"),
        ("warning", "uuid.uuid4()"),
    ]
    assert "dedup_keys=['path']" in told[0]["helps"][0]


def test_a_global_that_a_poll_keeps_gets_a_warning(folder):
    folder.flow("Flow")
    folder.polls("misses = 0\n@trigger('Flow')\ndef watch():\n    global misses\n    misses += 1\n    return skip()\n")
    code, found = folder.check()
    (item,) = [item for item in found if item["code"] == "FT721"]
    assert (code, item["severity"], folder.at(item)) == (0, "warning", "global misses")


def test_flow_and_poll_may_share_a_file_and_only_own_triggers_count(folder):
    folder.flow("Flow", "import cloaca\n@cloaca.trigger('flow')\ndef watch(): ...\n")
    folder.polls("import flow\n@trigger('flow')\ndef other(): ...\n")
    done = folder.run("list", ".")
    assert re.findall(r"poll (\w+) fires", done.stdout) == ["other", "watch"]


def test_a_trigger_of_an_imported_file_that_was_not_named_is_told(folder):
    folder.flow("Flow")
    folder.polls("@trigger('flow')\ndef watch(): ...\n")
    (folder.path / "flow.py").write_text("import polls\n" + (folder.path / "flow.py").read_text())
    done = folder.run("check", "flow.py", "--format", "json")
    (item,) = json.loads(done.stdout)["diagnostics"]
    assert (item["code"], item["severity"], item["span"]["line"]) == ("FT731", "note", 4)
    assert item["helps"] == ["name `polls.py` too"]
    assert "FT731" not in folder.run("check", "flow.py", "polls.py", "--format", "json").stdout


def test_the_example_of_the_documentation_is_read(folder):
    page = (Path(__file__).parents[3] / "docs" / "poll-triggers.md").read_text("utf-8")
    example = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)[0]
    (folder.path / "inbox.py").write_text(example, "utf-8")
    done = folder.run("list", "inbox.py")
    assert "FileProcessor  poll inbox fires (every 10s)" in done.stdout, done.stderr


def test_a_file_with_neither_flow_nor_poll_is_an_error(folder):
    folder.polls("x = 1  # trigger(\n")
    assert folder.check()[1][0]["code"] == "FT005"


def test_a_management_call_at_the_top_of_a_file_is_told_to_go_under_the_guard(folder):
    folder.flow("Flow")
    folder.polls(
        "@trigger('Flow')\ndef watch(): ...\nrunner = cloaca.DefaultRunner('sqlite://workflows.db')\n"
        "runner.set_trigger_enabled('watch', False)\n"
    )
    code, found = folder.check()
    (item,) = [item for item in found if item["severity"] == "error"]
    assert (code, item["code"], item["span"]["line"]) == (1, "FT728", 7)
    assert "__main__" in item["helps"][0]
    assert not (folder.path / "workflows.db").exists()


def test_a_name_that_the_alias_lacks_is_told_with_its_line(folder):
    folder.polls("\n@cloaca.task()\ndef load(context): ...\n@trigger('Flow')\ndef watch(): ...\n")
    code, found = folder.check()
    assert [(item["code"], item["span"]["line"]) for item in found] == [("FT726", 5)]
    assert code == 1


def test_an_installed_package_of_the_name_gets_a_note(folder):
    site = folder.path / "site"
    site.mkdir()
    (site / "cloaca.py").write_text("raise SystemExit('the real one was imported')\n")
    folder.flow("Flow")
    folder.polls("@trigger('Flow')\ndef watch(): ...\n")
    settings = clean(folder.path, METAFLOW_USER="ada", PYTHONPATH=str(site))
    done = subprocess.run(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "check", "flow.py", "polls.py", "--format", "json"],
        **{"cwd": folder.path, "env": settings, "capture_output": True, "text": True, "check": False},
    )
    found = json.loads(done.stdout)["diagnostics"]
    assert [(item["code"], item["severity"]) for item in found if item["code"] == "FT724"] == [("FT724", "note")]


def test_clouds_poll_and_leave_out_by_name_what_starts_a_flow_that_is_not_there(folder):
    folder.flow("Polled")
    folder.flow("Plain")
    folder.polls("@trigger('Polled')\ndef watch(): ...\n")
    code, found = folder.check()
    assert (code, {(item["code"], item["severity"]) for item in found}) == (0, {("FT508", "note")})
    for backend, codes in (("argo-workflows", ["FT508"]), ("step-functions", [])):
        code, found = folder.check("--backend", backend)
        assert (code, [item["code"] for item in found]) == (0, codes)
    done = folder.run("compile", ".", "--output", "out", "--no-code-package")
    assert done.returncode == 0, done.stderr
    out = folder.path / "out"
    naming = [path.relative_to(out) for path in out.rglob("*") if path.is_file() and "watch" in path.read_text()]
    assert {path.parts[0] for path in naming} == {"argo-workflows", "step-functions", "metaflow-triggers.json"}
    (out / "step-functions/Polled.yaml").unlink()
    (polls,) = (path for path in folder.path.glob("*.py") if "def watch" in path.read_text())
    done = folder.run("compile", polls.name, "--output", "alone", "--no-code-package")
    assert done.returncode == 1 and "error[FT717]" in done.stderr, done.stderr  # nothing would ever start
    assert "FT511" not in done.stderr  # one cause is told once
    done = folder.run("compile", polls.name, "--output", "alone", "--no-code-package", "--external-flow", "Polled")
    told = "poll trigger `watch` is left out for step-functions: a poller is deployed with its flow"
    assert told in done.stderr, done.stderr


def test_a_flows_own_commands_compile_the_polls_of_its_file_that_start_it(folder):
    text = "import metaflow_triggers.poll as cloaca\n@cloaca.trigger('flow')\ndef watch(): ...\n"
    folder.flow("Flow", text + "@cloaca.trigger('elsewhere')\ndef other(): ...\n")
    settings = clean(folder.path, METAFLOW_USER="ada")
    command = [sys.executable, "flow.py", "argo-workflows", "compile", "--show", "triggers", "--strict"]
    done = subprocess.run(command, cwd=folder.path, env=settings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count('"name": "watch"'), "elsewhere" in done.stdout) == (0, 1, False), done
    command = [sys.executable, "flow.py", "step-functions", "compile", "--no-code-package", "--strict"]
    done = subprocess.run(command, cwd=folder.path, env=settings, capture_output=True, text=True, check=False)
    name = r"\"name\": \"watch\""
    assert (done.returncode, done.stdout.count(name), "elsewhere" in done.stdout) == (0, 1, False), done
