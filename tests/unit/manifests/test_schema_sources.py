"""The schemas are what their source says, and the source asks nothing of what they judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.source import FOLDER, documents, text
from schemas.source.notation import any_of, closed, either, in_order, named, open_object, schema, some

ROOT = Path(__file__).resolve().parents[3]


def test_the_files_are_what_their_source_says() -> None:
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*.json")} == set(documents())
    for path, document in documents().items():
        assert (FOLDER / path).read_text("utf-8") == text(document), f"{path}: run `make schemas`"


def test_the_judge_does_not_ask_the_judged() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import schemas.source; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True, check=True
    )
    loaded = process.stdout.split()
    assert "schemas.source.notation" in loaded
    assert [name for name in loaded if name.startswith(("metaflow", "jinja2"))] == []


@pytest.mark.parametrize(
    ("notation", "fits", "does_not"),
    [
        ({"a": 1, "b": "x"}, [{"b": "x", "a": 1}], [{"a": 1}, {"a": 1, "b": "x", "c": 1}, {"a": 1, "b": "y"}]),
        ({"a": 1, "b?": 2}, [{"a": 1}, {"a": 1, "b": 2}], [{"b": 2}, {"a": 1, "b": 3}, {"a": 1, "b?": 2}]),
        ({"^n[0-9]$": 1}, [{}, {"n1": 1}], [{"n1": 2}, {"x": 1}]),
        (any_of("a", {"b": 1}), ["a", {"b": 1}], ["b", {"b": 2}]),
        (in_order([1, 2]), [[1, 2]], [[1], [2, 1], [1, 2, 3]]),
        (in_order([1], any_of(2, 3), 2), [[1], [1, 3]], [[], [1, 1], [1, 2, 3]]),
        (
            either(named("x"), {"name": "x", "a": 1}, open_object("name")),
            [{"name": "x", "a": 1}, {"name": "y", "b": 2}],
            [{"name": "x", "b": 2}, {"b": 2}, 1],
        ),
        (some(any_of(1, 2), 1, 2), [[1], [1, 2]], [[], [1, 2, 1], [3]]),
    ],
)
def test_the_notation(notation: Any, fits: list[Any], does_not: list[Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema(notation))
    assert [value for value in fits if not validator.is_valid(value)] == []
    assert [value for value in does_not if validator.is_valid(value)] == []


@pytest.mark.parametrize("inside", [some(1), {"b?": 1}, {"^b": 1}])
def test_what_stands_for_itself_holds_nothing_else(inside: Any) -> None:
    with pytest.raises(ValueError, match="allows more than itself"):
        closed({"a": [inside]})
