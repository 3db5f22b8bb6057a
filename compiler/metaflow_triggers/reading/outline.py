"""Outline: what the top of a Python file binds, without running it.

In:   the content of a file.
Out:  its names with what they are bound to, the names in its main guard, what its top reaches.

Not here: other files (`candidates`), what a name turns out to be when the file runs (`classes`).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """`from module import name`; without `name` the module itself. `level` counts the dots before it."""

    module: str
    name: str | None = None
    level: int = 0


Binding = Import | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr


@dataclass(frozen=True)
class Outline:
    """`bindings`: all that each name of the module is bound to, in branches and loops too. `stars`: `import *`."""

    tree: ast.Module
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)


def parse(content: bytes | str) -> ast.Module | None:
    """The parsed text; None for what is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are told when Python imports the file
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def outline(tree: ast.Module) -> Outline:
    """What the module's top binds."""
    found = Outline(tree)

    def bind(name: str, value: Binding) -> None:
        found.bindings.setdefault(name, []).append(value)

    for statement in statements(tree.body):
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            bind(statement.name, statement)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for name, imported in imports(statement):
                if name == "*":
                    found.stars.append(imported)
                else:
                    bind(name, imported)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                for name in _names(target):
                    bind(name, statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            for name in _names(statement.target):
                bind(name, statement.value)
    return found


def imports(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    """(name that is bound, what it is) for each; `*` for all of a module."""
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            module = Import(statement.module or "", None, statement.level)
            imported = module if alias.name == "*" else Import(module.module, alias.name, module.level)
            yield ("*" if alias.name == "*" else alias.asname or alias.name), imported
        elif alias.asname:
            yield alias.asname, Import(alias.name)
        else:
            yield alias.name.split(".")[0], Import(alias.name.split(".")[0])


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of what is nested in them, but for functions and classes."""
    todo = list(reversed(list(body)))
    while todo:
        statement = todo.pop()
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        nested: list[ast.stmt] = []
        for node in ast.iter_child_nodes(statement):
            if isinstance(node, ast.stmt):
                nested.append(node)
            elif isinstance(node, (ast.ExceptHandler, ast.match_case)):
                nested.extend(node.body)
        todo.extend(reversed(nested))


def _names(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def names_in(nodes: Iterable[ast.AST]) -> set[str]:
    """All names that are read below the nodes."""
    return {
        item.id
        for node in nodes
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)
    }


# The main guard ------------------------------------------------------------------------------------------------------


def guarded_names(tree: ast.Module) -> set[str]:
    """The names that `if __name__ == '__main__':` mentions, also by way of functions of the module."""
    functions = {item.name: item for item in statements(tree.body) if isinstance(item, Function)}
    found: set[str] = set()
    todo: list[ast.AST] = []
    for statement in statements(tree.body):
        if isinstance(statement, ast.If):
            todo.extend(_guarded(statement))
    seen: set[str] = set()
    while todo:
        names = names_in(todo)
        found |= names
        called = [functions[name] for name in sorted(names & functions.keys()) if name not in seen]
        seen.update(item.name for item in called)
        todo = [node for item in called for node in item.body]
    return found


def _guarded(statement: ast.If) -> list[ast.stmt]:
    test = statement.test
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    for part in parts:
        if isinstance(part, ast.Compare) and len(part.ops) == 1:
            sides = (part.left, part.comparators[0])
            is_name = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
            is_main = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
            if is_name and is_main and isinstance(part.ops[0], (ast.Eq, ast.Is)):
                return statement.body
            if is_name and is_main and isinstance(part.ops[0], (ast.NotEq, ast.IsNot)):
                return statement.orelse
    return []


# What runs when the file is imported ---------------------------------------------------------------------------------


def reached(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that importing the file may run: its top without the main guard, and the functions that this names."""
    functions = {item.name: item for item in statements(tree.body) if isinstance(item, Function)}
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, Function):
            todo += [*node.decorator_list, *node.args.defaults, *(item for item in node.args.kw_defaults if item)]
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.If) and (guarded := _guarded(node)):
            todo += [item for item in (*node.body, *node.orelse) if item not in guarded]
            continue
        if isinstance(node, ast.Name) and node.id in functions:
            todo += functions.pop(node.id).body
        todo += ast.iter_child_nodes(node)
