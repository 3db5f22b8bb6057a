"""Which answers of children are used again: counted, in one process that reads folders again and again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.reading.steady import asks

from ..commands.conftest import clean
from .many import HEAD, STEPS

READ = """
import argparse, json, os, sys
from metaflow_triggers.reading.paths import import_metaflow, read_flows
import_metaflow()
from metaflow_triggers.diagnostics.wire import to_wire
from metaflow_triggers.reading import project
read_by_children, children = project._told, []
def told(files, *arguments, **options):
    children.extend(files)
    return read_by_children(files, *arguments, **options)
project._told = told
forks = []
sys.addaudithook(lambda event, args: forks.append(event) if event == "os.fork" else None)
for line in sys.stdin:
    folder, options, variables = json.loads(line)
    before = dict(os.environ)
    os.environ.update(variables)
    os.chdir(folder)
    forks.clear()
    children.clear()
    always = {"paths": ["."], "production": False, "branch": None, "timeout": 30, "no_cache": False, "workers": 1}
    given = argparse.Namespace(**{**always, **options})
    read = read_flows(given)
    triggers = [trigger for one in read.flows for trigger in one.flow.triggers]
    done = {
        "children": len(children),
        "forks": len(forks),
        "events": sorted(item.name for trigger in triggers for item in trigger.dependencies),
        "diagnostics": [to_wire(item) for item in read.diagnostics],
    }
    for name in variables:
        del os.environ[name]
        os.environ.update({name: before[name]} if name in before else {})
    print(json.dumps(done), flush=True)
