"""The user's document: each of its snippets, unchanged, through `exec`, on the engine, and with its management calls.

`document/snippets.md` is the document's code. What it leaves undefined (`check_for_new_files` and so on) stands here.
"""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from metaflow_triggers.commands.polls import polled
from metaflow_triggers.engine.polls import records
from metaflow_triggers.engine.serve import Options
from metaflow_triggers.graph.link import camel_case, link
from metaflow_triggers.poll import alias
from metaflow_triggers.poll.loading import load
from metaflow_triggers.reading.polls import read_polls
from metaflow_triggers.reading.source import SourceFile

from ..commands.conftest import clean
from ..graph.build import flow

DOCUMENT = Path(__file__).parent / "document"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", (DOCUMENT / "snippets.md").read_text("utf-8"), flags=re.M | re.S)
FORMS = ["import cloaca", "import metaflow_triggers.poll as cloaca"]

HELPERS = """
import logging
from datetime import datetime
from types import SimpleNamespace

some_condition_is_met = check_for_updates = lambda: True
check_for_new_files = lambda folder: folder + "a.csv"
get_pending_order = lambda: SimpleNamespace(id=17)
peek_queue_item = lambda: SimpleNamespace(id="item-1")
check_service_healthy = lambda: False
get_queue_depth = lambda: 101
file_exists = lambda path: True
download_large_file = lambda: b"large"
process_data = lambda data: None
compute_hash = lambda name: "0123"
filename = "a.csv"
"""


def of(name):
    (found,) = [text for text in SNIPPETS if name in text]
    return found


def whole(form):
    """All triggers of the document in one file."""
    declared = [text for text in SNIPPETS if "@cloaca.trigger" in text]
    assert len(declared) == 8
    return "\n".join([form, HELPERS, *declared]).replace("import cloaca\n\n@", "@")


def run_exec(folder, text, *words):
    file = folder / "snippet.py"
    file.write_text(text, "utf-8")
    command = [sys.executable, "-m", "metaflow_triggers.commands.cli", "exec", str(file), *words]
    return subprocess.run(command, cwd=folder, env=clean(folder), capture_output=True, text=True, check=False)


