"""Keys are spelled as upstream spells them, whatever the object."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaflow import util
from metaflow_triggers.seams import key_case

KEYS = st.text(st.sampled_from("ab_Z9é-. \n"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(VALUES)
def test_as_upstream_spells_them(value: Any) -> None:
    assert key_case.to_camelcase(value) == util.to_camelcase(value)
    assert key_case.to_pascalcase(value) == util.to_pascalcase(value)


def test_a_class_of_upstreams_stays() -> None:
    class Own(dict[str, Any]):
        pass

    assert type(key_case.to_camelcase({"a_b": Own(c_d={"e_f"})})["aB"]) is Own


@pytest.mark.parametrize("made", [key_case.to_camelcase, key_case.to_pascalcase])
def test_a_key_that_is_no_text_is_refused_as_upstream_refuses_it(made: Any) -> None:
    with pytest.raises(TypeError):
        getattr(util, made.__name__)({1: 2})
    with pytest.raises(TypeError):
        made({1: 2})
