"""What a project costs, in counted operations: processes, validators, function calls. No time is measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.compiling.compile import compile_flows
from metaflow_triggers.manifests import schemas
from metaflow_triggers.reading.prepared import ReadFlow
from metaflow_triggers.reading.source import SourceFile
from metaflow_triggers.seams import read_settings

from benchmarks.flows import EXTERNAL, flow, generate
from tests.unit.graph import build
from tests.unit.seams.run import BACKENDS, QUIET, alone, python

COUNTING = """
import collections, json, os, sys

events = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(event, arguments):
    if event in ("os.fork", "subprocess.Popen"):
        os.write(events, (event + "\\n").encode())

sys.addaudithook(note)  # forked processes have it too
from metaflow_triggers.commands.cli import main
sys.exit(main(sys.argv[2:]))
"""


def events(tmp_path: Path, count: int, workers: int) -> dict[str, int]:
    project = tmp_path / f"project{count}-{workers}"
    generate(project, count)
    log = tmp_path / f"events{count}-{workers}"
    command = ["compile", project, "--no-code-package", "--external-flow", EXTERNAL, "--workers", str(workers)]
    done = python("-c", COUNTING, log, *command, "--output", tmp_path / f"out{count}-{workers}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = log.read_text().split()
    return {word: words.count(word) for word in ("os.fork", "subprocess.Popen")}


def test_one_process_per_file_one_that_ends_what_they_leave_and_none_for_git(tmp_path: Path) -> None:
    # A supervisor is there once for each of --workers, however many files: what a file's import leaves running has to
    # become the child of a process that does one file at a time, or nobody could tell whose it is.
    few, more = events(tmp_path, 4, 1), events(tmp_path, 8, 1)
    assert few["os.fork"] == 1 + 4
    assert more["os.fork"] == 1 + 8
    assert few["subprocess.Popen"] == more["subprocess.Popen"]  # git is asked for the version in this process alone


def test_files_are_read_and_emitted_by_as_many_processes_as_workers(tmp_path: Path) -> None:
    # Two supervisors, the two processes that share these files, and for each backend one share of what is emitted: this
    # process does the first of the two.
    assert events(tmp_path, 34, 2)["os.fork"] == 2 + 2 + len(BACKENDS)


CHILDREN = """
import collections, json, os, sys

told = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
calls, before = collections.Counter(), set()

def count(frame, event, function):
    calls[event] += 1
    if event == "call":
        calls[os.path.basename(frame.f_code.co_filename), frame.f_code.co_name] += 1

def numbers():
    return {
        "calls": calls["call"] + calls["c_call"],
        "written": calls["encoder.py", "iterencode"],  # objects and lists as JSON
        "writers": calls["encoder.py", "__init__"],
        "readers": calls["decoder.py", "__init__"],
        "walked": calls["open_settings.py", "_add_used"] + calls["code_read_back.py", "_lookups"],
    }

def begin():
    calls.clear()
    before.update(sys.modules)
    sys.setprofile(count)

def end(code, end=os._exit):
    sys.setprofile(None)
    line = {"imported": sorted(set(sys.modules) - before), **numbers()}
    os.write(told, (json.dumps(line) + "\\n").encode())
    end(code)

os.register_at_fork(after_in_child=begin)
os._exit = end

from metaflow_triggers.compiling import compile

def counted(*arguments, made=compile.compile_flows, **options):
    calls.clear()
    sys.setprofile(count)
    done = made(*arguments, **options)
    sys.setprofile(None)
    line = {"emission": numbers()}
    line["workflows"] = [len(made) for read in arguments[0] for made in read.workflows.values()]
    line["waiting"] = sum(len(value) for file in done.files for value in vars(file).values() if hasattr(value, "join"))
    line["texts"] = sum(len(file.text) for file in done.files)
    os.write(told, (json.dumps(line) + "\\n").encode())
    return done

