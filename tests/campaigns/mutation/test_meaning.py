"""Mutations of meaning (meaning.json), written down before any check was read for them, are caught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .change import changed
from .judge import by_meaning, by_schema
from .subjects import subject

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "meaning.json").read_text("utf-8"))


def _backend(row: dict[str, Any]) -> str:
    return "argo-workflows" if "/" in row["file"] else "step-functions"


def test_there_are_more_than_a_hundred_of_both_backends() -> None:
    assert len(ROWS) >= 100
    for backend in ("step-functions", "argo-workflows"):
        assert sum(_backend(row) == backend for row in ROWS) >= 50


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['file'].rpartition('.')[0]}: {row['what']}" for row in ROWS])
def test_is_caught(row: dict[str, Any]) -> None:
    whole = subject(_backend(row), row["subject"])
    item = changed(whole.objects[row["file"]], row)
    assert by_schema(whole, row["file"], item) or by_meaning(whole, row["file"], item)
