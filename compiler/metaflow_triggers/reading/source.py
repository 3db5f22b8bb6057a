"""Source: where in a flow's file something was written.

In:   a file's path as it was given, and its text.
Out:  spans of classes, decorators and what stands in their arguments; the event names that code emits.

Not here: running or importing user code, judging it. Nothing raises: what is not found (text that is
no Python, a decorator added by a program, `**arguments`) gives the nearest place that is: the
decorator, else the class, else line 1.
"""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from .. import regular
from ..model.flows import EmittedEvent, Span

Step = str | int

_CLASS = re.compile(r"class\s+(\w+)")
_EMITTERS = ("emit_event", "ArgoEvent")
"""`ArgoEvent(name=...)` is upstream's way to publish; its events start our flows too."""


class SourceFile:
    """One parsed file."""

    def __init__(self, path_as_given: str, text: str) -> None:
        self.path = path_as_given if os.sep == "/" else path_as_given.replace(os.sep, "/")
        text = text.removeprefix("\ufeff")
        self._lines = re.split(r"\r\n|\r|\n", text)  # the line ends that Python knows
        self.tree = _parse(text)
        self._classes: dict[str, ast.ClassDef] = {}
        self._aliases: dict[str, str] = {}
        self._constants: dict[str, ast.expr] = {}
        self._index()

    # --- places ---

    def class_span(self, class_name: str) -> Span:
        """The name behind `class`; line 1 when the file has no such class."""
        node = self._classes.get(class_name)
        return self._name_span(node) if node else Span(self.path, 1, 1, 1, 1)

    def decorator_span(self, class_name: str, decorator_name: str, occurrence: int = 0) -> Span:
        """The decorator's name as written above the class (`trigger`, `metaflow.trigger`, an alias)."""
        node = self._decorator(class_name, decorator_name, occurrence)
        if node is None:
            return self.class_span(class_name)
        return self._span(node.func if isinstance(node, ast.Call) else node)

    def locate(
        self, class_name: str, decorator_name: str, path: Sequence[Step], occurrence: int = 0, key: bool = False
    ) -> Span:
        """The value at `path`: a keyword (or a position), then list indices and dict keys.

        With `key`, the last step's key instead of its value. A list of names or pairs also answers to
        a parameter's name. Where the path ends early in the text, the nearest value on the way.
        """
        node = self._decorator(class_name, decorator_name, occurrence)
        span = self.decorator_span(class_name, decorator_name, occurrence)
        return self._within(node, span, path, key)

    def call_span(self, line: int, function_name: str, path: Sequence[Step] = (), key: bool = False) -> Span:
        """As `locate`, for the call of `function_name` that covers a line; the line itself where there is none."""
        node = self.call_at(line, function_name)
        span = self._span(node.func if isinstance(node, ast.Call) else node) if node else self.line_span(line)
        return self._within(node, span, path, key)

    def line_span(self, line: int) -> Span:
        """A whole line, without the blanks around it."""
        text = self._lines[line - 1] if 1 <= line <= len(self._lines) else ""
        start = len(text) - len(text.lstrip()) + 1
        return Span(self.path, max(line, 1), start, max(line, 1), max(start, len(text.rstrip()) + 1))

    def import_line(self, module_name: str) -> int | None:
        """The first line that imports a top-level module, or None."""
        for node in ast.walk(self.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            if any(name.split(".")[0] == module_name for name in names):
                assert isinstance(node, (ast.Import, ast.ImportFrom))
                return node.lineno
        return None

    def call_at(self, line: int, function_name: str) -> ast.expr | None:
        """The innermost call of `function_name` (or its bare name as a decorator) that covers a line."""
        covering = [
            node
            for node in self._calls_on_lines.get(line, ())
            if self._written(node.func if isinstance(node, ast.Call) else node) == function_name
        ]
        return max(covering, key=lambda node: (node.lineno, node.col_offset), default=None)

    @cached_property
    def _calls_on_lines(self) -> dict[int, list[ast.expr]]:
        """Calls and bare decorators by each line that they cover."""
        found: list[ast.expr] = []
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found += [item for item in node.decorator_list if not isinstance(item, ast.Call)]
            elif isinstance(node, ast.Call):
                found.append(node)
        out: dict[int, list[ast.expr]] = {}
        for item in found:
            for line in range(item.lineno, (item.end_lineno or item.lineno) + 1):
                out.setdefault(line, []).append(item)
        return out

    def function_at(self, decorator: ast.expr | None) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function above which a decorator stands."""
        return self._decorated.get(id(decorator))

    @cached_property
    def _decorated(self) -> dict[int, ast.FunctionDef | ast.AsyncFunctionDef]:
        return {
            id(decorator): node
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for decorator in node.decorator_list
        }

    def node_span(self, node: ast.expr | ast.stmt) -> Span:
        """The place of a node of this file."""
        return self._span(node)

    def _written(self, function: ast.expr) -> str:
        if isinstance(function, ast.Attribute):
            return function.attr
        return self._aliases.get(function.id, function.id) if isinstance(function, ast.Name) else ""

    def _within(self, node: ast.expr | None, span: Span, path: Sequence[Step], key: bool) -> Span:
        if not isinstance(node, ast.Call) or not path:
            return span
        here: ast.expr = node
        for number, step in enumerate(path):
            if number:
                here = self._follow(here)
            name, value = _child(here, step, arguments=number == 0)
            if value is None:
                return span
            if number == len(path) - 1:
                return self._key_span(name) if key and name is not None else self._span(value)
            span = self._span(value)
            here = value
        return span

    def parameter_span(self, class_name: str, attribute: str) -> Span:
        """The attribute that holds a `Parameter` or `Config`, also one of a base class of the same file."""
        for owner in self._ancestry(class_name):
            for statement in reversed(owner.body):
                targets: list[ast.expr] = []
                if isinstance(statement, ast.Assign):
                    targets = statement.targets
                elif isinstance(statement, ast.AnnAssign):
                    targets = [statement.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id == attribute:
                        return self._span(target)
        return self.class_span(class_name)

    def step_span(self, class_name: str, step: str, message: str = "") -> Span:
        """The name behind `def` of a step, or its decorator whose name stands in `message`."""
        node = self._classes.get(class_name)
        words = {word.lower() for word in re.findall(r"\w+", message)}
        for statement in node.body if node else ():
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == step:
                for decorator in statement.decorator_list:
                    written = self._written(decorator.func if isinstance(decorator, ast.Call) else decorator)
                    if written.lower() in words - {"step"}:
                        return self._span(decorator)
                line = self._lines[statement.lineno - 1]
                column = self._column(statement.lineno, statement.col_offset)
                start = max(line.find(step, column + len("def ") - 1), column - 1)
                return Span(self.path, statement.lineno, start + 1, statement.lineno, start + 1 + len(step))
        return self.class_span(class_name)

    # --- what code emits ---

    def emitted_events(self, class_name: str, prefix: str = "") -> tuple[EmittedEvent, ...]:
        """The names that the class, or the module outside of other flows, passes to `emit_event` as literals.

        `prefix` is what `namespaced_event_name` puts before its argument in this flow ("project.branch.").
        Sorted by place, each name once.
        """
        own = {id(node) for node in self._ancestry(class_name)}
        found: dict[str, Span] = {}
        for call in self._calls(own):
            function = self._called(call)
            if function not in _EMITTERS:
                continue
            argument = next((word.value for word in call.keywords if word.arg == "name"), None)
            if argument is None and call.args:
                argument = call.args[0]
            name = self._event_name(argument, prefix)
            if name is not None and argument is not None:
                found.setdefault(name, self._span(argument))
        events = (EmittedEvent(name, span) for name, span in found.items())
        return tuple(sorted(events, key=lambda item: (item.span.line, item.span.column, item.name)))

    def _event_name(self, node: ast.expr | None, prefix: str) -> str | None:
        if node is None:
            return None
        node = self._follow(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Call) and self._called(node) == "namespaced_event_name" and node.args:
            inner = self._follow(node.args[0])
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                return prefix + inner.value
        return None

    def _called(self, call: ast.Call) -> str:
        return self._written(call.func)

    def _calls(self, own: set[int]) -> Iterator[ast.Call]:
        todo: list[ast.AST] = [self.tree]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.ClassDef) and id(node) not in own and self._is_flow(node):
                continue
            if isinstance(node, ast.Call):
                yield node
            # Last child on top: the walk follows the text.
            todo.extend(reversed(list(ast.iter_child_nodes(node))))

    # --- finding nodes ---

    def _index(self) -> None:
        counts: dict[str, int] = {}
        for statement in self.tree.body:
            target: ast.expr | None = None
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
            elif isinstance(statement, ast.AnnAssign):
                target = statement.target
            value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
            if isinstance(target, ast.Name) and value is not None:
                self._constants[target.id] = value
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                known = self._classes.get(node.name)
                if known is None or (node.col_offset, -node.lineno) <= (known.col_offset, -known.lineno):
                    self._classes[node.name] = node  # the outermost, and of these the last
            elif isinstance(node, (ast.ImportFrom, ast.Import)):
                for alias in node.names:
                    if alias.asname:
                        self._aliases[alias.asname] = alias.name
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                counts[node.id] = counts.get(node.id, 0) + 1
        self._constants = {name: value for name, value in self._constants.items() if counts.get(name) == 1}

    def _follow(self, node: ast.expr) -> ast.expr:
        """What a name stands for, if the file assigns it exactly once."""
        for _ in range(8):
            if not isinstance(node, ast.Name) or node.id not in self._constants:
                break
            node = self._constants[node.id]
        return node

    def _decorator(self, class_name: str, name: str, occurrence: int) -> ast.expr | None:
        owner = self._classes.get(class_name)
        found = []
        for node in owner.decorator_list if owner else []:
            function = node.func if isinstance(node, ast.Call) else node
            if isinstance(function, ast.Attribute):
                written = function.attr
            elif isinstance(function, ast.Name):
                written = self._aliases.get(function.id, function.id)
            else:
                continue
            if written == name:
                found.append(node)
        return found[occurrence] if 0 <= occurrence < len(found) else None

    def _ancestry(self, class_name: str) -> list[ast.ClassDef]:
        """The class and those of its bases that this file defines."""
        out: list[ast.ClassDef] = []
        todo = [class_name]
        while todo:
            node = self._classes.get(todo.pop(0))
            if node is None or node in out:
                continue
            out.append(node)
            todo += [base.id for base in node.bases if isinstance(base, ast.Name)]
        return out

    def _is_flow(self, node: ast.ClassDef) -> bool:
        for owner in self._ancestry(node.name):
            for base in owner.bases:
                if isinstance(base, ast.Attribute):
                    written = base.attr
                else:
                    written = self._aliases.get(base.id, base.id) if isinstance(base, ast.Name) else ""
                if written == "FlowSpec":
                    return True
        return False

    # --- spans ---

    def _column(self, line: int, byte: int) -> int:
        text = self._lines[line - 1] if 1 <= line <= len(self._lines) else ""
        if text.isascii():
            return byte + 1
        return len(text.encode("utf-8", "surrogatepass")[:byte].decode("utf-8", "replace")) + 1

    def _span(self, node: ast.expr | ast.stmt | ast.keyword) -> Span:
        end_line = node.end_lineno or node.lineno
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Span(
            self.path,
            node.lineno,
            self._column(node.lineno, node.col_offset),
            end_line,
            self._column(end_line, end),
        )

    def _key_span(self, node: ast.expr | ast.keyword) -> Span:
        span = self._span(node)
        if isinstance(node, ast.keyword) and node.arg:
            return Span(self.path, span.line, span.column, span.line, span.column + len(node.arg))
        return span

    def _name_span(self, node: ast.ClassDef) -> Span:
        line = node.lineno
        column = self._column(line, node.col_offset)
        rest = self._lines[line - 1][column - 1 :]
        match = _CLASS.match(rest)
        if match is None:  # `class \` and the name on the next line
            return Span(self.path, line, column, line, column + len("class"))
        return Span(self.path, line, column + match.start(1), line, column + match.end(1))


def shown_beside(shown: str, path: str, other: str) -> str:
    """How another file is shown, when the file at `path` is shown as `shown`."""
    relative = os.path.relpath(os.path.realpath(other), os.path.dirname(os.path.realpath(path)))
    return os.path.normpath(os.path.join(os.path.dirname(shown), relative)).replace(os.sep, "/")


def source_file(path_as_given: str, path: str | Path) -> SourceFile:
    """The parsed file; an empty one where it cannot be read, so that every place in it is its first line."""
    try:
        text = regular.text(path)
    except regular.Unreadable:
        text = ""
    return SourceFile(path_as_given, text)


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are told when Python imports the file
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def _child(node: ast.expr, step: Step, arguments: bool) -> tuple[ast.expr | ast.keyword | None, ast.expr | None]:
    """What stands for `step` in `node`: (its key, its value), or (None, None)."""
    if isinstance(node, ast.Call) and (arguments or (isinstance(node.func, ast.Name) and node.func.id == "dict")):
        if isinstance(step, int):
            return None, _item(node.args, step)
        for word in node.keywords:
            if word.arg == step:
                return word, word.value
    elif isinstance(node, ast.Dict):
        for name, value in zip(reversed(node.keys), reversed(node.values), strict=True):
            # The last of equal keys is the one that counts.
            if isinstance(name, ast.Constant) and type(name.value) is type(step) and name.value == step:
                return name, value
    elif isinstance(node, (ast.List, ast.Tuple)):
        if isinstance(step, int):
            return None, _item(node.elts, step)
        for element in node.elts:
            pair = element.elts if isinstance(element, (ast.Tuple, ast.List)) and element.elts else [element]
            if isinstance(pair[0], ast.Constant) and pair[0].value == step:
                return pair[0], pair[-1]
    return None, None


def _item(elements: Sequence[ast.expr], index: int) -> ast.expr | None:
    if not 0 <= index < len(elements):
        return None
    if any(isinstance(element, ast.Starred) for element in elements[: index + 1]):
        return None  # how many a `*sequence` stands for is not in the text
    return elements[index]
