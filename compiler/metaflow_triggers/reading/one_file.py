"""Project child: reads one flow file in a process that ends afterwards.

In:   a file, what to read, a descriptor to answer on.
Out:  one JSON document: `{"classes": [{"name", "flows": [{"flow", "workflows"}], "diagnostics", ...}], "polls",
      "diagnostics"}`.

Not here: the parent's view of many files. User code runs here, so everything may
fail; whatever fails becomes a diagnostic with the line of the user's file.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import processes, seams
from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.wire import to_wire
from ..model.flows import PollTrigger, Span
from ..model.serialize import to_json
from ..poll import loading
from ..poll.declare import Collected
from ..poll.errors import PollError
from . import prepared
from .classes import FlowClass, flow_classes
from .source import SourceFile, source_file

if TYPE_CHECKING:
    from .request import Request


def run(file: str, request: Request, pipe: BinaryIO, *, by_hand: bool = True) -> None:
    """Read `file` and write the answer to the pipe. Never raises for what user code does.

    A file that was named `by_hand` and defines nothing is a mistake; one of a folder is not.
    """
    path = _at_home(file)
    classes: list[dict[str, Any]] = []
    polls: list[PollTrigger] = []
    diagnostics: list[Diagnostic] = []
    try:
        module, collected = _import(file, path)
    except DiagnosticError as error:
        diagnostics.extend(error.diagnostics)
    else:
        source = source_file(file, path)
        found = flow_classes(module, source.tree)
        polls, remarks = _polls(path, module, collected, source)
        diagnostics.extend(remarks)
        apart = sum(item.is_flow for item in found) > 1
        classes = [_told(item, path, request, source, apart) for item in found]
        if by_hand and not polls and not remarks and not any(item.is_flow for item in found):
            diagnostics.append(_nothing(file, found))
    answer = {
        "classes": classes,
        "polls": [to_json(item) for item in polls],
        "modules": _modules(request.roots, path),
        "diagnostics": [to_wire(item) for item in diagnostics],
    }
    pipe.write(json.dumps(answer).encode())


def _modules(roots: Sequence[str], path: Path) -> list[str]:
    """The real paths of the modules that were imported from below the roots, without the file itself."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {os.path.realpath(file) for file in files if isinstance(file, str)} - {str(path)}
    return sorted(file for file in found if any(file.startswith(root.rstrip(os.sep) + os.sep) for root in roots))


def _at_home(file: str) -> Path:
    """The file's real path. This process works in its folder and imports from there first, as `python FILE` does."""
    path = Path(file).resolve()
    sys.path[:] = [os.path.abspath(entry) for entry in sys.path]
    sys.path[: 0 if getattr(sys.flags, "safe_path", False) else 1] = [str(path.parent)]
    os.chdir(path.parent)
    sys.argv = [str(path)]
    return path


def _told(item: FlowClass, path: Path, request: Request, source: SourceFile, apart: bool) -> dict[str, Any]:
    """What the parent gets to know of a flow class: the flow, unless it is none, and what decides about that."""
    answer: dict[str, Any] = {"flows": [], "diagnostics": []}
    if item.is_flow:
        answer = (_read_apart if apart else _read)(item.cls, path, source, request)
    left_out = item.left_out
    if item.undecided:
        carried = any(_carries(one["flow"]) for one in answer["flows"])
        if left_out and not carried:
            answer = {"flows": [], "diagnostics": []}
        left_out = "" if carried else left_out
    return {
        "name": item.name,
        "span": to_json(source.class_span(item.name)),
        "flows": answer["flows"],
        "diagnostics": [to_wire(one) for one in answer["diagnostics"]],
        "left_out": left_out,
        "could_run": not item.refusal,
        "may_be_base": item.may_be_base
        and not (item.undecided and any(_carries(one["flow"]) for one in answer["flows"])),
        "bases": item.bases,
    }


def _carries(flow: dict[str, Any]) -> bool:
    return bool(flow["triggers"] or flow["schedule"] or flow["project"])


def _nothing(file: str, found: list[FlowClass]) -> Diagnostic:
    notes = tuple(f"`{item.name}` is no flow yet: {item.refusal[:300]}" for item in found if item.refusal)
    return Diagnostic("FT005", f"`{file}` defines no flow and no poll trigger", _at(file, 1), notes=notes)


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


def _at(file: str, line: int) -> Span:
    return Span(file, line, 1, line, 1)