"""
Reader = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """`read(folder)`: what one more command reads there, and how many children it needed."""
    home = tmp_path_factory.mktemp("home")
    with subprocess.Popen(
        [sys.executable, "-c", READ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean(home, METAFLOW_TRIGGERS_CACHE=str(home / "cache")),
    ) as process:

        def read(folder: Path, variables: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps([str(folder), options, variables or {}]) + "\n")
            process.stdin.flush()
            found: dict[str, Any] = json.loads(process.stdout.readline())
            return found

        yield read
        assert process.stdin
        process.stdin.close()


def written(folder: Path, name: str, head: str, event: str = "'event'", body: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(f"{HEAD}{head}\n@trigger(event={event})\nclass {name.title()}(FlowSpec):{body}{STEPS}")
    return path


def settle() -> None:
    """A file that was written less than a tenth of a second before it was read is read again."""
    time.sleep(0.15)


def test_what_has_not_changed_needs_no_child(tmp_path: Path, read: Reader) -> None:
    for number in range(3):
        written(tmp_path, f"flow{number}", "", f"'event-{number}'")
    settle()
    first = read(tmp_path)
    second = read(tmp_path)
    assert (first["children"], second["children"]) == (3, 0)
    assert {**first, "children": 0, "forks": 0} == second
    assert second["events"] == ["event-0", "event-1", "event-2"]
    written(tmp_path, "flow1", "", "'another'")
    settle()
    third = read(tmp_path)
    assert (third["children"], third["events"]) == (1, ["another", "event-0", "event-2"])
    assert read(tmp_path, no_cache=True)["children"] == 3
    assert read(tmp_path, {"METAFLOW_TRIGGERS_CACHE": "off"})["children"] == 3
    assert read(tmp_path)["children"] == 0


UNSTEADY = {
    "a deploy-time trigger": ("", "lambda: 'event'", ""),
    "a deploy-time default": ("", "'event'", "\n    x = Parameter('x', default=lambda context: 'a')"),
    "the clock": ("import time\nNOW = time.time()", "'event'", ""),
    "the clock in C": ("import datetime\nNOW = datetime.datetime.now()", "'event'", ""),
    "chance": ("import random\nN = random.randint(0, 1)", "'event'", ""),
    "a new id": ("import uuid\nN = uuid.uuid4()", "'event'", ""),
    "secrets": ("import secrets\nN = secrets.token_hex()", "'event'", ""),
    "a program": ("import subprocess\nN = subprocess.run(['true'])", "'event'", ""),
    "a network": ("import socket\ntry:\n    socket.getaddrinfo('localhost', 1)\nexcept OSError: pass", "'event'", ""),
    "a process's file": ("N = open('/proc/self/stat').read()", "'event'", ""),
}


def test_what_asks_for_more_than_files_is_read_again(tmp_path: Path, read: Reader) -> None:
    for number, (head, event, body) in enumerate(UNSTEADY.values()):
        written(tmp_path, f"flow{number}", head, event, body)
    written(tmp_path, "steady", "import time, datetime, random\ndef later():\n    return time.time(), random.random()")
    settle()
    assert read(tmp_path)["children"] == len(UNSTEADY) + 1
    again = read(tmp_path)
    assert (again["children"], again["diagnostics"]) == (len(UNSTEADY), [])


CHANGES: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "a module": ("import helper", "helper.EVENT", lambda f: (f / "helper.py").write_text("EVENT = 'b'  # longer\n")),
    "a module of a module": ("import outer", "outer.EVENT",
                             lambda f: (f / "helper.py").write_text("EVENT = 'b'  # longer\n")),
    "an absent module": ("try: from later import EVENT\nexcept ImportError: EVENT = 'a'", "EVENT",
                         lambda f: (f / "later.py").write_text("EVENT = 'b'\n")),
    "a package in front": ("import helper", "helper.EVENT", lambda f: _package(f / "helper")),
    "a module of the library in front": ("import this_one as x, colorsys\nEVENT = getattr(colorsys, 'EVENT', 'a')",
                                         "EVENT", lambda f: (f / "colorsys.py").write_text("EVENT = 'b'\n")),
    "a file": ("EVENT = open('text').read()", "EVENT", lambda f: (f / "text").write_text("b")),
    "a file that was not there": ("import os\nEVENT = 'b' if os.path.exists('more') else 'a'", "EVENT",
                                  lambda f: (f / "more").write_text("")),
    "a path that was not there": ("from pathlib import Path\nEVENT = 'b' if Path('more').is_file() else 'a'", "EVENT",
                                  lambda f: (f / "more").write_text("")),
    "a time": ("import os\nEVENT = 'a' if os.path.getmtime('text') > 9 else 'b'", "EVENT",
               lambda f: os.utime(f / "text", (1, 1))),
    "a folder": ("import os\nEVENT = 'ab'[len(os.listdir('names'))]", "EVENT",
                 lambda f: (f / "names/x").write_text("")),
    "a session": ("import os\nEVENT = os.environ.get('TMUX_PANE', 'a')", "EVENT", lambda f: {"TMUX_PANE": "b"}),
    "the environment": ("", "'a'", lambda f: {"SOMETHING": "else"}),
}  # fmt: skip


def _package(folder: Path) -> None:
    folder.mkdir()
    (folder / "__init__.py").write_text("EVENT = 'b'\n")


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_read_and_has_changed_is_read_again(tmp_path: Path, read: Reader, what: str) -> None:
    head, event, change = CHANGES[what]
    (tmp_path / "helper.py").write_text("EVENT = 'a'\n")
    (tmp_path / "outer.py").write_text("from helper import EVENT\n")
    (tmp_path / "this_one.py").write_text("")
    (tmp_path / "text").write_text("a")
    (tmp_path / "names").mkdir()
    written(tmp_path, "one", head, event)
    written(tmp_path, "two", "", "'c'")
    settle()
    read(tmp_path)
    assert read(tmp_path)["children"] == 0
    variables = change(tmp_path)
    settle()
    after = read(tmp_path, variables if isinstance(variables, dict) else {})
    if what == "the environment":
        assert after["children"] == 2
    else:
        assert (after["children"], after["events"][0]) == (1, "b")


def test_what_python_takes_for_unchanged_is_not_kept(tmp_path: Path, read: Reader) -> None:
    # Python takes a compiled module while size and time of its source are the same: what it then gives is another's.
    helper = tmp_path / "helper.py"
    helper.write_text("EVENT = 'a'\n")
    written(tmp_path, "one", "import helper", "helper.EVENT")
    settle()
    assert read(tmp_path)["events"] == ["a"]
    was = helper.stat()
    helper.write_text("EVENT = 'b'\n")
    os.utime(helper, ns=(was.st_atime_ns, was.st_mtime_ns))
    settle()
    assert [read(tmp_path)["children"], read(tmp_path)["children"]] == [1, 1]
    shutil.rmtree(tmp_path / "__pycache__")
    assert read(tmp_path)["events"] == ["b"]


def test_what_counts_for_nobody_is_no_reason_to_read(tmp_path: Path, read: Reader) -> None:
    path = written(tmp_path, "one", "")
    settle()
    read(tmp_path)
    os.utime(path)  # a fresh checkout: other times, the same content
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "other.py").write_text("")
    assert read(tmp_path, {"TMUX_PANE": "1", "SHLVL": "7"})["children"] == 0


def test_words_are_looked_for_in_what_importing_runs() -> None:
    assert asks([b"import datetime\ndef f():\n    return datetime.datetime.now()\n"]) == ""
    assert (
        asks([b"from helper import f\nX = f()\n", b"def f():\n    return g()\ndef g():\n    return dt.now()\n"])
        == "now"
    )
    assert asks([b"class M(FlowMutator):\n    def mutate(self, flow):\n        return uuid4()\n"]) == "uuid4"
    assert asks([b"import numpy as np\nX = np.random.rand()\n"]) == "rand"
    assert asks([b"class F(FlowSpec):\n    @step\n    def start(self):\n        self.x = date.today()\n"]) == ""
