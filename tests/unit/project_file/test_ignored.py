"""What a search leaves out is what git leaves out, by its own word."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from metaflow_triggers.project_file.ignored import Ignored
from metaflow_triggers.project_file.shape import ProjectFile

NAMES = ["a", "b", "ab", "a.py", "b.py", "ab.py", "a b", "[a]", "é.py", "#a", "!a"]
LINES = [
    *(
        "a",
        "a/",
        "/a",
        "*.py",
        "!a.py",
        "a/b",
        "**/b",
        "a/**",
        "a/**/b.py",
        "/*",
        "?",
        "a?.py",
        "[ab].py",
        "[!a]*",
        "b/",
    ),
    *(
        "!/a/",
        "#a",
        r"\#a",
        r"\!a",
        "a b",
        "a ",
        "a\\ ",
        "[a",
        "**",
        "***",
        "a**",
        "*/b",
        "!*.py",
        "[a-b]",
        r"\[a\]",
        "",
    ),
    *("/a/b/", "a/*", "!a/b.py", "**/a/", "x/../a", "//a", "/", "[]a]", "[^a].py", "é*", "a/**/"),
]


def tree(folder: Path, chance: random.Random, depth: int = 3) -> None:
    for name in chance.sample(NAMES, 4):
        if depth and chance.random() < 0.5:
            (folder / name).mkdir()
            tree(folder / name, chance, depth - 1)
        else:
            (folder / name).write_text("")
    if chance.random() < 0.4 or depth == 3:
        (folder / ".gitignore").write_text("\n".join(chance.choices(LINES, k=3)) + "\n", "utf-8")


def git_ignores(folder: Path) -> set[str]:
    paths = [
        str(path.relative_to(folder)) for path in folder.rglob("*") if ".git" not in path.relative_to(folder).parts
    ]
    done = subprocess.run(
        ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=folder,
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return {os.fsdecode(item) for item in done.stdout.split(b"\0") if item}


def we_ignore(folder: Path, ignored: Ignored) -> set[str]:
    found: set[str] = set()

    def look(inside: Path, is_out: bool) -> None:
        for path in inside.iterdir():
            if path.name == ".git" and inside == folder:
                continue
            out = is_out or bool(ignored.by(str(path), is_folder=path.is_dir()))
            if out:
                found.add(str(path.relative_to(folder)))
            if path.is_dir():
                look(path, out)

    look(folder, False)
    return found


@pytest.mark.parametrize("number", [8, pytest.param(300, marks=pytest.mark.long)])
def test_as_git_does(tmp_path: Path, number: int) -> None:
    chance = random.Random(number)
    some = 0
    for turn in range(number):
        folder = tmp_path / str(turn)
        (folder / ".git").mkdir(parents=True)
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        tree(folder, chance)
        theirs = git_ignores(folder)
        ours = we_ignore(folder, Ignored(ProjectFile(folder / "metaflow-triggers.toml")))
        files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob(".gitignore")}
        assert ours == theirs, files
        some += len(theirs)
    assert some > number


def test_exclude_is_written_as_a_gitignore_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "flows" / "old").mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("*.py\n")  # no repository: nobody's
    project = replace(ProjectFile(tmp_path / "metaflow-triggers.toml"), exclude=("old/", "*_draft.py", "!my_draft.py"))
    ignored = Ignored(project)
    for path, is_folder, by in (
        ("flows/old", True, "exclude"),
        ("flows/old", False, ""),
        ("flows/a_draft.py", False, "exclude"),
        ("flows/my_draft.py", False, ""),
        ("flows/a.py", False, ""),
        ("../b_draft.py", False, ""),
    ):
        assert ignored.by(str(tmp_path / path), is_folder=is_folder) == by, path
