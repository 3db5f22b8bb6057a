"""Mistakes of the compiler's own: in words, once, and never behind a mistake of the user's."""

from __future__ import annotations

import pytest
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.diagnostics.ours import behind_others, in_words, our_mistakes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('says what the flow does not mean: ["a set starts", "default", [1]]', "says what the flow does not mean"),
        ("Slot says [({'a': 1}, [])] where the flow means []", "Slot says"),
        ("violates its schema at /spec/x: {'a': 1} is not valid", "violates its schema at /spec/x"),
        ("declares the dependency `push` twice; the last one would count", None),
        ("lists ['a'], not ['b']", "lists"),
        ("two lines\nof it", "two lines"),
    ],
)
def test_what_stands_inside_of_an_object_is_left_out(text: str, words: str | None) -> None:
    assert in_words(text) == (text if words is None else words)


def test_a_message_is_short_and_said_once() -> None:
    found = our_mistakes("flows/x:", ["a" * 500, "says: [1]", "says: [2]"])
    assert [len(item.message) for item in found] == [200, len("flows/x: says")]
    assert {item.code for item in found} == {"FT601"}


def test_it_is_not_told_behind_a_mistake_of_the_users() -> None:
    found = [Diagnostic("FT105", "the user's"), Diagnostic("FT601", "ours")]
    assert [item.code for item in behind_others(found, True)] == ["FT105"]
    assert behind_others(found[1:], False) == found[1:]
