"""Files that share a process give what each gives alone, byte for byte; what is not proven is read alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.flows import EXTERNAL, generate
from tests.unit.seams.run import python

RUN = """
import json, os, sys
options = json.loads(sys.argv[1])
os.environ["METAFLOW_TRIGGERS_CACHE"] = options.get("cache", "off")
from metaflow_triggers.reading import child_process, together

if options.get("smallest"):
    together.SMALLEST = options["smallest"]
if options.get("largest"):
    together._LARGEST = options["largest"]
exec(options.get("change", ""))
told = os.open(options["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.register_at_fork(after_in_child=lambda: os.write(told, b"fork\\n"))

def counted(child, made=child_process.Together.answers):
    found = made(child)
    os.write(told, f"{len(child.files)} {len(found)}\\n".encode())
    return found

child_process.Together.answers = counted
from metaflow_triggers.commands.cli import main
sys.exit(main(sys.argv[2:]))
"""
ALONE = {"smallest": 10**9}
HEAD = (
    "from metaflow import FlowSpec, JSONType, Parameter, batch, current, environment, kubernetes, project\n"
    "from metaflow import resources, retry, schedule, step, timeout, trigger, trigger_on_finish\n"
)
DRESSES = (
    '@trigger(event="a{0}")',
    '@trigger(events=["a{0}", {{"name": "b", "parameters": {{"p": "field"}}}}])',
    '@project(name="shop")\n@trigger(event="a{0}")',
    '@schedule(cron="{0} 3 * * ? *")',
    '@project(name="books")\n@schedule(daily=True)',
    "@trigger_on_finish(flow='Nobody')",
    "",
    '@trigger(event={{"name": "a{0}", "filter": {{"kind": ["x"]}}}})',
)
STEPS = (
    "",
    "    @retry(times=3)\n    @timeout(minutes=5)\n",
    "    @kubernetes(cpu=2, image='registry/image:{0}')\n",
    "    @batch(memory=1000)\n    @environment(vars={{'A': '{0}'}})\n",
    "    @retry(times=0)\n    @resources(cpu=2)\n",
)
BODIES = (
    "        self.next(self.end)\n",
    "        self.next(self.left, self.right)\n\n    @step\n    def left(self):\n        self.next(self.join)\n\n"
    "    @step\n    def right(self):\n        self.next(self.join)\n\n    @step\n    def join(self, inputs):\n"
    "        self.next(self.end)\n",
    "        self.items = [1]\n        self.next(self.each, foreach='items')\n\n    @step\n    def each(self):\n"
    "        self.next(self.join)\n\n    @step\n    def join(self, inputs):\n        self.next(self.end)\n",
)
OTHERS = {  # what is read alone, each for a reason of its own
    "helped": "import beside\n" + HEAD + "@trigger(event=beside.EVENT)\nclass Helped(FlowSpec):\n{steps}",
    "reaching": "import metaflow\nmetaflow.current._update_env({{'project_name': 'stolen'}})\n"
    + HEAD
    + "class Reaching(FlowSpec):\n{steps}",
    "late": HEAD + "@trigger(event=lambda context: context.flow_name)\nclass Late(FlowSpec):\n{steps}",
    "broken": HEAD + "class Broken(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.nowhere)\n",
    "raising": HEAD + "class Raising(FlowSpec):\n    p = 1 / 0\n",
    "unread": HEAD + "class Unread(FlowSpec:\n",
    "mistaken": HEAD + "@trigger(event=3)\nclass Mistaken(FlowSpec):\n{steps}",
    "two": HEAD + "class Two(FlowSpec):\n{steps}\n@project(name='shop')\nclass More(FlowSpec):\n{steps}",
}
END = "    @step\n    def end(self):\n        pass\n"
TWO_STEPS = f"    @step\n    def start(self):\n        self.next(self.end)\n\n{END}"


def shapes(folder: Path, count: int, others: bool) -> None:
    """`count` flows of many shapes, and with `others` what is not plain, among them."""
    folder.mkdir()
    (folder / "beside.py").write_text('EVENT = "from-beside"\n')
    for number in range(count):
        dress, own, body = DRESSES[number % 8], STEPS[number % 5], BODIES[number % 3]
        parameter = f'    p = Parameter("p", default={number}, type=int)\n\n' if number % 2 else ""
        text = (
            f"{HEAD}\n\n{dress.format(number % 60)}\nclass Shape{number:03}(FlowSpec):\n{parameter}"
            f"{own.format(number)}    @step\n    def start(self):\n{body}\n{END}"
        )
        (folder / f"shape{number:03}.py").write_text(text)
    for name, text in OTHERS.items() if others else ():
        (folder / f"{name}.py").write_text(text.format(steps=TWO_STEPS))


def compiled(folder: Path, out: str, options: dict[str, object], *arguments: str) -> tuple[dict[str, bytes], str, str]:
    """The files that were written, what was said, and the log: a line for each fork, and for what was read together."""
    log = folder / f"log-{out}"
    command = ["compile", "project", "--output", out, "--external-flow", "Nobody", "--external-flow", EXTERNAL]
    told = json.dumps({**options, "log": str(log)})
    done = python("-c", RUN, told, *command, "--quiet", *arguments, cwd=folder)
    files = sorted(path for path in (folder / out).rglob("*") if path.is_file())
    return (
        {path.relative_to(folder / out).as_posix(): path.read_bytes() for path in files},
        done.stderr.replace(f"{out}/", "OUT/"),
        log.read_text(),
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    shapes(folder / "project", 20, others=False)
    return folder


@pytest.fixture(scope="module")
def alone(project: Path) -> tuple[dict[str, bytes], str]:
    """Without code package: the files, and what is said."""
    files, said, log = compiled(project, "alone", ALONE, "--no-code-package")
    assert len(files) > 2 * 20, said
    assert "20" not in log
    return files, said


def test_flows_of_all_shapes_are_what_they_are_alone(project: Path) -> None:
    files, said, _ = compiled(project, "packages", ALONE, "--workers", "2")
    assert len(files) > 2 * 20, said
    found, also_said, log = compiled(project, "together", {"smallest": 10}, "--workers", "2")
    assert found == files
    assert also_said == said
    # Two supervisors and the two processes that read.
    assert log.splitlines().count("fork") == 2 + 2
    assert sorted(line for line in log.splitlines() if line != "fork") == ["10 10", "10 10"]


@pytest.mark.parametrize(("standard", "shared"), [("colorsys", "13"), ("secrets", "0")])
def test_what_is_not_plain_is_told_as_alone(tmp_path: Path, standard: str, shared: str) -> None:
    # Read together are the shapes and the file with two flows. A file with the name of a module of the standard library
    # is found in its place: what compiles with a code package imports `secrets`, so that others would find this one.
    shapes(tmp_path / "project", 12, others=True)
    (tmp_path / "project" / f"{standard}.py").write_text(f"{HEAD}class Standard(FlowSpec):\n{TWO_STEPS}")
    _, said, _ = compiled(tmp_path, "alone", ALONE, "--workers", "2")
    _, also_said, log = compiled(tmp_path, "together", {}, "--workers", "2")
    assert also_said == said
    assert all(name in said for name in ("broken.py", "raising.py", "unread.py", "mistaken.py"))
    (read,) = [line for line in log.splitlines() if line != "fork"]
    assert read.split()[1] == shared


CHANGES = {
    "something is left": "together.seams.Between.left = lambda self: ['a place']",
    "a process ends": """
def ends(*arguments, read=together.one_file.answer, **named):
    if "shape005" in arguments[0] and "source" in named:
        os._exit(0)
    return read(*arguments, **named)
together.one_file.answer, together.one_file.run = ends, together.one_file.run
""",
    "its last line is not whole": """
def cut(files, request, pipe, made=together.run):
    made(files, request, pipe)
    pipe.flush()
    os.write(pipe.fileno(), b'{"le')
together.run = cut
""",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_proven_is_read_again_alone(
    project: Path, alone: tuple[dict[str, bytes], str], change: str
) -> None:
    options = {"change": CHANGES[change], "smallest": 10, "largest": 11}
    files, said, log = compiled(project, change.replace(" ", "-"), options, "--no-code-package", "--workers", "1")
    assert (files, said) == alone
    shared = [line.split() for line in log.splitlines() if line != "fork"]
    assert shared[0][1] == "0"
    assert log.splitlines().count("fork") > 20


COUNTING = """
import collections

def counted(*arguments, read=together.one_file.answer, **named):
    calls = collections.Counter()

    def note(frame, event, function):
        calls["all"] += event in ("call", "c_call")
        if event == "call":
            calls[os.path.basename(frame.f_code.co_filename), frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        return read(*arguments, **named)
    finally:
        sys.setprofile(None)
        if "source" in named:
            places = ("__init__.py", "sub"), ("core.py", "make_parser"), ("ast.py", "parse")
            told = [calls["all"], *(calls[place] for place in places)]
            os.write(globals()["told"], f"calls {' '.join(map(str, told))}\\n".encode())

together.one_file.answer = counted
"""


def test_a_further_flow_of_a_process_costs_few_calls(tmp_path: Path) -> None:
    # Metaflow's compilers spell each key of each object with a regular expression, and click a parser of the
    # options of `create` for each backend; here both are done once. Seen are 55,000 calls, 10 and 3 of these; alone a
    # flow takes 78,000, some 860 and 6.
    generate(tmp_path / "project", 10)
    options = {"smallest": 10, "change": COUNTING}
    _, said, log = compiled(tmp_path, "counted", options, "--no-code-package", "--workers", "1")
    rows = [list(map(int, line.split()[1:])) for line in log.splitlines() if line.startswith("calls")]
    assert len(rows) == 10, said
    for calls, spelled, parsers, parsed in rows:
        assert calls < 64_000
        assert spelled < 30
        assert parsers < 5
        assert parsed < 11  # the steps of two graphs; the file itself is parsed before


@pytest.mark.long
@pytest.mark.parametrize("made", [generate, lambda folder, count: shapes(folder, count, others=True)])
def test_a_thousand_flows_with_one_and_with_eight_processes(tmp_path: Path, made: object) -> None:
    made(tmp_path / "project", 1000)  # type: ignore[operator]
    for name in ("broken", "raising", "unread", "mistaken", "reaching", "late"):  # with a mistake nothing is written
        (tmp_path / "project" / f"{name}.py").unlink(missing_ok=True)
    one, said, log = compiled(tmp_path, "one", {}, "--workers", "1")
    assert len(one) > 2000, said
    assert sum(int(line.split()[1]) for line in log.splitlines() if line != "fork") >= 1000
    cached = {"cache": str(tmp_path / "cache")}
    again = (("filling", cached, "8"), ("kept", cached, "1"), ("kept by eight", cached, "8"))
    for out, options, workers in (("eight", {}, "8"), ("alone", ALONE, "8"), *again):
        found, also_said, log = compiled(tmp_path, out, options, "--workers", workers)
        assert found == one
        assert also_said == said
        assert not out.startswith("kept") or log.count("fork") < 100, "the cache was hardly used"
