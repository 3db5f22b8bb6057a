"""Candidates: which files may define a flow or a poll trigger, without running one.

In:   files and their content, where imports are looked for.
Out:  for each file whether running it can show a flow or a poll trigger.

Not here: which files there are (`files`), what they turn out to define (`classes`).

A file can define a flow when a class at its top has a base that is FlowSpec, or comes from outside the files, or leads
to one of these through the files. What comes from the standard library, or from an installed package whose source says
that it is no flow, is none: the tests and models beside flows are not run.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path

from .. import regular
from .outline import Function, Import, Outline, guarded_names, imports, names_in, outline, parse, reached

_CLASS = re.compile(rb"^[ \t\f]*class[ \t\f\\]", re.MULTILINE)
_POLLS = ("cloaca", "metaflow_triggers.poll")
_PACKAGING = {"setuptools", "distutils", "wheel", "Cython"}
"""What scripts that build a package derive from; some of it is there for such scripts only."""
_MOST_MODULES = 500
"""Modules of installed packages that are parsed for one command, before what they lead to counts as unknown."""
_DEEPEST = 80


class May(IntEnum):
    """Whether a class can be a flow: no; unknown, as a base is out of sight; yes, as FlowSpec is a base."""

    NO = 0
    UNKNOWN = 1
    YES = 2


class Candidates:
    """The files read, and how a class of one leads to another."""

    def __init__(self, files: Iterable[str], is_flow: Callable[[str, str], bool | None]) -> None:
        """`is_flow(module, name)` knows Metaflow's own names; None is for names that it does not know."""
        self._files = {os.path.realpath(file) for file in files}
        self._is_flow = is_flow
        self._outlines: dict[Path, Outline | None] = {}
        self._known: dict[tuple[Path, Path, str], May] = {}
        entries = sys.path if getattr(sys.flags, "safe_path", False) else sys.path[1:]
        self._path = [Path(entry) for entry in entries if entry and os.path.isdir(entry)]
        self._outside = 0
        self._helpers: dict[Path, set[str]] = {}

    def judge(self, contents: Mapping[str, bytes]) -> dict[str, May]:
        """For each file by its content, whether running it can show a flow or a poll trigger."""
        found = {file: self._judged(file, content) for file, content in contents.items()}
        if self._helpers:
            for file, content in contents.items():
                if found[file] is May.NO and any(path.stem.encode() in content for path in self._helpers):
                    found[file] = May.YES if self._polls_through_others(file, content) else May.NO
        return found

    def _judged(self, file: str, content: bytes) -> May:
        polls = any(name.encode() in content for name in ("cloaca", "metaflow_triggers"))
        if not polls and b"FlowSpec" not in content and not _CLASS.search(content):
            return May.NO
        tree = parse(content)
        if tree is None:
            return May.YES if polls or b"FlowSpec" in content or b"metaflow" in content else May.NO
        path = Path(os.path.realpath(file))
        found = self._outlines[path] = outline(tree)
        if polls and self._declares_polls(found, path):
            return May.YES
        # A module whose names are a function's work shows its flow only where somebody means to run it.
        wanted = {
            name for name, bound in found.bindings.items() if any(isinstance(item, ast.ClassDef) for item in bound)
        }
        wanted |= guarded_names(tree) & found.bindings.keys()
        verdicts = (
            self._wanted(item, found, path)
            for name in sorted(wanted)
            for item in found.bindings[name]
            if not isinstance(item, (Import, Function))
        )
        return max(verdicts, default=May.NO)

    def _wanted(self, item: ast.AST, found: Outline, path: Path) -> May:
        verdict = self._binding(item, path, path.parent, 0)
        if verdict is May.UNKNOWN and isinstance(item, ast.ClassDef) and _is_dressed(item, found):
            return May.YES
        return verdict

    # Where a name leads ----------------------------------------------------------------------------------------------

    def _binding(self, item: Import | ast.AST, path: Path, home: Path, depth: int) -> May:
        if depth > _DEEPEST:
            return May.UNKNOWN
        if isinstance(item, Import):
            return self._imported(item, path, home, depth)
        if isinstance(item, ast.ClassDef):
            return max((self._expression(base, path, home, depth) for base in item.bases), default=May.NO)
        if isinstance(item, Function):
            inner = [node for node in ast.walk(item) if isinstance(node, ast.ClassDef)]
            returned = [node.value for node in ast.walk(item) if isinstance(node, ast.Return) and node.value]
            local = {node.name for node in inner}
            found = [self._binding(node, path, home, depth + 1) for node in inner]
            for node in returned:
                if not names_in([node]) & local:
                    found.append(self._expression(node, path, home, depth))
            return max(found, default=May.NO)
        return self._expression(item, path, home, depth)

    def _expression(self, node: ast.AST, path: Path, home: Path, depth: int) -> May:
        """The most that a base (`Base`, `package.Base`, `Base[Thing]`, `made(Base)`) may be."""
        if isinstance(node, ast.Name):
            return self._name(node.id, path, home, depth + 1)
        if isinstance(node, ast.Attribute):
            if node.attr == "FlowSpec":
                return May.YES
            modules = self._modules(node.value, path, home)
            if modules:
                return max(
                    self._imported(Import(item.module, node.attr, item.level), path, home, depth) for item in modules
                )
            return self._expression(node.value, path, home, depth)
        if isinstance(node, ast.Constant):
            return May.NO
        children = ast.iter_child_nodes(node)
        return max((self._expression(child, path, home, depth) for child in children), default=May.NO)

    def _modules(self, node: ast.AST, path: Path, home: Path) -> list[Import]:
        """The modules that an expression names: `a.b` after `import a`, `b` after `from a import b`."""
        if isinstance(node, ast.Attribute):
            return [
                Import(f"{item.module}.{node.attr}", None, item.level) for item in self._modules(node.value, path, home)
            ]
        if not isinstance(node, ast.Name):
            return []
        known = self._outline(path)
        found = []
        for item in known.bindings.get(node.id, ()) if known else ():
            if not isinstance(item, Import):
                continue
            if item.name is None:
                found.append(item)
            else:
                found += [module for module in _as_modules(item) if self._located(module, path, home) is not None]
        return found

    def _name(self, name: str, path: Path, home: Path, depth: int) -> May:
        key = (home, path, name)
        if key not in self._known:
            self._known[key] = May.NO  # what leads back to itself leads nowhere
            self._known[key] = self._looked_up(name, path, home, depth)
        return self._known[key]

    def _looked_up(self, name: str, path: Path, home: Path, depth: int) -> May:
        known = self._outline(path)
        if known is None:
            return May.UNKNOWN
        if name in known.bindings:
            return max(self._binding(item, path, home, depth) for item in known.bindings[name])
        if hasattr(builtins, name):
            return May.NO
        stars = (self._imported(Import(item.module, name, item.level), path, home, depth) for item in known.stars)
        return max(stars, default=May.NO)

    def _imported(self, item: Import, path: Path, home: Path, depth: int) -> May:
        if item.name == "FlowSpec":
            return May.YES
        top = item.module.split(".")[0]
        if not item.level and top == "metaflow":
            is_flow = self._is_flow(item.module, item.name or "")
            if is_flow is not None:
                return May.YES if is_flow else May.NO
        located = self._located(item, path, home)
        if located is not None:
            return self._name(item.name, located, home, depth + 1) if item.name else May.NO
        if not item.level and (top in sys.stdlib_module_names or top in _PACKAGING):
            return May.NO
        if any(self._located(module, path, home) for module in _as_modules(item)):
            return May.NO  # a module, which is no base
        return May.UNKNOWN

    # Where a module is -----------------------------------------------------------------------------------------------

    def _located(self, item: Import, path: Path, home: Path) -> Path | None:
        """The source of a module: beside the file that runs, then where Python looks."""
        parts = item.module.split(".") if item.module else []
        if item.level:
            folders: Sequence[Path] = [path.parents[item.level - 1]] if item.level <= len(path.parents) else []
        elif parts and parts[0] in sys.stdlib_module_names and not _is_there(home / parts[0]):
            return None
        else:
            folders = [home, *self._path]
        for folder in folders:
            target = folder.joinpath(*parts)
            if parts and target.with_name(target.name + ".py").is_file():
                return target.with_name(target.name + ".py")
            if (target / "__init__.py").is_file():
                return target / "__init__.py"
        return None

    def _outline(self, path: Path) -> Outline | None:
        if path not in self._outlines:
            self._outlines[path] = None
            if str(path) not in self._files and os.path.realpath(path) not in self._files:
                self._outside += 1
                if self._outside > _MOST_MODULES:
                    return None
            try:
                tree = parse(regular.read(path))
            except regular.Unreadable:
                tree = None
            self._outlines[path] = None if tree is None else outline(tree)
        return self._outlines[path]

    # Poll triggers ---------------------------------------------------------------------------------------------------

    def _declares_polls(self, found: Outline, path: Path) -> bool:
        """Whether importing the file may call the `trigger` of poll triggers. Notes functions that others may call."""
        named: set[str] = set()
        modules: set[str] = set()
        for statement in ast.walk(found.tree):
            for name, item in imports(statement) if isinstance(statement, (ast.Import, ast.ImportFrom)) else ():
                if item.module in _POLLS and item.name in (None, "trigger"):
                    (modules if item.name is None and name != "*" else named).add("trigger" if name == "*" else name)
                elif item.module == "metaflow_triggers" and item.name in (None, "poll"):
                    modules.add(name)

        def calls(nodes: Iterable[ast.AST]) -> bool:
            return any(
                (isinstance(node, ast.Name) and node.id in named)
                or (isinstance(node, ast.Attribute) and node.attr == "trigger" and names_in([node.value]) & modules)
                for node in nodes
            )

        helpers = {
            name
            for name, bound in found.bindings.items()
            if any(isinstance(item, Function) and calls(ast.walk(item)) for item in bound)
        }
        if helpers:
            self._helpers[path] = helpers
        return calls(reached(found.tree))

    def _polls_through_others(self, file: str, content: bytes) -> bool:
        """Whether importing the file may call a function of another file that declares a poll trigger."""
        tree = parse(content)
        if tree is None:
            return False
        path = Path(os.path.realpath(file))
        found = self._outlines[path] = outline(tree)
        named = {
            name
            for name, bound in found.bindings.items()
            for item in bound
            if isinstance(item, Import)
            and item.name in self._helpers.get(self._located(item, path, path.parent) or path, ())
        }
        modules = {
            name
            for name, bound in found.bindings.items()
            for item in bound
            if isinstance(item, Import)
            and any(self._located(module, path, path.parent) in self._helpers for module in _as_modules(item))
        }
        return any(
            (isinstance(node, ast.Name) and node.id in named)
            or (isinstance(node, ast.Attribute) and names_in([node.value]) & modules)
            for node in reached(tree)
        )


def _is_dressed(node: ast.ClassDef, found: Outline) -> bool:
    """Whether the class or a method of it has a decorator of Metaflow's, or the main guard names the class."""
    functions = [item for item in node.body if isinstance(item, Function)]
    decorators = [item for one in (node, *functions) for item in one.decorator_list]
    of_metaflow = {
        name
        for name, bound in found.bindings.items()
        if any(isinstance(item, Import) and item.module.split(".")[0] == "metaflow" for item in bound)
    }
    return bool(names_in(decorators) & of_metaflow) or (bool(of_metaflow) and node.name in guarded_names(found.tree))


def _as_modules(item: Import) -> list[Import]:
    """The module that an import may bind: `a` of `import a`, `a.b` of `from a import b`."""
    return [Import(".".join(filter(None, (item.module, item.name))), None, item.level)]


def _is_there(target: Path) -> bool:
    return target.with_name(target.name + ".py").is_file() or (target / "__init__.py").is_file()
