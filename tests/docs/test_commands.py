"""The commands that the documentation shows do what it says.

A fenced `console` or `bash` block is a session: each line that starts with `$ ` is run, the lines below it are
lines of its output, in this order (`...` stands for any others). `<!-- exit: 2 -->` above the block says how its
last command ends, `<!-- not run: reason -->` that it needs something that a test has not.
The blocks of a page run one after the other in one folder that holds the examples.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
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
BLOCK = re.compile(r"((?:^<!-- [^\n]* -->\n)*)^```(?:console|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    line: str
    exit_code: int
    output: tuple[str, ...]


def commands(text: str) -> list[Command]:
    """The commands of a page, in order. A marker that is not understood fails the test."""
    found: list[Command] = []
    for marks, body in BLOCK.findall(text):
        exit_code, skipped = 0, False
        for mark in re.findall(r"^<!-- (.*) -->$", marks, re.MULTILINE):
            kind, _, value = mark.partition(": ")
            assert kind in ("exit", "not run"), mark
            assert value, mark
            if kind == "exit":
                exit_code = int(value)
            else:
                skipped = True
        lines = body.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        if skipped or not starts:
            continue
        assert starts[0] == 0, f"a block begins with a line that is no command: {lines[0]}"
        for start, end in pairwise([*starts, len(lines)]):
            is_last = end == len(lines)
            output = tuple(line.rstrip() for line in lines[start + 1 : end] if line.strip())
            found.append(Command(lines[start][2:], exit_code if is_last else 0, output))
    return found


def missing(expected: tuple[str, ...], output: str) -> list[str]:
    """Expected lines that do not follow each other, in order, in the output."""
    remaining = iter(line.rstrip() for line in output.splitlines())
    return [line for line in expected if line != "..." and line not in remaining]


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
    for command in commands((ROOT / page).read_text(encoding="utf-8")):
        process = subprocess.run(
            ["bash", "-c", command.line],
            cwd=tmp_path,
            env=environment,
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
        "<!-- exit: 2 -->\n```console\n$ one\nout\n$ two\n```\n\n<!-- not run: no cluster -->\n```bash\n$ three\n```\n"
    )
    assert commands(text) == [Command("one", 0, ("out",)), Command("two", 2, ())]
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
