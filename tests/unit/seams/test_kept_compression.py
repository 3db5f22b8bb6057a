"""What is kept of a code package is given only for the bytes of which it was made, and only as it was kept."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest
from metaflow_triggers.seams import kept_compression
from metaflow_triggers.seams.code_package import _compress

PART, OTHER = b"a part of every package " * 999, b"another part " * 999


class Compressing:
    """`compress`, which counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, data: bytes) -> bytes:
        self.times += 1
        return _compress(data)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(kept_compression, "_place", lambda: tmp_path / "kept" / "part.gz")
    return tmp_path / "kept" / "part.gz"


def test_the_same_bytes_are_compressed_once(place: Path) -> None:
    compress = Compressing()
    found = {kept_compression.compressed(PART, compress) for _ in range(3)}
    assert found == {_compress(PART)} and compress.times == 1
    assert [path.name for path in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize("harm", ["shorter", "longer", "a bit", "empty", "foreign", "of other bytes", "a folder"])
def test_what_is_damaged_or_foreign_is_made_anew(place: Path, harm: str) -> None:
    kept_compression.compressed(OTHER if harm == "of other bytes" else PART, _compress)
    content = place.read_bytes()
    changed = {
        "shorter": content[:-1],
        "longer": content + b"\0",
        "a bit": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "empty": b"",
        "foreign": content[:64] + gzip.compress(OTHER),
    }
    if harm in changed:
        place.write_bytes(changed[harm])
    elif harm == "a folder":
        place.unlink()
        place.mkdir()
    compress = Compressing()
    assert kept_compression.compressed(PART, compress) == _compress(PART)
    assert compress.times == 1
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_nothing_is_kept_where_python_keeps_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert kept_compression.compressed(PART, _compress) == _compress(PART)
    assert not place.exists()


def test_a_folder_that_cannot_be_written(place: Path) -> None:
    place.parent.write_text("a file")
    assert kept_compression.compressed(PART, _compress) == _compress(PART)
