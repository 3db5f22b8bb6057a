"""The quick split gives what `shlex.split` gives."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.seams import shell_words

PIECES = ["a", " ", '"', "'", "\\", "\n", "$", "`", "{{x}}", "&&", "#", "☃", '\\"', "\\\\", "\\n", "bash -c "]


def said(split: object, text: str) -> object:
    try:
        return split(text)  # type: ignore[operator]
    except ValueError as error:
        return str(error)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_equal_to_shlex(text: str) -> None:
    for whole in (f'bash -c "{text}"', text, f'bash -c "{text}', f'bash  -c "{text}"'):
        assert said(shell_words.split, whole) == said(shlex.split, whole)


@pytest.mark.parametrize("text", ['bash -c "a b"', 'bash -c ""', 'bash -c "a\nb"'])
def test_the_form_is_split_at_once(text: str) -> None:
    assert shell_words._FORM.fullmatch(text)


def test_it_stands_for_the_module() -> None:
    assert shell_words.module.quote is shlex.quote