compile.compile_flows = counted
from metaflow_triggers.commands.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the processes that read and emit three flows tell of themselves when they end."""
    folder = tmp_path_factory.mktemp("told")
    generate(folder / "project", 3)
    command = ["compile", folder / "project", "--no-code-package", "--external-flow", EXTERNAL, "--workers", "1"]
    done = python("-c", CHILDREN, folder / "told", *command, "--output", folder / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "told").read_text().splitlines()]


def test_a_file_is_read_with_what_the_parent_has_imported_and_looked_at(told: list[dict[str, Any]]) -> None:
    # Seen are 78,000 calls of functions in each file's process; they were 184,000 when it looked at the file of every
    # module, imported our commands and compiled patterns. Metaflow's command line (and what may import it) looks at the
    # flow while it is imported, so it comes anew.
    files = [line for line in told if "metaflow.cli" in line.get("imported", ())]
    assert len(files) == 3
    for number, line in enumerate(files):
        assert {*line["imported"]} <= {f"flow{number:04}", "metaflow.cli", "metaflow.plugins.logs_cli"}
        assert line["calls"] < 95_000


def test_emission_makes_few_writers_of_json_and_walks_without_calls(told: list[dict[str, Any]]) -> None:
    # Before, a flow cost 29 readers and 209 writers of JSON, and 2,630 calls to look for what a template refers to.
    (emitted,) = [line["emission"] for line in told if "emission" in line]
    assert emitted["readers"] == 0
    assert 0 < emitted["writers"] < 3 * 50
    assert 0 < emitted["walked"] < 3 * 130


def test_what_waits_takes_little_room(told: list[dict[str, Any]]) -> None:
    # Texts are kept until all of them are written, and what upstream's compilers made until all is emitted.
    (line,) = [line for line in told if "emission" in line]
    assert len(line["workflows"]) == 3 * len(BACKENDS)
    assert sum(line["workflows"]) < 3 * 12_000  # 70,000 as JSON
    assert line["texts"] > 3 * 100_000
    assert line["waiting"] * 5 < line["texts"]


HEAVY = ("boto3", "botocore", "kubernetes.client.models", "kubernetes.config", "jsonschema", "moto", "pylint", "pytest")
UNNEEDED = {
    f"metaflow_triggers.{name}"
    for name in (
        "backends.argo.compile.poller",
        "backends.argo.deploy",
        "backends.argo.polls",
        "compiling.folder",
        "compiling.owned",
        "language.cron",
        "polling.argo",
        "project_file.shape",
        "reading.read",
    )
}
"""What a flow without a schedule and polls does not need that is printed: a fifth of what a cold command imported."""

TELL = """
import atexit, json, sys

atexit.register(lambda: print("LOADED", json.dumps(sorted(sys.modules)), file=sys.stderr))
"""


def loaded(stderr: str) -> set[str]:
    (line,) = [line for line in stderr.splitlines() if line.startswith("LOADED")]
    return set(json.loads(line.removeprefix("LOADED")))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("command", [("compile", "--no-code-package"), ("compile",), ("create", "--only-json")])
def test_a_command_imports_no_cloud_client(tmp_path: Path, backend: str, command: tuple[str, ...]) -> None:
    pytest.importorskip("jsonschema_rs")
    (tmp_path / "flow.py").write_text(TELL + flow(1), "utf-8")
    done = alone("flow.py", *QUIET, backend, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert loaded(done.stderr).isdisjoint(HEAVY)
    (other,) = {"argo", "step_functions"} - {{"argo-workflows": "argo"}.get(backend, "step_functions")}
    if command[0] == "compile":
        assert loaded(done.stderr).isdisjoint(UNNEEDED)
    # Of the other backend its description at most, which imports nothing of it.
    assert not [name for name in loaded(done.stderr) if name.startswith(f"metaflow_triggers.backends.{other}.")]


WITH_METAFLOW = """
import metaflow, sys

print(*(name for name, module in sys.modules.items()
        if name.startswith(("metaflow_extensions.triggers", "metaflow_triggers")) and module.__spec__.has_location))
