"""The writer's bytes are PyYAML's, of hostile texts at every depth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metaflow_triggers.manifests.text import pyyaml_text, yaml_text

HOSTILE = [
    "",
    " a",
    "a ",
    "a\n",
    "a\n\nb",
    "a\n b",
    "a \nb",
    "\na",
    "a\r\nb",
    "a\tb",
    "a\u0085b",
    "\u2028",
    "\ufeffx",
    "\x07",
    "- x",
    "x: y",
    "a #b",
    "#",
    "? x",
    "?",
    "|",
    ">",
    "'",
    '"',
    "{",
    "[a]",
    "&x",
    "*x",
    "!x",
    "%x",
    "@x",
    "`x",
    "---",
    "--- a",
    "...",
    "yes",
    "null",
    "~",
    "1e3",
    "0o7",
    "12:30",
    "<<",
    "=",
    "\U0001f600",
    "x'y\nz",
    "x" * 200,
]
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=20)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_equal_to_pyyaml(value: Any) -> None:
    assert yaml_text(value) == pyyaml_text(value)


@pytest.mark.long
@settings(max_examples=50_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_equal_to_pyyaml_often(value: Any) -> None:
    assert yaml_text(value) == pyyaml_text(value)


@pytest.mark.parametrize("text", ["a\nb\n\n", "a\n\n"])
@pytest.mark.parametrize(
    "where", [lambda text: [text, "b"], lambda text: {"a": text}, lambda text: [["x"], {"b": [text]}]]
)
def test_a_text_that_ends_with_empty_lines(text: str, where: Any) -> None:
    assert yaml_text(where(text)) == pyyaml_text(where(text))


def test_words() -> None:
    words = [
        "y",
        "N",
        "Yes",
        "nO",
        "on",
        "OFF",
        "True",
        "falsE",
        "NULL",
        "null",
        "e3",
        "e",
        "inf",
        "nan",
        "a.b",
        "x-1",
        "a/",
    ]
    words += ["A", "yes1", "nop", "a-", "a.", "infinity", "z" * 100, "z" * 101]
    assert yaml_text(words) == pyyaml_text(words)
    assert yaml_text(dict.fromkeys(words, 1)) == pyyaml_text(dict.fromkeys(words, 1))


def test_long_texts_and_keys() -> None:
    for value in ({"k" * 300: "v"}, {"k": "v w " * 400_000}, {"a\nb": 1}, [1.5, 10**40, True, None, {}, []]):
        assert yaml_text(value) == pyyaml_text(value)
