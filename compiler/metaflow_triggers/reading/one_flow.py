"""One flow: a flow class of a file through its own command line, in a process that ends afterwards.

In:   a flow class, its file, what to read.
Out:  a JSON value for the parent: the flow, its workflows, diagnostics, what decides whether it is a flow.

Not here: which classes there are (`classes`), the file (`one_file`). User code runs here, so everything may fail;
whatever fails becomes a diagnostic with the line of the user's file.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import processes, seams
from ..backends import registry
from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.wire import from_wire, to_wire
from ..manifests.packed import packed
from ..model.flows import Span
from ..model.serialize import to_json
from ..rules.weight import has_errors
from . import prepared, recording
from .classes import FlowClass
from .flow_options import VARIABLES, parsed
from .places import Places
from .source import SourceFile, shown_beside

if TYPE_CHECKING:
    from .request import Request


def told(item: FlowClass, path: Path, source: SourceFile, request: Request, *, apart: bool) -> dict[str, Any]:
    """What the parent gets to know of a flow class. `apart`: one of several of a file, read in a fork of its own."""
    answer: dict[str, Any] = {"flows": [], "diagnostics": [], "configs": []}
    if item.is_flow:
        answer = (_read_apart if apart else _read)(item.cls, path, source, request)
    for one in answer["flows"] if request.cached else ():
        one["digest"] = hashlib.sha256(json.dumps([one["flow"], one["workflows"]]).encode()).hexdigest()
    left_out, carried = item.left_out, any(_carries(one["flow"]) for one in answer["flows"])
    if item.undecided and carried:
        left_out = ""
    if item.undecided and left_out:
        answer = {"flows": [], "diagnostics": [], "configs": []}
    if item.instead and answer["flows"]:
        answer["diagnostics"].append(_runs_another(item, source))
    return {
        "name": item.name,
        "span": to_json(source.class_span(item.name)),
        "flows": answer["flows"],
        "configs": answer["configs"],
        "diagnostics": [to_wire(one) for one in answer["diagnostics"]],
        "left_out": left_out,
        "could_run": not item.refusal,
        "may_be_base": item.may_be_base and not (item.undecided and carried),
        "bases": item.bases,
    }


def _runs_another(item: FlowClass, source: SourceFile) -> Diagnostic:
    """What is deployed runs `python FILE`, so its tasks would run the steps of another flow, under this one's name."""
    others = " or ".join(f"`{name}`" for name in item.instead)
    return Diagnostic(
        "FT127",
        f"`{source.path}` runs {others}, not `{item.name}`",
        source.class_span(item.name),
        f"its tasks would run the steps of {others}",
        helps=(f"give `{item.name}` a file of its own, or name it under `if __name__ == '__main__':`",),
    )


def _carries(flow: dict[str, Any]) -> bool:
    return bool(flow["triggers"] or flow["schedule"] or flow["project"])


def _read_apart(cls: Any, path: Path, source: SourceFile, request: Request) -> dict[str, Any]:
    """Read one of several flows of a file in a fork: Metaflow keeps the flow at work in globals."""

    def work(pipe: BinaryIO) -> None:
        if request.cached:
            recording.go_on()
        answer = _read(cls, path, source, request)
        answer["diagnostics"] = [to_wire(item) for item in answer["diagnostics"]]
        if request.cached:
            answer["reads"] = recording.recorded(
                {name: module for name, module in list(sys.modules.items()) if name not in before}
            )
        pipe.write(json.dumps(answer).encode())

    before = set(sys.modules)
    with recording.paused():
        received = processes.answer(*processes.fork(work))
    if not received:
        what = f"the process that read `{cls.__name__}` was ended"
        lost = Diagnostic("FT122", what, source.class_span(cls.__name__), "not read")
        return {"flows": [], "diagnostics": [lost], "configs": []}
    answer: dict[str, Any] = json.loads(received)
    if "reads" in answer:
        recording.add(answer.pop("reads"))
    answer["diagnostics"] = [from_wire(item) for item in answer["diagnostics"]]
    return answer


def _read(cls: Any, path: Path, source: SourceFile, request: Request) -> dict[str, Any]:
    """The flow through Metaflow's own command line, up to our compile command, which hands it to `collect`."""
    answer: dict[str, Any] = {"flows": [], "diagnostics": [], "configs": []}
    places = Places(cls, source)

    def collect(obj: Any, _: dict[str, Any]) -> None:
        settings = seams.read_settings(production=request.production, code_package=request.code_package)
        if seams.evaluates(obj.flow):
            recording.unsteady("a deploy-time function")
        flow, found = prepared.read(obj, settings, source.path, backends=request.backends, parsed={str(path): source})
        workflows: dict[str, Any] = {}
        packages: dict[str, Any] = {}
        one = {
            "flow": to_json(flow),
            "workflows": workflows,
            "options": [*seams.given_options(obj), *request.options.recorded()],
        }
        if request.kept:
            steps = [step.__name__ for step in obj.flow]
            theirs = prepared.by_upstream(obj, settings, source.path, request.backends)
            one["deploys"] = {"steps": steps, "packages": packages, "by_upstream": to_json(theirs)}
        answer["flows"].append(one)
        answer["diagnostics"] += found
        if not has_errors(found):  # upstream's compilers take what is judged good
            for item in _workflows(obj, flow, settings, request, workflows, kept=packages):
                span = item.span or places.blamed(item.message)
                answer["diagnostics"].append(dataclasses.replace(item, span=span))

    def options(configs: Sequence[str]) -> list[str]:
        answer["configs"] = list(configs)
        return ["--quiet", "--no-pylint", *request.options.words(cls.__name__, configs)]

    prepared.collector = collect
    project = ["--production"] if request.production else []
    project += ["--branch", request.branch] if request.branch else []
    try:
        without = [name for name in VARIABLES if parsed(os.environ.get(name))]
        command = seams.reading_command(item.upstream for item in registry.at_work(request.backends))
        seams.run_command(cls, options, command, project, without)
        if not answer["flows"]:  # Metaflow's command line takes an exit of the user's code for its own end
            raise seams.Refused(
                "its command line ended before it was read, as by sys.exit in a FlowMutator or a Config"
            )
    except DiagnosticError as error:
        answer["diagnostics"].extend(error.diagnostics)
    except seams.Misused as error:
        answer["diagnostics"] += _misused(cls, places, error, request.options.words(cls.__name__, answer["configs"]))
    except seams.Refused as error:
        if not answer["flows"]:
            answer["diagnostics"].append(_refused(cls, path, places, error))
    except Exception as error:
        traceback.print_exc()
        answer["diagnostics"].append(_raised(cls, path, source, error, prepared=bool(answer["flows"])))
    finally:
        prepared.collector = None
    return answer


