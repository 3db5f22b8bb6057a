"""Plain: whether running a file, and reading its flows, runs nothing but Metaflow.

In:   a parsed file.
Out:  yes, or that it is not seen.

Not here: what is done with it. Such a file may be read in a process that has read others: what it leaves is what
Metaflow leaves (`seams.Between`). All else has a process of its own; a file loses nothing but time by not being plain.

What is plain is a list, not a judgement: imports of Metaflow's own names and of what the standard library has loaded,
flow classes with decorators and parameters of Metaflow's whose arguments are literals, functions. The bodies of
functions and of the main guard are not looked at, since nothing runs them. A name has one meaning in the whole file.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence

FLOW_DECORATORS = frozenset({"project", "schedule", "trigger", "trigger_on_finish"})
STEP_DECORATORS = frozenset({"batch", "catch", "environment", "kubernetes", "resources", "retry", "step", "timeout"})
_PARAMETERS = frozenset({"Parameter"})
_VALUES = frozenset({"JSONType"})
_UNUSED = frozenset({"FlowSpec", "current"})
_IMPORTED = FLOW_DECORATORS | STEP_DECORATORS | _PARAMETERS | _VALUES | _UNUSED
_TYPES = frozenset({"bool", "dict", "float", "int", "list", "str"})


def is_plain(tree: ast.Module, taken: Iterable[str] = ()) -> bool:
    """Whether importing the file and reading its flows runs nothing but Metaflow's code.

    `taken` are names that a class must not define: those of FlowSpec, whose methods Metaflow calls.
    """
    return bool(tree.body) and _File(frozenset(taken)).has_only(tree.body)


class _File:
    """A file, statement by statement. A name that is bound twice has two meanings, so that the file is not plain."""

    def __init__(self, taken: frozenset[str]) -> None:
        self._taken = taken
        self._of_metaflow: dict[str, str] = {}
        self._bound: set[str] = set()
        self._literals: set[str] = set()

    def has_only(self, body: Sequence[ast.stmt]) -> bool:
        return all(self._statement(item) for item in body)

    def _binds(self, name: str) -> bool:
        if name in self._bound or name.startswith("_") or name in _TYPES:
            return False
        self._bound.add(name)
        return True

    def _statement(self, item: ast.stmt) -> bool:
        match item:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.ImportFrom(module="metaflow", level=0):
                for alias in item.names:
                    if alias.name not in _IMPORTED or not self._binds(alias.asname or alias.name):
                        return False
                    self._of_metaflow[alias.asname or alias.name] = alias.name
                return True
            case ast.ImportFrom(module=str(module), level=0):
                return _is_loaded(module) and all(self._takes(alias, module) for alias in item.names)
            case ast.Import():
                return all(
                    _is_loaded(alias.name) and self._binds(alias.asname or alias.name.partition(".")[0])
                    for alias in item.names
                )
            case ast.Assign(targets=[ast.Name(id=name)]):
                self._literals.add(name)
                return self._is_literal(item.value) and self._binds(name)
            case ast.ClassDef():
                return self._flow(item) and self._binds(item.name)
            case ast.FunctionDef(decorator_list=[]):
                return self._function(item) and self._binds(item.name)
            case ast.If(
                test=ast.Compare(
                    left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
                ),
                orelse=[],
            ):
                return True
        return False

    def _takes(self, alias: ast.alias, module: str) -> bool:
        """A name of a module: one that it has at hand, so that taking it runs nothing."""
        if module == "__future__":
            return True
        return alias.name in vars(sys.modules[module]) and self._binds(alias.asname or alias.name)

    # A flow ----------------------------------------------------------------------------------------------------------

    def _flow(self, item: ast.ClassDef) -> bool:
        bases = [self._metaflow_name(base) for base in item.bases]
        if bases != ["FlowSpec"] or item.keywords or getattr(item, "type_params", None):
            return False
        if not all(self._decorator(one, FLOW_DECORATORS) for one in item.decorator_list):
            return False
        inside: set[str] = set()
        return all(self._member(one, inside) for one in item.body)

    def _member(self, item: ast.stmt, inside: set[str]) -> bool:
        match item:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.Assign(targets=[ast.Name(id=name)]):
                return (self._parameter(item.value) or self._is_literal(item.value)) and self._defines(name, inside)
            case ast.FunctionDef(name=name):
                decorated = all(self._decorator(one, STEP_DECORATORS) for one in item.decorator_list)
                return decorated and self._function(item) and self._defines(name, inside)
        return False

    def _defines(self, name: str, inside: set[str]) -> bool:
        """A name of a class. One of the file's names would have another meaning in what follows."""
        if name.startswith("_") or name in self._taken or name in inside or name in self._bound or name in _TYPES:
            return False
        inside.add(name)
        return True

    def _decorator(self, node: ast.expr, allowed: frozenset[str]) -> bool:
        return self._metaflow_name(node) in allowed or self._call(node, allowed)

    def _parameter(self, node: ast.expr) -> bool:
        return self._call(node, _PARAMETERS)

    def _call(self, node: ast.expr, allowed: frozenset[str]) -> bool:
        return (
            isinstance(node, ast.Call)
            and self._metaflow_name(node.func) in allowed
            and all(self._is_literal(one) for one in node.args)
            and all(one.arg is not None and self._is_literal(one.value) for one in node.keywords)
        )

    def _metaflow_name(self, node: ast.expr) -> str | None:
        """The name of Metaflow's that stands there, under whatever name it was imported."""
        return self._of_metaflow.get(node.id) if isinstance(node, ast.Name) else None

    def _function(self, item: ast.FunctionDef) -> bool:
        """What making it runs: its defaults and annotations."""
        given = item.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        annotations = [one.annotation for one in arguments if one is not None]
        values = [*given.defaults, *given.kw_defaults, *annotations, item.returns]
        return not getattr(item, "type_params", None) and all(one is None or self._is_literal(one) for one in values)

    def _is_literal(self, node: ast.expr) -> bool:
        """Constants, and lists and dicts of them; a name for one of these, a type, or JSONType."""
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return name in _TYPES or name in self._literals or self._metaflow_name(node) in _VALUES
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
                return True
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return all(self._is_literal(one) for one in elements)
            case ast.Dict(keys=keys, values=values):
                return all(one is not None and self._is_literal(one) for one in keys) and all(
                    self._is_literal(one) for one in values
                )
        return False


def _is_loaded(module: str) -> bool:
    """Whether importing it finds it loaded: a part of the standard library that runs nothing any more."""
    return module.partition(".")[0] in sys.stdlib_module_names and module in sys.modules
