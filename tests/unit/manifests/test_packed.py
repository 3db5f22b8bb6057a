"""Texts that wait."""

from __future__ import annotations

import pytest
from metaflow_triggers.compiling.compile import File
from metaflow_triggers.manifests.packed import packed, unpacked


@pytest.mark.parametrize("text", ["", "a", "ä\r\n\u2028\U0001f600", "half \ud83d", "x: y\n" * 100_000])
def test_a_text_comes_out_as_it_went_in(text: str) -> None:
    assert unpacked(packed(text)) == text


def test_a_file_has_its_text_and_does_not_keep_it() -> None:
    text = "name: a value that stands in many places\n" * 100
    file = File("x/a.yaml", packed(text), "x/a", None, True)
    assert file.text == text
    assert text not in vars(file).values()
    assert len(file.packed) * 20 < len(text)
