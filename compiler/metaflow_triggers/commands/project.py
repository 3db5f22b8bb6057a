"""Project commands: `check`, `compile` and `diff` over many flows.

In:   the parsed arguments.
Out:  text on standard output, diagnostics on standard error, files; an exit code.

Not here: the arguments (`cli`), reading, compiling, writing. Heavy modules are imported when a command runs.
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..backends import registry


def check(options: argparse.Namespace) -> int:
    """What `compile` would find, and no file."""
    return _run(options, workflow=True)


def compile_(options: argparse.Namespace) -> int:
    """All that `create` would deploy; with `--check` whether a folder has it."""
    if options.check and not options.output:
        options.refuse("--check needs --output DIR, the folder that is looked at")
    return _run(options, workflow=options.show == "all")


def diff(options: argparse.Namespace) -> int:
    """What differs from a folder. A mistake in the flows is an error here: exit code 1 says that something differs."""
    if options.live == bool(options.against) or (options.live and options.format != "text"):
        return _misused("diff needs either --against DIR or --live, which is told as text")
    if options.full and options.format == "html":
        return _misused("--full is the text of files, and html a picture: use text, markdown or json")
    if options.log_execution_history and not options.live:
        return _misused("--log-execution-history is for --live: nothing that `compile` writes depends on it")
    if options.live:
        from .deploy import diff_live

        return diff_live(options)
    code = _run(options, workflow=True)
    return code if options.compared else 2


def _misused(what: str) -> int:
    from ..diagnostics import Diagnostic
    from ..reports.terminal import show

    show([Diagnostic("FT003", what)])
    return 2


def _run(options: argparse.Namespace, workflow: bool) -> int:
    from ..reading.paths import import_metaflow, read_flows

    # Nearly all that a command makes lives until it ends, so looking for garbage every 700 objects finds none.
    gc.set_threshold(100_000, 50, 100)
    import_metaflow()
    from .. import seams
    from ..compiling.compile import Compilation
    from ..compiling.folder import write
    from ..diagnostics import DiagnosticError
    from ..graph.explain import as_value, table
    from ..reading.read import Read
    from ..reports.terminal import show
    from ..rules.find import counted
    from ..rules.weight import has_errors, refuses, severity
    from .arguments import flow_options

    names, left_out = backends_at_work(options)
    code_package = not getattr(options, "no_code_package", True)
    read = Read()
    report: Any = None
    change: Any = None
    options.compared = False
    result: str | None = None
    try:
        if options.command == "diff":
            from ..compiling.compare import require

            require(Path(options.against))
        read = read_flows(options, names, code_package=code_package, workflow=workflow, given=flow_options(options))
        settings = seams.read_settings(production=options.production, code_package=code_package, branch=options.branch)
        compilation = compile_read(options, names, read, settings)
        if read.kept is not None:
            read.kept.save()
        if options.command == "compile":
            from ..compiling.left_open import left_open

            left_out += left_open(compilation.open, strict=options.strict)
            if options.output:
                from ..compiling.in_clear import in_clear

                left_out += in_clear(compilation.files, seams.secrets())
        diagnostics = findings(options, left_out, read, compilation)
        failed = refuses(diagnostics, strict=options.strict)
        if failed and not has_errors(diagnostics):
            result = "nothing was written, as --strict says"
        if not failed and getattr(options, "output", None):
            folder, wanted = Path(options.output), _wanted(options, read, compilation, settings)
            if options.check:
                from ..compiling.stale import stale

                flows = _owners(options, compilation, settings)[0]
                diagnostics += stale(folder, wanted, flows, _written_anew(options.typed))
                failed = has_errors(diagnostics)
            else:
                change = write(folder, wanted)
                if read.kept is not None:
                    read.kept.note(os.path.join(folder, path) for path in change.paths)
        if not failed and options.command == "diff":
            report = _report(options, read, compilation, settings)
            diagnostics += report.unread
    except DiagnosticError as error:
        diagnostics, failed, result = error.diagnostics, True, error.result
        compilation = Compilation(graph=_no_graph(), files=(), diagnostics=())
    if options.format != "text" and options.command != "diff":
        from ..compiling.owned import as_value as became
        from ..reports.formats import Told, rendered

        files = None if change is None else became(change.paths, change.stale, change.rest)
        graph = as_value(compilation.graph)
        about = Told(failed, options.strict, len(read.flows), graph, read.omissions_json(), files)
        sys.stdout.write(rendered(options.format, diagnostics, about))
        return 1 if failed else 0
    if options.quiet:
        diagnostics = [
            item for item in diagnostics if severity(item) != "note" or refuses([item], strict=options.strict)
        ]
    _list_files(options, read, change)
    show(diagnostics, len(read.flows), result, "" if options.quiet else read.omissions())
    if failed:
        return 1
    if report is not None:
        from ..compiling.compare import render

        options.compared = True
        if options.format == "html":
            from .graph import difference

            sys.stdout.write(difference(options, compilation.graph, diagnostics, report))
        else:
            sys.stdout.write(render(report, options.format, full=options.full))
        return 0 if report.same else 1
    if options.command == "compile" and not options.output:
        from .flow import as_one_text

        sys.stdout.write(as_one_text([file for file in compilation.files if file.ours or workflow]))
        return 0
    if options.quiet:
        return 0
    sys.stdout.write(table(compilation.graph))
    many = counted(len(compilation.files), "file")
    if options.command == "compile" and options.check:
        sys.stdout.write(f"\n{many}, and {options.output} has {'it' if many == '1 file' else 'them'}\n")
    if change is not None:
        from ..compiling.owned import told

        sys.stdout.write(f"\n{many} in {options.output}\n{told(change.rest, change.stale)}")
    return 0


def compile_read(
    options: argparse.Namespace, names: Sequence[str], read: Any, settings: Any, *, contents: bool = False
) -> Any:
    """What the flows that were read compile to. `contents`: with the objects that each file says."""
    from ..compiling.compile import compile_flows
    from ..reading.paths import workers

    return compile_flows(
        read.flows,
        settings,
        names,
        project_wide=True,
        external_flows=frozenset(options.external_flow),
        external_events=frozenset(options.external_event) | read.unread_events(),
        unread_flows=read.unread_flows(),
        workers=workers(options),
        polls=read.polls,
        chosen=bool(options.backend),
        rules=path_rules(options),
        contents=contents,
        kept=read.kept,
    )


def findings(options: argparse.Namespace, more: Sequence[Any], read: Any, compilation: Any) -> list[Any]:
    """All that is found, as the project takes it; `more` first."""
    from ..rules.follow import standing_alone
    from .arguments import with_paths

    found = [*more, *read.diagnostics, *read.explained(compilation.diagnostics)]
    found = standing_alone([*found, *of_events(options, compilation.graph)])
    return with_paths(weighed(options, found, read, compilation.graph), options.paths)


def _list_files(options: argparse.Namespace, read: Any, change: Any) -> None:
    """With `--verbose`: what was read, written and removed."""
    if not options.verbose:
        return
    from ..reports.shown import shown

    lines = [f"read {os.path.relpath(file)}" for file in sorted(read.looked)]
    if change is not None:
        how = {path: "removed" if path in change.stale else "wrote" for path in change.paths}
        lines += [f"{how[path]} {os.path.join(options.output, path)}" for path in change.paths]
    sys.stderr.writelines(f"{shown(line)}\n" for line in lines)


def _written_anew(typed: Sequence[str]) -> str:
    """The command that writes the folder which `--check` looks at: what was typed, with all options that decide what is
    compiled."""
    words, rest = [], iter(typed)
    for word in rest:
        if word == "--format":
            next(rest, None)
        elif word != "--check" and not word.startswith("--format="):
            words.append(word)
    return shlex.join(["metaflow-triggers", *words])


def path_rules(options: argparse.Namespace) -> registry.PathRules:
    """What the project file says of the backends of some paths."""
    return registry.PathRules(os.getcwd(), options.project.backends_of_paths if options.project else ())


def of_events(options: argparse.Namespace, graph: Any) -> list[Any]:
    """What flows do with events against the catalogue of the project file."""
    if options.project is None or not options.project.events:
        return []
    from ..rules.events import find

    return list(find(graph, options.project.events))


def weighed(options: argparse.Namespace, found: list[Any], read: Any, graph: Any) -> list[Any]:
    """What the project file and comments in the flows' files leave of the findings."""
    from ..rules.accepted import Scope, weigh

    project = options.project
    complete = not options.backends_typed and (options.whole or project is None)
    events = frozenset(options.external_event) | read.unread_events()
    done = weigh(found, project, Scope(tuple(read.modules), graph, events, complete))
    read.accepted, read.off = done.accepted, done.off
    return done.diagnostics