CALLS = {
    "def my_trigger": "my_trigger",
    "def file_watcher": "file_watcher",
    "def order_trigger": "order_trigger",
    "def queue_trigger": "queue_trigger",
    "def queue_depth_trigger": "queue_depth_trigger",
    "def resilient_trigger": "resilient_trigger",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("snippet", [place for place, text in enumerate(SNIPPETS) if "DefaultRunner" not in text])
def test_each_snippet_runs_through_exec(tmp_path, form, snippet):
    text = SNIPPETS[snippet]
    called = [name for mark, name in CALLS.items() if mark in text]
    if text.lstrip().startswith("# Good: Context"):  # the document shows the inside of a function
        text = "def good():\n" + textwrap.indent(text, "    ")
        called = ["good"]
    shown = "".join(f"\nprint({name}())" for name in called)
    done = run_exec(tmp_path, f"{form}\n{HELPERS}\n{text}{shown}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("TriggerResult.Fire") == len(called)


def test_the_health_check_fires_at_the_third_failure_when_it_is_called(tmp_path):
    text = f"import cloaca\n{HELPERS}\n{of('def health_check')}\nprint([health_check() for _ in range(4)])\n"
    done = run_exec(tmp_path, text)
    assert done.stdout == (
        "[TriggerResult.Skip, TriggerResult.Skip, "
        "TriggerResult.Fire({'service': 'api', 'consecutive_failures': 3}), TriggerResult.Skip]\n"
    ), done.stderr


def test_exec_passes_arguments_and_the_exit_code_on(tmp_path):
    done = run_exec(tmp_path, "import sys, cloaca\nprint(sys.argv[1:], __name__)\nsys.exit(7)\n", "--limit", "3")
    assert (done.returncode, done.stdout) == (7, "['--limit', '3'] __main__\n")
    assert run_exec(tmp_path, "import cloaca\ncloaca.task\n").returncode == 1
    missing = subprocess.run(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "exec", "none.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (missing.returncode, "FT005" in missing.stderr) == (1, True)


def graph_of(file, text):
    """The graph of a file of polls, with a flow for each name that it starts, as the commands make it."""
    file.write_text(text, "utf-8")
    module, collected = load(str(file))
    sys.modules.pop(module.__name__)
    polls, found = read_polls(collected, module, SourceFile(str(file), text), str(file))
    assert [item for item in found if item.code not in ("FT720", "FT721")] == []
    flows = [flow(camel_case(name)) for name in sorted({item.flow for item in polls})]
    return link(flows, frozenset(), polls), {item.code for item in found}


@pytest.fixture(params=FORMS)
def document(request, world, tmp_path):
    """The document's triggers, polled for ten minutes of a clock that a test moves; runs never end."""
    graph, _ = graph_of(tmp_path / "polls.py", whole(request.param))
    world.path = str(tmp_path / "workflows.db")
    world.poller(*polled(graph))
    world.pass_time(61)
    return world


def test_the_whole_document_is_polled_and_starts_the_flows_it_names(document):
    fired = {}
    for start in document.starts():
        fired[start["flow_key"]] = fired.get(start["flow_key"], 0) + 1
    assert fired == {
        "MyWorkflow": 1,  # bare fires look alike: one active run
        "FileProcessor": 7,  # every 10 s, since `detected_at` is new each time (FT720)
        "OrderProcessor": 1,
        "QueueWorker": 61,  # every second, concurrent
        "ServiceRecovery": 1,  # at the third failure, after a minute
        "ScaleUp": 7,
        "Processor": 2,  # good_trigger and bad_trigger are two triggers
        "DataSync": 1,
    }
    assert document.contexts("order_trigger") == [{"order_id": 17}]
    assert document.contexts("health_check") == [{"service": "api", "consecutive_failures": 3}]
    assert document.contexts("file_watcher")[0]["filename"] == "/data/inbox/a.csv"
    assert document.contexts("queue_depth_trigger")[0] == {"queue_depth": 101, "action": "scale_up"}


@pytest.mark.parametrize("form", FORMS)
def test_the_documents_management_calls_run_unchanged_on_the_engines_database(document, tmp_path, form):
    text = of("DefaultRunner")
    done = run_exec(tmp_path, f"{form}\n{text}")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "file_watcher: True" in lines
    assert sum(line.startswith("Started: 2026-03-01T12:0") for line in lines) == 7
    polls = len(document.history("file_watcher"))
    document.pass_time(60)
    assert len(document.history("file_watcher")) == polls
    assert "file_watcher: False" in run_exec(tmp_path, f"{form}\n{text}").stdout


def test_the_management_calls_run_in_the_program_that_declares_the_triggers(tmp_path):
    done = run_exec(tmp_path, whole("import cloaca") + of("DefaultRunner"))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 9
    assert "health_check: True" in done.stdout


# the examples of the reference ---------------------------------------------------------------------------------------

WORLD = """
flag_is_set = lambda: True
oldest_file = lambda folder: folder + "/a.csv"
next_open_order = lambda: 5
peek_message = lambda: "m"
ping_api = lambda: False
backlog = lambda: 101
remote_has_updates = lambda: True
"""


def test_the_examples_of_the_reference_load_and_fire(world, tmp_path):
    text = (DOCUMENT / "examples.py.txt").read_text("utf-8") + WORLD
    graph, warnings = graph_of(tmp_path / "examples.py", text)
    assert warnings == {"FT720", "FT721"}
    world.path = str(tmp_path / "workflows.db")
    world.poller(*polled(graph))
    world.pass_time(61)
    names = [item["trigger_name"] for item in records.schedules(world.connection)]
    fired = {name: len(world.history(name)) for name in names}
    wanted = {"report_requested": 1, "inbox_watch": 7, "open_order": 1, "queue_has_work": 61}
    wanted |= {"api_down_three_times": 1, "backlog_too_deep": 7, "remote_changed": 1}
    assert {name: fired[name] for name in wanted} == wanted
    done = run_exec(tmp_path, text + "\nmanage()\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "('inbox_watch', True)" in done.stdout


def test_the_error_handling_of_the_examples_logs_and_goes_on(world, tmp_path, caplog):
    text = (DOCUMENT / "examples.py.txt").read_text("utf-8") + WORLD
    text += "\ndef remote_has_updates():\n    raise OSError('unreachable')\n"
    graph, _ = graph_of(tmp_path / "examples.py", text)
    world.poller(*[item for item in polled(graph) if item.name == "remote_changed"])
    world.pass_time(61)
    assert world.schedule("remote_changed")["last_error"] is None
    assert caplog.text.count("poll failed: unreachable") == 2


def test_runs_of_files_that_import_cloaca_find_it(tmp_path):
    from metaflow_triggers.commands.polls import poller

    file = tmp_path / "one.py"
    for line, expected in (("import cloaca", True), ("import metaflow_triggers.poll as cloaca", False)):
        file.write_text(line + "\n")
        environment = {"PYTHONPATH": "/before"}
        graph = link([flow("One", file=str(file))])
        poller(graph, Options(database=str(tmp_path / "x.db"), environment=environment)).stop(0)
        assert (environment["PYTHONPATH"] != "/before") is expected
    code = "import cloaca, sys; print(cloaca.trigger.__module__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        **{"env": {"PYTHONPATH": alias.search_path(None)}, "capture_output": True, "text": True, "check": True},
    )
    assert found.stdout == "metaflow_triggers.poll.declare\n"
