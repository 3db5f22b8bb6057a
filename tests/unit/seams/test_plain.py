"""A template as plain values: what a round through JSON gives, without nulls, in one pass."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metaflow_triggers.backends.argo.compile.workflow_template import without_nulls
from metaflow_triggers.seams.workflow_templates import _plain


class Said:
    """An object of upstream's, or of the package `kubernetes`: it has a form of its own."""

    def __init__(self, form: Any) -> None:
        self._form = form

    def to_dict(self) -> Any:
        return self._form


class Word(str):
    __slots__ = ()


class Tree(dict):
    __slots__ = ()


class Level(int, enum.Enum):
    LOW = 1


def through_json(value: Any) -> Any:
    return without_nulls(json.loads(json.dumps(value, default=Said.to_dict)))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
SCALARS |= st.sampled_from([Word("x"), Level.LOW])
KEYS = st.text(max_size=3) | st.integers(0, 3) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3).map(Tree)
        | inner.map(Said)
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_one_pass_gives_what_json_gives(value: Any) -> None:
    made = _plain(value)
    assert made == through_json(value)
    assert json.dumps(made) == json.dumps(through_json(value))  # order and kinds too: 1 is no True


def test_an_object_that_becomes_null_goes() -> None:
    assert _plain({"a": Said(None), "b": [None]}) == {"b": [None]}


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        _plain({"a": [object()]})


def test_nothing_is_shared_with_upstreams_object() -> None:
    inner = {"b": [1]}
    made = _plain({"a": inner, "c": inner})
    made["a"]["b"].append(2)
    assert inner == {"b": [1]}
    assert made["c"] == {"b": [1]}
