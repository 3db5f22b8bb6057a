"""A sentence about structure is a promise: what the page names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_the_files_that_the_page_names_exist() -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for top in ("compiler", "runtime", "tests")
        for path in (ROOT / top).rglob("*.*")
    }
    named = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert len(named) > 20
    assert {name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)} == set()


def test_the_rooms_on_the_first_page_are_those_on_disk() -> None:
    package = ROOT / "compiler" / "metaflow_triggers"
    head = (package / "__init__.py").read_text("utf-8")
    listed = set(re.findall(r"^    (\w+)  +\S", head, re.M))
    rooms = {path.parent.name for path in package.glob("*/__init__.py")} | {
        path.stem for path in package.glob("[!_]*.py")
    }
    assert listed == rooms
