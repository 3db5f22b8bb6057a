"""The index's text is what `json.dumps` gives."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from metaflow_triggers.compiling.index_text import index_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_it_is_what_json_gives(value: Any) -> None:
    assert index_text(value) == json.dumps(value, indent=2, sort_keys=True)
