"""Literals: each language reads back what was written, and sees no delimiter."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from metaflow_triggers.backends.argo.compile.escape import go_regexp, go_string, inert_json, lua_string

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["{{x}}", '"', "\\", "]]", "a.b", "^$", "|", "\n", "é", "😀", "`", "$(x)", "{{=x}}", "--", "/*"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
)


@given(TEXT)
def test_go_string(text: str) -> None:
    written = go_string(text)
    assert re.fullmatch(r'"([A-Za-z0-9_./ -]|\\U[0-9a-f]{8})*"', written)
    assert re.sub(r"\\U([0-9a-f]{8})", lambda found: chr(int(found[1], 16)), written[1:-1]) == text


@given(TEXT)
def test_lua_string(text: str) -> None:
    written = lua_string(text)
    assert re.fullmatch(r'"([A-Za-z0-9_./ -]|\\[0-9]{3})*"', written)
    raw = re.sub(r"\\([0-9]{3})", lambda found: chr(int(found[1])), written[1:-1])
    assert raw.encode("latin-1").decode("utf-8") == text


@given(TEXT, TEXT)
def test_go_regexp(text: str, other: str) -> None:
    written = go_regexp(text)
    assert re.fullmatch(r"\^([A-Za-z0-9_/ -]|\\\.|\\x\{[0-9a-f]+\})*\$", written)
    pattern = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: re.escape(chr(int(found[1], 16))), written[1:-1])
    assert (re.fullmatch(pattern, other) is not None) == (text == other)
    assert re.fullmatch(pattern, text)


@given(JSON)
def test_inert_json(value: object) -> None:
    text = inert_json(value)
    assert "{{" not in text
    assert json.loads(text) == value