def _import(file: str, path: Path) -> tuple[ModuleType, Collected]:
    """The module of the file, not run as a script, and its poll triggers. Raises DiagnosticError(FT120 or FT122)."""
    try:
        return loading.load(str(path))
    except loading.NotPython:
        raise DiagnosticError([Diagnostic("FT120", f"`{file}` is not a Python file", _at(file, 1))]) from None
    except SystemExit as error:
        line = _line_in(path, error)
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT122",
                    f"`{file}` called sys.exit({error.code!r}) while it was imported",
                    _at(file, line),
                    "the call",
                    helps=("put it under `if __name__ == '__main__':`",),
                )
            ]
        ) from error
    except SyntaxError as error:
        line = error.lineno or 1
        where = file if error.filename == str(path) else f"{error.filename}"
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT120",
                    f"`{where}` is not valid Python: {error.msg}",
                    _at(file, line if where == file else 1),
                    "here",
                )
            ]
        ) from error
    except PollError as error:
        raise DiagnosticError(
            [Diagnostic(error.code, error.message, _at(file, _line_in(path, error)), "raised here", helps=error.helps)]
        ) from error
    except BaseException as error:
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT120",
                    f"`{file}` raised {type(error).__name__} while it was imported: {_first_line_of(error)}",
                    _at(file, _line_in(path, error)),
                    "raised here",
                )
            ]
        ) from error


def _line_in(path: Path, error: BaseException, default: int = 1) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return lines[-1] or default if lines else default


def _read_apart(cls: Any, path: Path, source: SourceFile, request: Request) -> dict[str, Any]:
    """Read one of several flows of a file in a fork: Metaflow keeps the flow at work in globals."""

    def work(pipe: BinaryIO) -> None:
        answer = _read(cls, path, source, request)
        answer["diagnostics"] = [to_wire(item) for item in answer["diagnostics"]]
        pipe.write(json.dumps(answer).encode())

    received = processes.answer(*processes.fork(work))
    from ..diagnostics.wire import from_wire

    answer = json.loads(received) if received else {"flows": [], "diagnostics": []}
    answer["diagnostics"] = [from_wire(item) for item in answer["diagnostics"]]
    return dict(answer)


def _read(cls: Any, path: Path, source: SourceFile, request: Request) -> dict[str, Any]:
    """The flow through Metaflow's own command line, up to our compile command, which hands it to `collect`."""
    answer: dict[str, Any] = {"flows": [], "diagnostics": []}

    reached: list[Any] = []

    def collect(obj: Any, _: dict[str, Any]) -> None:
        reached.append(obj)
        settings = seams.read_settings(production=request.production, code_package=request.code_package)
        flow, found = prepared.read(obj, settings, source.path)
        workflows = {}
        package = None
        if request.workflow:
            for backend in request.backends:
                try:
                    made, package = prepared.workflow(
                        obj, backend, settings, _deployed_name(backend, flow, settings), {}, package=package
                    )
                    workflows[backend] = json.dumps(made)  # the parent passes it on as text
                except DiagnosticError as error:
                    span = flow.span
                    found.extend(dataclasses.replace(item, span=item.span or span) for item in error.diagnostics)
        answer["flows"].append({"flow": to_json(flow), "workflows": workflows})
        answer["diagnostics"].extend(found)

    prepared.collector = collect
    project_options = ["--production"] if request.production else []
    project_options += ["--branch", request.branch] if request.branch else []
    try:
        seams.run_command(cls, ["--quiet", "--no-pylint"], [request.backends[0], "compile"], project_options)
    except DiagnosticError as error:
        answer["diagnostics"].extend(error.diagnostics)
    except seams.Refused as error:
        if not answer["flows"]:
            answer["diagnostics"].append(_refused(cls, source, error))
    except Exception as error:
        traceback.print_exc()
        answer["diagnostics"].append(_raised(cls, path, source, error, in_preparation=not reached))
    return answer


def _deployed_name(backend: str, flow: Any, settings: Any) -> str:
    from ..backends.registry import backend as load

    return load(backend).deployed_name(flow.name, flow.project, flow.branch, settings)


def _raised(cls: Any, path: Path, source: SourceFile, error: Exception, *, in_preparation: bool) -> Diagnostic:
    """An exception that is none of Metaflow's refusals: the user's code raised it (a mutator), or ours."""
    what = f"{type(error).__name__}: {_first_line_of(error)}"
    if in_preparation:
        line = _line_in(path, error, 0)
        span = _at(source.path, line) if line else source.class_span(cls.__name__)
        return Diagnostic("FT123", f"`{cls.__name__}` raised {what} while Metaflow prepared it", span, "raised here")
    return Diagnostic("FT900", f"reading `{cls.__name__}` raised {what}", _at(source.path, 1))


def _first_line_of(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else "(no message)"


def _refused(cls: Any, source: SourceFile, error: seams.Refused) -> Diagnostic:
    span = _at(source.path, error.line) if error.line else source.class_span(cls.__name__)
    return Diagnostic("FT123", f"Metaflow refuses `{cls.__name__}`: {error.message}", span)


if __name__ == "__main__":
    from .request import Request as _Request

    _file, _fields, _descriptor, _by_hand = json.loads(sys.argv[1])
    _fields["backends"] = tuple(_fields["backends"])
    with os.fdopen(_descriptor, "wb") as _pipe:
        run(_file, _Request(**_fields), _pipe, by_hand=_by_hand)
