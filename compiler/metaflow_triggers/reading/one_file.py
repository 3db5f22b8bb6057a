"""Project child: reads one flow file in a process that ends afterwards.

In:   a file, what to read, a descriptor to answer on.
Out:  one JSON document: `{"classes": [{"name", "flows": [{"flow", "workflows"}], "diagnostics", ...}], "polls",
      "diagnostics"}`.

Not here: the parent's view of many files. User code runs here, so everything may
fail; whatever fails becomes a diagnostic with the line of the user's file.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import tokenize
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.wire import to_wire
from ..model.flows import PollTrigger, Span
from ..model.serialize import to_json
from ..poll import loading
from ..poll.declare import Collected
from ..poll.errors import PollError
from . import recording
from .classes import FlowClass, flow_classes
from .one_flow import at, first_line_of, line_in, told
from .source import SourceFile, shown_beside, source_file

if TYPE_CHECKING:
    from .request import Request


def run(file: str, request: Request, pipe: BinaryIO, *, by_hand: bool = True) -> None:
    """Read `file` and write the answer to the pipe. Never raises for what user code does.

    A file that was named `by_hand` and defines nothing is a mistake; one of a folder is not.
    """
    if request.cached:
        recording.watch()
    pipe.write(json.dumps(answer(file, request, by_hand=by_hand)).encode())


def answer(file: str, request: Request, *, by_hand: bool, source: SourceFile | None = None) -> dict[str, Any]:
    """What there is to tell of the file, as JSON. `source` is its text where that is parsed already."""
    if request.cached:
        recording.start()
    path = at_home(file)
    classes: list[dict[str, Any]] = []
    polls: list[PollTrigger] = []
    diagnostics: list[Diagnostic] = []
    try:
        module, collected = _import(file, path)
        if request.cached:
            recording.chance()
    except DiagnosticError as error:
        diagnostics.extend(error.diagnostics)
    else:
        source = source or source_file(file, path)
        found = flow_classes(module, source.tree)
        polls, remarks = _polls(path, module, collected, source)
        diagnostics.extend(remarks)
        apart = sum(item.is_flow for item in found) > 1
        classes = [told(item, path, source, request, apart=apart) for item in found]
        if by_hand and not polls and not remarks and not any(item.is_flow for item in found):
            diagnostics.append(_nothing(file, found))
    document: dict[str, Any] = {
        "classes": classes,
        "polls": [to_json(item) for item in polls],
        "modules": _modules(request.roots, path),
        "diagnostics": [to_wire(item) for item in diagnostics],
    }
    if request.cached:
        document["reads"] = recording.recorded(dict(new_modules()))
    return document


_last, _known = "", frozenset[str]()
"""The last module that was imported before the forks; which of those before it lie below the roots."""


def note_modules(roots: Sequence[str]) -> None:
    """Look once at what is imported by now, for all processes that are forked from this one."""
    global _last, _known
    _last, _known = next(reversed(sys.modules)), frozenset(_below(roots, list(sys.modules.values())))


def _modules(roots: Sequence[str], path: Path) -> list[str]:
    """The real paths of the modules that were imported from below the roots, without the file itself."""
    return sorted({*_known, *_below(roots, (module for _, module in new_modules()))} - {str(path)})


def new_modules() -> list[tuple[str, ModuleType]]:
    """Those imported since `note_modules`: they stand last. To look at another one copies its page for this process."""
    found = []
    try:
        for name in reversed(sys.modules):
            if name == _last:
                break
            found.append((name, sys.modules[name]))
    except (RuntimeError, KeyError):  # a thread of the user's imports something
        return list(sys.modules.items())
    return found


def _below(roots: Sequence[str], modules: Iterable[ModuleType]) -> set[str]:
    told = (getattr(module, "__file__", None) for module in modules)
    files = [file for file in told if isinstance(file, str) and file]
    real = functools.cache(os.path.realpath)  # a thousand modules lie in a hundred folders
    places = {os.path.join(real(os.path.dirname(file)), os.path.basename(file)) for file in files}
    found = {os.path.realpath(file) if os.path.islink(file) else file for file in places}
    return {file for file in found if any(file.startswith(root.rstrip(os.sep) + os.sep) for root in roots)}


def at_home(file: str) -> Path:
    """The file's real path. This process works in its folder and imports from there first, as `python FILE` does."""
    path = Path(file).resolve()
    sys.path[:] = [os.path.abspath(entry) for entry in sys.path]
    sys.path[: 0 if getattr(sys.flags, "safe_path", False) else 1] = [str(path.parent)]
    os.chdir(path.parent)
    sys.argv = [str(path)]
    return path


