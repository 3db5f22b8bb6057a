"""Project child: reads one flow file in a process that ends afterwards.

In:   a file, what to read, a descriptor to answer on.
Out:  one JSON document: `{"flows": [{"flow", "workflows"}], "polls": [...], "diagnostics": [...]}`.

Not here: the parent's view of many files. User code runs here, so everything may
fail; whatever fails becomes a diagnostic with the line of the user's file.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
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

if TYPE_CHECKING:
    from .request import Request


def run(file: str, request: Request, pipe: BinaryIO) -> None:
    """Read `file` and write the answer to the pipe. Never raises for what user code does."""
    flows: list[dict[str, Any]] = []
    polls: list[PollTrigger] = []
    diagnostics: list[Diagnostic] = []
    try:
        module, collected = _import(file)
    except DiagnosticError as error:
        diagnostics.extend(error.diagnostics)
    else:
        classes = seams.flow_classes(module)
        polls, found = _polls(file, module, collected)
        diagnostics.extend(found)
        if not classes and not polls and not found:
            diagnostics.append(Diagnostic("FT005", f"`{file}` defines no flow and no poll trigger", _at(file, 1)))
        for cls in classes:
            answer = _read(cls, file, request) if len(classes) == 1 else _read_apart(cls, file, request)
            flows.extend(answer["flows"])
            diagnostics.extend(answer["diagnostics"])
    answer = {
        "flows": flows,
        "polls": [to_json(item) for item in polls],
        "diagnostics": [to_wire(item) for item in diagnostics],
    }
    pipe.write(json.dumps(answer).encode())


def _polls(file: str, module: ModuleType, collected: Collected) -> tuple[list[PollTrigger], list[Diagnostic]]:
    if not collected.declared and not collected.mistakes:
        return [], []
    from ..poll import alias
    from .polls import read_polls
    from .source import SourceFile

    text = Path(file).read_text("utf-8", "replace")
    source = SourceFile(file, text)
    polls, found = read_polls(collected, module, source, file)
    line = source.import_line(alias.NAME)
    if line is not None and alias.is_installed():
        found.append(
            Diagnostic(
                "FT724",
                f"`{file}` imports `{alias.NAME}`: here it means poll triggers of metaflow-triggers, not the installed "
                "package",
                source.line_span(line),
            )
        )
    return polls, found


def _at(file: str, line: int) -> Span:
    return Span(file, line, 1, line, 1)


def _import(file: str) -> tuple[ModuleType, Collected]:
    """The module of the file, not run as a script, and its poll triggers. Raises DiagnosticError(FT120 or FT122)."""
    path = Path(file).resolve()
    sys.argv = [str(path)]
    try:
        return loading.load(file)
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
        first = str(error).strip().splitlines()[0] if str(error).strip() else "(no message)"
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT120",
                    f"`{file}` raised {type(error).__name__} while it was imported: {first[:300]}",
                    _at(file, _line_in(path, error)),
                    "raised here",
                )
            ]
        ) from error


def _line_in(path: Path, error: BaseException) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return lines[-1] or 1 if lines else 1


def _read_apart(cls: Any, file: str, request: Request) -> dict[str, Any]:
    """Read one of several flows of a file in a fork: Metaflow keeps the flow at work in globals."""

    def work(pipe: BinaryIO) -> None:
        answer = _read(cls, file, request)
        answer["diagnostics"] = [to_wire(item) for item in answer["diagnostics"]]
        pipe.write(json.dumps(answer).encode())

    received = processes.answer(*processes.fork(work))
    from ..diagnostics.wire import from_wire

    answer = json.loads(received) if received else {"flows": [], "diagnostics": []}
    answer["diagnostics"] = [from_wire(item) for item in answer["diagnostics"]]
    return dict(answer)


def _read(cls: Any, file: str, request: Request) -> dict[str, Any]:
    """The flow through Metaflow's own command line, up to our compile command, which hands it to `collect`."""
    answer: dict[str, Any] = {"flows": [], "diagnostics": []}

    def collect(obj: Any, _: dict[str, Any]) -> None:
        settings = seams.read_settings(production=request.production, code_package=request.code_package)
        flow, found = prepared.read(obj, settings, file)
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
            answer["diagnostics"].append(_refused(cls, file, error))
    except Exception as error:
        traceback.print_exc()
        answer["diagnostics"].append(
            Diagnostic("FT900", f"reading `{cls.__name__}` raised {type(error).__name__}: {error}", _at(file, 1))
        )
    return answer


def _deployed_name(backend: str, flow: Any, settings: Any) -> str:
    from ..backends.registry import backend as load

    return load(backend).deployed_name(flow.name, flow.project, flow.branch, settings)


def _refused(cls: Any, file: str, error: seams.Refused) -> Diagnostic:
    from .source import SourceFile

    if error.line:
        span = _at(file, error.line)
    else:
        span = SourceFile(file, Path(file).read_text("utf-8", "replace")).class_span(cls.__name__)
    return Diagnostic("FT123", f"Metaflow refuses `{cls.__name__}`: {error.message}", span)


if __name__ == "__main__":
    from .request import Request as _Request

    _file, _fields, _descriptor = json.loads(sys.argv[1])
    _fields["backends"] = tuple(_fields["backends"])
    with os.fdopen(_descriptor, "wb") as _pipe:
        run(_file, _Request(**_fields), _pipe)
