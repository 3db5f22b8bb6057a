"""Forks over the kinds of a dependency and of a mapping's source: no `else` means "the other one"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import metaflow_triggers
import pytest
from metaflow_triggers.model.kinds import assert_never

ROOMS = ("backends", "compiling", "dead_letters", "deploying", "doctor", "engine", "graph", "model", "pictures")
ROOMS += ("rules", "simulate", "trail")
KINDS = {"EventDependency", "FinishDependency", "PayloadField", "Constant"}


def asks_for_a_kind(test: ast.expr) -> bool:
    """Whether a condition is `isinstance(x, kind)` or `not isinstance(x, kind)`, and nothing beside it."""
    test = test.operand if isinstance(test, ast.UnaryOp) else test
    if not (isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance"):
        return False
    return bool({node.id for node in ast.walk(test.args[1]) if isinstance(node, ast.Name)} & KINDS)


def swallowed(tree: ast.AST) -> Iterator[int]:
    """Lines of forks with an `else` in which a third kind would be taken for one of the two."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.IfExp)) and asks_for_a_kind(node.test):
            last = node.orelse if isinstance(node, ast.IfExp) else node.orelse[0] if node.orelse else None
            if last is None or isinstance(last, (ast.If, ast.Constant)):  # none, the next kind, or nothing of its own
                continue
            known = isinstance(node, ast.If) and "assert_never" in ast.unparse(node.body + node.orelse)
            if not known:
                yield node.lineno


@pytest.mark.parametrize("room", ROOMS)
def test_no_else_is_the_other_kind(room: str) -> None:
    folder = Path(metaflow_triggers.__file__).parent / room
    texts = {path: path.read_text("utf-8") for path in folder.rglob("*.py")}
    parsed = {path: ast.parse(text) for path, text in texts.items() if any(kind in text for kind in KINDS)}
    found = [f"{path.relative_to(folder)}:{line}" for path, tree in parsed.items() for line in swallowed(tree)]
    assert found == []


def test_what_is_found() -> None:
    fork = "if isinstance(x, EventDependency):\n    a()\nelse:\n    b(x)"
    assert list(swallowed(ast.parse(fork))) == [1]
    assert list(swallowed(ast.parse("y = x.path if isinstance(x, PayloadField) else x.json"))) == [1]
    assert list(swallowed(ast.parse("y = x.path if isinstance(x, PayloadField) else None"))) == []
    assert list(swallowed(ast.parse(fork.replace("b(x)", "assert_never(x)")))) == []


def test_a_kind_that_is_forgotten_is_told_when_it_comes() -> None:
    with pytest.raises(AssertionError, match="not known here: 5"):
        assert_never(5)  # type: ignore[arg-type]