"""


def test_importing_metaflow_imports_little_of_ours(tmp_path: Path) -> None:
    # Each costs every program that imports Metaflow, also one that has no triggers, some tenths of a millisecond. These
    # are what Metaflow asks for by name, and what they cannot do without.
    done = python("-c", WITH_METAFLOW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {name.removeprefix("metaflow_extensions.triggers.") for name in done.stdout.split()} == {
        "config.mfextinit_triggers",
        "exceptions.mfextinit_triggers",
        "plugins.backends",
        "plugins.decorators",
        "plugins.emit_event",
        "plugins.internal_decorators",
        "plugins.local_decorator",
        "plugins.mfextinit_triggers",
        "plugins.namespaced_events",
        "plugins.project_decorator",
        "plugins.triggering_flow",
        "toplevel.mfextinit_triggers",
        "toplevel.triggers_toplevel",
    }


def test_showing_triggers_needs_no_compiler_of_upstream(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(TELL + flow(1), "utf-8")
    done = alone("flow.py", *QUIET, "step-functions", "compile", "--show", "triggers", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "metaflow.package" in loaded(done.stderr)  # Metaflow itself imports it
    assert loaded(done.stderr).isdisjoint(HEAVY)


def test_the_command_imports_metaflow_only_when_it_works(tmp_path: Path) -> None:
    script = TELL + "from metaflow_triggers.commands.cli import main\nmain(['--help'])\n"
    done = python("-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    small = {"metaflow_triggers.seams", "metaflow_triggers.poll", "tarfile", "gzip", "tempfile", "runpy", "hashlib"}
    assert loaded(done.stderr).isdisjoint({*HEAVY, *small, "metaflow", "jinja2", "yaml"})


def chain(count: int) -> list[ReadFlow]:
    """Flows that each wait for an event and for the flow before."""
    flows = []
    for number in range(count):
        upstream = f"Flow{number - 1:04}" if number else EXTERNAL
        triggers = (build.any_of(build.event(f"order-{number}")), build.any_of(build.finished(upstream)))
        flows.append(ReadFlow(build.flow(f"Flow{number:04}", *triggers)))
    return flows


def compile_chain(count: int) -> int:
    """Number of files."""
    settings = read_settings(code_package=False)
    external = frozenset({EXTERNAL})
    done = compile_flows(chain(count), settings, BACKENDS, project_wide=True, external_flows=external)
    assert not [item for item in done.diagnostics if item.code not in ("FT202", "FT507", "FT508")]
    return len(done.files)


def calls(work: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's, of `work`."""
    number = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return number


def test_calls_grow_with_the_number_of_flows() -> None:
    compile_chain(200)  # templates, validators and the forms of scalars are made once
    first, second, fourth = (calls(lambda: compile_chain(count)) for count in (50, 100, 200))  # noqa: B023
    assert (fourth - second) / (second - first) == pytest.approx(2, rel=0.05)


def find_polls(count: int) -> None:
    """Ask for the place of each of a file's poll triggers."""
    poll = '@trigger(workflow="Work")\ndef poll_{}():\n    return skip()\n'
    source = SourceFile("polls.py", "".join(poll.format(number) for number in range(count)))
    for number in range(count):
        line = 1 + 3 * number
        assert source.call_span(line, "trigger", ("workflow",)).line == line
        assert source.function_at(source.call_at(line, "trigger")) is not None


def test_calls_grow_with_the_number_of_polls_in_a_file() -> None:
    first, second, fourth = (calls(lambda: find_polls(count)) for count in (50, 100, 200))  # noqa: B023
    assert (fourth - second) / (second - first) == pytest.approx(2, rel=0.05)


def test_a_validator_is_made_once_for_each_schema() -> None:
    compile_chain(2)
    before = schemas._validator.cache_info().misses
    assert compile_chain(60) > 120
    assert schemas._validator.cache_info().misses == before