def _workflows(
    obj: Any, flow: Any, settings: Any, request: Request, made: dict[str, Any], *, kept: dict[str, Any]
) -> Iterator[Diagnostic]:
    """Put the flow's workflow for each backend into `made`, packed, as the parent passes it on; tells what refuses.

    What a deployment uploads is told in `kept`, where that is asked for.
    """
    package = None
    rules = registry.PathRules(request.here, tuple((path, tuple(names)) for path, names in request.of_paths))
    for name in request.backends if request.workflow else ():
        if name not in rules.meant(flow, request.backends, chosen=request.chosen):
            continue
        if prepared.is_unbuilt(name, flow, settings):
            continue
        deployed_name = registry.backend(name).deployed_name(flow.name, flow.project, flow.branch, settings)
        try:
            options = seams.command_options(registry.spec(name).upstream.group, request.options.create)
            workflow, package = prepared.workflow(obj, name, settings, deployed_name, options, package=package)
            made[name] = base64.b64encode(packed(json.dumps(workflow))).decode()
            if request.kept:
                kept[name] = seams.keep(package, Path(request.kept))
        except DiagnosticError as error:
            yield from error.diagnostics


# What went wrong -----------------------------------------------------------------------------------------------------


def at(file: str, line: int) -> Span:
    """The beginning of a line."""
    return Span(file, line, 1, line, 1)


def line_in(path: Path, error: BaseException, default: int = 1) -> int:
    """The last line of the file through which an exception went."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return lines[-1] or default if lines else default


def first_line_of(error: BaseException) -> str:
    """What an exception says, in short."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else "(no message)"


def _raised(cls: Any, path: Path, source: SourceFile, error: Exception, *, prepared: bool) -> Diagnostic:
    """An exception that is none of Metaflow's refusals: the user's code raised it (a mutator), or ours."""
    what = f"{type(error).__name__}: {first_line_of(error)}"
    line = line_in(path, error, 0)
    if line or not prepared:
        span = at(source.path, line) if line else source.class_span(cls.__name__)
        return Diagnostic("FT123", f"`{cls.__name__}` raised {what} while Metaflow prepared it", span, "raised here")
    package = registry.blamed(error)
    if package is not None:
        return package.diagnostics[0]
    return Diagnostic("FT900", f"reading `{cls.__name__}` raised {what}", at(source.path, 1))


def _refused(cls: Any, path: Path, places: Places, error: seams.Refused) -> Diagnostic:
    span = places.blamed(error.message)
    if isinstance(error.__cause__, SystemExit) and (line := line_in(path, error.__cause__, 0)):
        return Diagnostic(
            "FT123",
            f"`{cls.__name__}` called sys.exit({error.__cause__.code}) while Metaflow prepared it",
            at(places.flow().file, line),
            "the call",
        )
    if error.line:
        shown = places.flow().file
        span = at(shown_beside(shown, str(path), error.file) if error.file else shown, error.line)
    return Diagnostic("FT123", f"Metaflow refuses `{cls.__name__}`: {error.message[:2000]}", span)


_MISSING = re.compile(r"missing configuration for '([^']+)'")


def _misused(cls: Any, places: Places, error: seams.Misused, words: Sequence[str]) -> Iterator[Diagnostic]:
    """What the flow's command line has against its options: a Config without a value by name, else its own words."""
    missing = sorted(_MISSING.findall(error.message))
    attributes = {parameter.name: name for name, parameter in seams.flow_parameters(cls)}
    for name in missing:
        yield Diagnostic(
            "FT126",
            f"`{cls.__name__}` needs a value for its Config `{name}`",
            places.parameter(attributes.get(name, "")),
            "required, and without a default",
            helps=(f"give it: `--config-value {name} JSON` or `--config {name} FILE`",),
        )
    rest = [part for part in error.message.split(", ") if not _MISSING.search(part)]
    if rest or not missing:
        yield Diagnostic(
            "FT126",
            f"`{cls.__name__}`: {', '.join(rest)[:2000]}",
            places.flow(),
            "its command line refuses its options",
            notes=(f"it was given: {' '.join(words)}",) if words else (),
        )