def _nothing(file: str, found: list[FlowClass]) -> Diagnostic:
    notes = tuple(f"`{item.name}` is no flow yet: {item.refusal[:300]}" for item in found if item.refusal)
    return Diagnostic("FT005", f"`{file}` defines no flow and no poll trigger", at(file, 1), notes=notes)


def _polls(
    path: Path, module: ModuleType, collected: Collected, source: SourceFile
) -> tuple[list[PollTrigger], list[Diagnostic]]:
    if not collected.declared and not collected.mistakes:
        return [], []
    from ..poll import alias
    from .polls import read_polls

    polls, found = read_polls(collected, module, source, str(path))
    line = source.import_line(alias.NAME)
    if line is not None and alias.is_installed():
        found.append(
            Diagnostic(
                "FT724",
                f"`{source.path}` imports `{alias.NAME}`: here it means poll triggers of metaflow-triggers, not the "
                "installed package",
                source.line_span(line),
            )
        )
    return polls, found


def _import(file: str, path: Path) -> tuple[ModuleType, Collected]:
    """The module of the file, not run as a script, and its poll triggers. Raises DiagnosticError(FT120 or FT122)."""
    try:
        return loading.load(str(path))
    except loading.NotPython:
        raise DiagnosticError([Diagnostic("FT120", f"`{file}` is not a Python file", at(file, 1))]) from None
    except SystemExit as error:
        line = line_in(path, error)
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT122",
                    f"`{file}` called sys.exit({error.code!r}) while it was imported",
                    at(file, line),
                    "the call",
                    helps=("put it under `if __name__ == '__main__':`",),
                )
            ]
        ) from error
    except PollError as error:
        raise DiagnosticError(
            [Diagnostic(error.code, error.message, at(file, line_in(path, error)), "raised here", helps=error.helps)]
        ) from error
    except BaseException as error:
        if isinstance(error, SyntaxError) and error.filename and os.path.isfile(error.filename):
            raise DiagnosticError([_not_python(file, path, error)]) from error
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT120",
                    f"`{file}` raised {type(error).__name__} while it was imported: {first_line_of(error)}",
                    at(file, line_in(path, error)),
                    "raised here",
                    helps=(_BY_NAME,) if type(error).__name__ == "BadFlowDecoratorException" else (),
                )
            ]
        ) from error


_BY_NAME = "write a decorator's arguments by name, as in `@trigger(event='data-ready')`, above a class of a flow"
"""Of one without a name Metaflow thinks that it is the class."""


def _not_python(file: str, path: Path, error: SyntaxError) -> Diagnostic:
    """At the character that Python blames, also in a file that this one imports."""
    own = error.filename == str(path)
    error = _as_text(error)
    where = file if own else shown_beside(file, str(path), str(error.filename))
    line, column = max(error.lineno or 1, 1), max(error.offset or 1, 1)
    end_line, end = error.end_lineno or line, error.end_offset or 0
    span = Span(where, line, column, line, max(column + 1, end if end_line == line else 0))
    others = () if own else ((at(file, line_in(path, error)), "imported here"),)
    return Diagnostic("FT120", f"`{where}` is not valid Python: {error.msg}", span, "here", others=others)


def _as_text(error: SyntaxError) -> SyntaxError:
    """The same error with columns in characters: until Python 3.13 those of a file count its bytes."""
    with contextlib.suppress(OSError, ValueError, SyntaxError), tokenize.open(str(error.filename)) as stream:
        text = stream.read()
        try:
            compile(text, str(error.filename), "exec", dont_inherit=True)
        except SyntaxError as again:
            return again if (again.lineno, again.msg) == (error.lineno, error.msg) else error
    return error


if __name__ == "__main__":
    from .flow_options import FlowOptions
    from .request import Request as _Request

    _file, _fields, _descriptor, _by_hand = json.loads(sys.argv[1])
    _fields["options"] = FlowOptions(**_fields["options"])
    with os.fdopen(_descriptor, "wb") as _pipe:
        run(_file, _Request(**_fields), _pipe, by_hand=_by_hand)
