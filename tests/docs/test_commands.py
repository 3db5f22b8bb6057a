"""The commands that the documentation shows do what it says.

A fenced `console` or `bash` block is a session: each line that starts with `$ ` is run, the lines below it are
lines of its output, in this order (`...` stands for any others). `<!-- exit: 2 -->` above the block says how its
last command ends, `<!-- not run: reason -->` that it needs something that a test has not, and
`<!-- on: emulated clouds -->` that it has an account and a cluster: an emulated AWS and a stand-in for the Kubernetes
API, new for each page. A block of another language below `<!-- file: shop/order.py -->` is what is in that file then.
The blocks of a page run one after the other in one folder that holds the examples.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        "README.md",
        *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
        "examples/README.md",
        "golden/README.md",
    ]
)
BLOCK = re.compile(r"((?:^<!-- [^\n]* -->\n)*)^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class File:
    path: str
    text: str


@dataclass(frozen=True)
class Command:
    line: str
    exit_code: int
    output: tuple[str, ...]
    on_clouds: bool = False


def commands(text: str) -> list[Command | File]:
    """The commands and files of a page, in order. A marker that is not understood fails the test."""
    found: list[Command | File] = []
    for marks, language, body in BLOCK.findall(text):
        file = re.fullmatch(r"<!-- file: (\S+) -->\n", marks)
        if file:
            found.append(File(file[1], body))
        if language not in ("console", "bash"):
            assert file or not marks, f"not understood above a block of {language}: {marks}"
            continue
        exit_code, skipped, on_clouds = 0, False, False
        for mark in re.findall(r"^<!-- (.*) -->$", marks, re.MULTILINE):
            kind, _, value = mark.partition(": ")
            assert value, mark
            if kind == "exit":
                exit_code = int(value)
            elif kind == "not run":
                skipped = True
            else:
                assert mark == "on: emulated clouds", mark
                on_clouds = True
        lines = body.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        if skipped or not starts:
            continue
        assert starts[0] == 0, f"a block begins with a line that is no command: {lines[0]}"
        for start, end in pairwise([*starts, len(lines)]):
            is_last = end == len(lines)
            output = tuple(line.rstrip() for line in lines[start + 1 : end] if line.strip())
            found.append(Command(lines[start][2:], exit_code if is_last else 0, output, on_clouds))
    return found


def missing(expected: tuple[str, ...], output: str) -> list[str]:
    """Expected lines that do not follow each other, in order, in the output."""
    remaining = iter(line.rstrip() for line in output.splitlines())
    return [line for line in expected if line != "..." and line not in remaining]


@contextlib.contextmanager
def emulated_clouds(folder: Path) -> Iterator[dict[str, str]]:
    """Variables with which Metaflow finds an emulated AWS and a stand-in for the Kubernetes API."""
    from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
    from tests.worlds.upstream.emulated_aws import emulated_aws

    with KubernetesStandIn() as kubernetes, emulated_aws() as aws:
        yield {**aws.environment, **kubernetes.kubeconfig(folder)}


# The page of diagnostics is made of mistakes: its sessions are what not to do.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/diagnostics.md"])
def test_commands_of_a_page(page: str, tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "fixtures", tmp_path / "tests" / "fixtures", ignore=ignore)
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "USER": "reader",
        "METAFLOW_HOME": str(home),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(home / "datastore"),
        # No profile of this machine's owner, and nobody answers at the address that some AWS machines have.
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": str(home / "none"),
    }
    told = commands((ROOT / page).read_text(encoding="utf-8"))
    with contextlib.ExitStack() as stack:
        more: dict[str, str] = {}
        if any(isinstance(command, Command) and command.on_clouds for command in told):
            more = stack.enter_context(emulated_clouds(home))
        for command in told:
            if isinstance(command, File):
                (tmp_path / command.path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / command.path).write_text(command.text, encoding="utf-8")
                continue
            process = subprocess.run(
                ["bash", "-c", command.line],
                cwd=tmp_path,
                env={**environment, **more} if command.on_clouds else environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
                check=False,
            )
            assert process.returncode == command.exit_code, f"$ {command.line}\n{process.stdout}"
            assert not missing(command.output, process.stdout), f"$ {command.line}\n{process.stdout}"


def test_a_session_is_read() -> None:
    text = (
        "<!-- file: a.py -->\n```python\nx = 1\n```\n```python\ny = 1\n```\n"
        "<!-- exit: 2 -->\n```console\n$ one\nout\n$ two\n```\n\n<!-- not run: no cluster -->\n```bash\n$ three\n```\n"
    )
    assert commands(text) == [File("a.py", "x = 1\n"), Command("one", 0, ("out",)), Command("two", 2, ())]
    assert missing(("a", "...", "c"), "a\nb\nc\n") == []
    assert missing(("c", "a"), "a\nb\nc\n") == ["a"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), target


def test_settings_page_names_every_setting() -> None:
    """Settings are declared, each with its name, in one module."""
    declared = (ROOT / "compiler" / "metaflow_triggers" / "model" / "settings.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"METAFLOW_[A-Z0-9_]+", declared)) - {"METAFLOW_TRIGGERS_"} <= set(
        re.findall(r"METAFLOW_[A-Z0-9_]+", page)
    )
