"""The comparison itself: what an entry changes, and what it does not hide."""

from __future__ import annotations

from typing import Any

import pytest

from .compare import apply, by_name, differences, matches_path

UPSTREAM: dict[str, Any] = {
    "text": "run x7f && . x7f && go",
    "none": None,
    "env": [{"name": "A", "v": 1}, {"name": "B"}],
}


def left_over(ours: Any, *entries: dict[str, Any]) -> tuple[list[str], list[bool]]:
    upstream, ours, used = apply(by_name(UPSTREAM), by_name(ours), list(entries))
    return differences(upstream, ours), used


def test_replace_takes_ours_only_where_both_match() -> None:
    entry = {"kind": "replace", "path": "/text", "upstream": r"(\w+) && \. \1", "ours": r"(one) && \. \1"}
    assert left_over(UPSTREAM | {"text": "run one && . one && go"}, entry) == ([], [True])
    assert left_over(UPSTREAM | {"text": "run one && . two && go"}, entry)[1] == [False]
    assert left_over(UPSTREAM | {"text": "run one && . one && stop"}, entry)[0] != []


def test_named_groups_that_both_have_must_agree() -> None:
    entry = {"kind": "replace", "path": "/text", "upstream": r"run .* (?P<last>\w+)$", "ours": r"do (?P<last>\w+)$"}
    assert left_over(UPSTREAM | {"text": "do go"}, entry) == ([], [True])
    assert left_over(UPSTREAM | {"text": "do stop"}, entry)[1] == [False]


def test_remove_and_add_tell_the_value() -> None:
    ours = {key: value for key, value in UPSTREAM.items() if key != "none"} | {"more": {"a": "b1"}}
    remove = {"kind": "remove", "path": "/**", "upstream": None}
    add = {"kind": "add", "path": "/more", "ours": {"a": {"$matches": r"b\d"}}}
    assert left_over(ours, remove, add) == ([], [True, True])
    assert len(left_over(ours | {"more": {"a": "c"}}, remove, add)[0]) == 1
    assert len(left_over(ours, remove | {"upstream": False}, add)[0]) == 1


def test_order_of_named_items_counts() -> None:
    ours = UPSTREAM | {"env": [{"name": "B"}, {"name": "A", "v": 1}]}
    assert left_over(ours)[0] == ["/env: the items stand in another order"]
    assert left_over(ours, {"kind": "moved", "path": "/env/name=A"}) == ([], [True])
    assert left_over(UPSTREAM, {"kind": "moved", "path": "/env/name=A"}) == ([], [False])


def test_true_is_not_one() -> None:
    assert differences({"a": 1}, {"a": True}) != []
    assert differences([1], [1, 2]) != []


@pytest.mark.parametrize(
    ("pattern", "pointer", "expected"),
    [
        ("/a/*/c", "/a/b/c", True),
        ("/a/*/c", "/a/b/b/c", False),
        ("/a/**/c", "/a/c", True),
        ("/a/**/c", "/a/b/b/c", True),
        ("/**", "/a", True),
        ("/a", "/a/b", False),
        ("/a.c", "/abc", False),
    ],
)
def test_paths(pattern: str, pointer: str, expected: bool) -> None:
    assert matches_path(pattern, tuple(pointer.split("/")[1:])) is expected