def _no_graph() -> Any:
    from ..model.flows import TriggerGraph

    return TriggerGraph((), (), (), ())


def _owners(options: argparse.Namespace, compilation: Any, settings: Any) -> tuple[dict[str, Any], list[str]]:
    """(the flow behind each owner of files, owners that a flow would be and is not: it asks for another backend)."""
    owners, others = {}, []
    names, rules = _names(options), path_rules(options)
    for flow in compilation.graph.flows:
        suited = rules.meant(flow, names, chosen=bool(options.backend))
        for name in names:
            owner = f"{name}/{registry.own_name(name, flow, settings)}"
            if name in suited:
                owners[owner] = flow
            else:
                others.append(owner)
    return owners, [owner for owner in others if owner not in owners]


def _polls(compilation: Any, owner: str, flow: Any) -> list[Any]:
    """The poll triggers that start a flow on the backend of the owner."""
    return registry.polls_of(owner.partition("/")[0], flow, compilation.graph)


def backends_at_work(options: argparse.Namespace) -> tuple[tuple[str, ...], list[Any]]:
    """The backends at work; FT008 for one that is off, FT009 for one that is broken: an error for who asks for it."""
    from .. import seams

    wanted, unusable = registry.usable(options.backend)
    on = tuple(name for name in wanted if seams.is_on(registry.spec(name).upstream))
    severity = "" if options.backend or (not on and options.command != "check") else "note"
    return on, [*unusable, *(seams.switched_off(name, severity) for name in wanted if name not in on)]


def _names(options: argparse.Namespace) -> tuple[str, ...]:
    return backends_at_work(options)[0]


def _inputs(read: Any, owners: dict[str, Any], settings: Any, show: str = "all") -> dict[str, Any]:
    from .inputs import inputs

    given = {(item.flow.file, item.flow.name): item.options for item in read.flows}
    made: dict[Any, Any] = {}  # most flows have the same
    found = {}
    for owner, flow in owners.items():
        key = (owner.partition("/")[0], flow.branch, given[flow.file, flow.name])
        if key not in made:
            made[key] = inputs(settings, flow, key[0], show, key[2])
        found[owner] = made[key]
    return found


def _wanted(options: argparse.Namespace, read: Any, compilation: Any, settings: Any) -> Any:
    """What the folder of `--output` shall hold."""
    from ..compiling.compile import folder_files
    from ..compiling.folder import Wanted
    from ..compiling.owned import Looked, source
    from ..graph.differences import recorded

    owners, others = _owners(options, compilation, settings)
    told: dict[str, Any] = dict.fromkeys(others)
    told.update({file.owner: {"compiler": __version__} for file in compilation.files if file.owner.endswith("/")})
    told.update(_inputs(read, owners, settings, options.show))
    files = [file for file in compilation.files if file.ours or options.show == "all"]
    models: dict[str, Any] = {}
    alike: dict[tuple[int, bool], Any] = {}
    for owner, flow in owners.items():
        polls = _polls(compilation, owner, flow)
        key = (id(flow), bool(polls))
        if key not in alike:
            alike[key] = recorded(flow, polls)
        models[owner] = alike[key]
    folder, bases = Path(options.output), [Path.cwd(), *([options.project.folder] if options.project else [])]
    of_files = {file: source(folder, file, *bases) for file in {flow.file for flow in owners.values()}}
    sources = {owner: of_files[flow.file] for owner, flow in owners.items()}
    looked = Looked(
        paths=tuple(map(os.path.realpath, options.paths)),
        files=read.looked,
        backends=frozenset(_names(options)),
        branches=_branches(options, compilation.graph.flows, settings),
        unread=read.unread_flows(),
        excluded=frozenset(os.path.realpath(path) for path, by in read.excluded if by == "exclude"),
    )
    polled = _polled(options, owners, read)
    disk = None if read.kept is None else read.kept.files
    return Wanted(files, told, folder_files, models, sources, looked, polled, disk)


def _branches(options: argparse.Namespace, flows: Any, settings: Any) -> frozenset[str]:
    """The branches that flows with @project have in this compilation, also where none of these is left."""
    found = {flow.branch for flow in flows if flow.branch is not None}
    if found:
        return frozenset(found)
    if options.branch:
        return frozenset({f"{'prod' if options.production else 'test'}.{options.branch}"})
    return frozenset({"prod" if options.production else f"user.{settings.user}"})


def _report(options: argparse.Namespace, read: Any, compilation: Any, settings: Any) -> Any:
    from ..compiling.compare import compare
    from ..compiling.compile import folder_files

    owners, _ = _owners(options, compilation, settings)
    files = [*compilation.files, *folder_files(sorted({file.owner for file in compilation.files}))]
    told = _inputs(read, owners, settings)
    polls = {owner: _polls(compilation, owner, flow) for owner, flow in owners.items()}
    backends, looked = set(_names(options)), _polled(options, owners, read)
    return compare(Path(options.against), files, owners, told, whole=True, backends=backends, polls=polls, read=looked)


def _polled(options: argparse.Namespace, owners: dict[str, Any], read: Any) -> Any:
    """Which files were read whole, for who asks about the polls of others."""
    from ..compiling.polled import Polled

    excluded = frozenset(os.path.realpath(path) for path, by in read.excluded if by == "exclude")
    return Polled(owners, read.looked, excluded, tuple(options.backend or ()))
