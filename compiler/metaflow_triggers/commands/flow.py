"""Flow commands: what `python flow.py BACKEND compile|diff|create|delete` do.

In:   the click state that Metaflow's command line prepared, and the options of the command.
Out:  files, text on standard output, diagnostics on standard error; an exit code.

Not here: click (the extension declares the options), what a backend emits or how it deploys.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import seams
from ..backends import registry
from ..diagnostics import Diagnostic, DiagnosticError
from ..model.settings import Settings
from ..reading import prepared
from ..reading.prepared import read, workflow
from . import packages
from .arguments import with_paths
from .inputs import inputs

EXIT_SAME, EXIT_ERROR, EXIT_SETTING = 0, 1, 2
EXIT_DIFFERENT, EXIT_DIFF_ERROR = 1, 2


def compile_command(obj: Any, backend: str, options: dict[str, Any]) -> int:
    """`compile`: print the flow's objects, or write them to `--output`."""
    return _guarded(lambda: _compile(obj, backend, options))


def diff_command(obj: Any, backend: str, options: dict[str, Any]) -> int:
    """`diff --against DIR` or `diff --live`: 0 same, 1 different, 2 error."""
    try:
        return _diff(obj, backend, options)
    except DiagnosticError as error:
        _print(error.diagnostics, 1, [])
    except Exception as error:
        _print_raised(error)
    return EXIT_DIFF_ERROR


def create_command(obj: Any, backend: str, options: dict[str, Any]) -> int:
    """`create`: compile, then deploy. 2 when a setting is missing."""
    return _guarded(lambda: _create(obj, backend, options))


def delete_command(obj: Any, backend: str, options: dict[str, Any]) -> int:
    """`delete`: remove everything that `create` made for the flow."""
    return _guarded(lambda: _delete(obj, backend, options))


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except DiagnosticError as error:
        _print([*error.diagnostics, *error.aftermath], 1, [], error.result)
        missing = all(item.code == "FT002" for item in error.diagnostics)
        return EXIT_SETTING if missing else EXIT_ERROR
    except Exception as error:
        _print_raised(error)
        return EXIT_ERROR


def _print_raised(error: Exception) -> None:
    import traceback

    traceback.print_exc()
    package = registry.blamed(error)
    ours = [Diagnostic("FT900", f"the command raised {type(error).__name__}: {error}")]
    _print(ours if package is None else package.diagnostics, 1, [])


# Reading and compiling ----------------------------------------------------------------------------------------------


def _settings(obj: Any, options: dict[str, Any], user: str | None = None) -> Settings:
    return seams.read_settings(
        production=seams.is_production(),
        code_package=not options.get("no_code_package"),
        user=user,
    )


def _compiled(obj: Any, backend: str, options: dict[str, Any], settings: Settings) -> tuple[Any, Any]:
    from ..compiling.compile import Compilation, compile_flows
    from ..reading.prepared import ReadFlow
    from ..rules.accepted import Scope, weigh
    from ..rules.follow import standing_alone
    from .project_options import of_this_process

    _prove(backend)
    seams.prove_switched_on(backend, registry.spec(backend).upstream)
    with contextlib.redirect_stdout(sys.stderr):  # functions of the user and environments print; manifests stand alone
        flow, found, workflows, package = _prepared(obj, backend, options, settings)
    polls, remarks = _polls(flow)
    found = [*found, *remarks]
    compilation = compile_flows([ReadFlow(flow, workflows)], settings, [backend], project_wide=False, polls=polls)
    project = of_this_process()
    if project is not None and project.events:
        from ..rules.events import find

        found = [*found, *find(compilation.graph, project.events)]
    told = standing_alone([*found, *compilation.diagnostics])
    weighed = weigh(told, project, Scope((flow.file,), compilation.graph))
    diagnostics = tuple(with_paths(weighed.diagnostics, [flow.file]))
    return Compilation(compilation.graph, compilation.files, diagnostics), package


def _prove(backend: str) -> None:
    """Raise DiagnosticError unless Metaflow is one that we know, and nothing took our place in it."""
    seams.check_shape([registry.spec(backend).upstream])
    seams.prove_in_charge(item.upstream for item in registry.at_work([backend]))


def _prepared(
    obj: Any, backend: str, options: dict[str, Any], settings: Settings
) -> tuple[Any, list[Diagnostic], dict[str, Any], Any]:
    """The flow, what is wrong with it, its workflow by backend, its package."""
    from ..rules.weight import has_errors

    flow, found = read(obj, settings, backends=[backend])
    name = _name(obj, backend, settings)
    if name != registry.own_name(backend, flow, settings):
        flow = dataclasses.replace(flow, deployed_as=name)
    workflows: dict[str, Any] = {}
    package = None
    wanted = options.get("show") != "triggers" and not has_errors(found)
    if wanted and not prepared.is_unbuilt(backend, flow, settings):
        try:
            workflows[backend], package = workflow(obj, backend, settings, name, options)
        except DiagnosticError as error:
            found = [*found, *error.diagnostics]
    return flow, found, workflows, package


def _polls(flow: Any) -> tuple[list[Any], list[Diagnostic]]:
    """The poll triggers of the flow's file that start it. A file that declares none has not imported the module."""
    declare = sys.modules.get("metaflow_triggers.poll.declare")
    if declare is None or not declare.declared():
        return [], []
    from ..graph.link import named
    from ..reading.polls import read_polls
    from ..reading.source import source_file

    source = source_file(flow.file, flow.file)
    polls, found = read_polls(declare.Collected(list(declare.declared())), None, source, flow.file)
    own = [poll for poll in polls if named([flow], poll.flow)]
    return own, [item for item in found if item.code != "FT731"] if own else []


def _name(obj: Any, backend: str, settings: Settings) -> str:
    """The deployed name: what the command group says, else the backend's."""
    said: str | None = getattr(obj, registry.spec(backend).upstream.deployed_name, None)
    return said or registry.backend(backend).deployed_name(obj.flow.name, *seams.current_project(), settings)


# The commands -------------------------------------------------------------------------------------------------------


def _compile(obj: Any, backend: str, options: dict[str, Any]) -> int:
    from ..compiling.left_open import left_open
    from ..rules.weight import refuses

    settings = _settings(obj, options)
    compilation, package = _compiled(obj, backend, options, settings)
    strict = bool(options.get("strict"))
    found = [*compilation.diagnostics, *left_open(compilation.open, strict=strict)]
    if options.get("output"):
        from ..compiling.in_clear import in_clear

        found += in_clear(compilation.files, seams.secrets())
    _print(found, 1, _user_note(settings, compilation.graph.flows))
    if refuses(found, strict=strict):
        return EXIT_ERROR
    if options.get("package_output"):
        packages.write(Path(options["package_output"]), package)
    if options.get("show") not in (None, "all", "triggers"):
        from ..compiling.whole_file import write_whole

        deployer: Any = registry.deployer(backend)
        text = deployer.document(options["show"], compilation.files, settings, compilation.graph.flows[0])
        if options.get("output"):
            write_whole(Path(options["output"]), text.encode("utf-8"))
        else:
            sys.stdout.write(text)
        return EXIT_SAME
    files = [file for file in compilation.files if file.ours or options.get("show") != "triggers"]
    if options.get("output"):
        from ..compiling.compile import folder_files
        from ..compiling.folder import Wanted, write
        from ..compiling.owned import source
        from ..compiling.owned import told as became
        from ..compiling.polled import Polled
        from ..graph.differences import recorded
        from ..rules.find import counted

        flow = compilation.graph.flows[0]
        given = seams.given_options(obj)
        show = options.get("show") or "all"
        owners: dict[str, Any] = {file.owner: inputs(settings, flow, backend, show, given) for file in files}
        polls = registry.polls_of(backend, flow, compilation.graph)
        own = [owner for owner in (*owners, _owner(backend, flow, settings)) if not owner.endswith("/")]
        models = {owner: recorded(flow, polls) for owner in own}
        polled = Polled(dict.fromkeys(own, flow), frozenset({os.path.realpath(flow.file)}), backends=(backend,))
        folder = Path(options["output"])
        sources = dict.fromkeys(models, source(folder, flow.file, Path.cwd()))
        change = write(folder, Wanted(files, owners, folder_files, models, sources, polled=polled))
        gone = became(change.rest, change.stale)
        sys.stderr.write(f"{counted(len(files), 'file')} in {folder}, {len(change.paths)} changed\n{gone}")
        return EXIT_SAME
    sys.stdout.write(as_one_text(files))
    return EXIT_SAME


def as_one_text(files: list[Any]) -> str:
    """Several files as one YAML stream; a comment names each."""
    if len(files) == 1:
        return str(files[0].text)
    return "".join(f"---\n# {file.path}\n{file.text}" for file in files)


def _user_note(settings: Settings, flows: tuple[Any, ...]) -> list[Diagnostic]:
    if settings.user_is_configured or not any((flow.branch or "").startswith("user.") for flow in flows):
        return []
    return [
        Diagnostic(
            "FT006",
            f"METAFLOW_USER is not configured, so this is the branch `user.{settings.user}`",
            helps=("set METAFLOW_USER, or use --branch or --production",),
        )
    ]


def _owner(backend: str, flow: Any, settings: Settings) -> str:
    return f"{backend}/{registry.own_name(backend, flow, settings)}"


def _diff(obj: Any, backend: str, options: dict[str, Any]) -> int:
    from ..compiling.compare import compare, render, require
    from ..compiling.polled import Polled
    from ..reports.terminal import show
    from ..rules.weight import has_errors

    live = bool(options.get("live"))
    if live == bool(options.get("against")):
        raise DiagnosticError([Diagnostic("FT003", "diff needs either --against DIR or --live")])
    if not live:
        require(Path(options["against"]))
    settings = _settings(obj, options, _real_user(required=True) if live else None)
    compilation, _ = _compiled(obj, backend, options, settings)
    if has_errors(compilation.diagnostics):
        raise DiagnosticError(list(compilation.diagnostics))
    flow = compilation.graph.flows[0]
    if live:
        return _diff_live(obj, backend, options, settings, compilation)
    owner = _owner(backend, flow, settings)
    given = seams.given_options(obj)
    told = {owner: inputs(settings, flow, backend, options=given)}
    polls = {owner: registry.polls_of(backend, flow, compilation.graph)}
    against, flows = Path(options["against"]), {owner: flow}
    looked = Polled(flows, frozenset({os.path.realpath(flow.file)}), backends=(backend,))
    report = compare(against, compilation.files, flows, told, whole=False, polls=polls, read=looked)
    show(report.unread)
    sys.stdout.write(render(report, options.get("format") or "text", full=bool(options.get("full"))))
    return EXIT_SAME if report.same else EXIT_DIFFERENT


def _diff_live(obj: Any, backend: str, options: dict[str, Any], settings: Settings, compilation: Any) -> int:
    from .about import about_of

    deployer: Any = registry.deployer(backend)
    missing = deployer.missing_settings(compilation.files, settings)
    if missing:
        raise DiagnosticError(missing)
    same, text = deployer.drift(
        compilation.files,
        settings,
        deployed_name=_name(obj, backend, settings),
        full=bool(options.get("full")),
        about=about_of(obj, backend, settings, compilation),
    )
    sys.stdout.write(text)
    return EXIT_SAME if same else EXIT_DIFFERENT


def _create(obj: Any, backend: str, options: dict[str, Any]) -> int:
    from ..rules.weight import refuses
    from .about import about_of

    only_json = bool(options.get("only_json"))
    user = _real_user(required=not only_json)
    settings = _settings(obj, options, user)
    compilation, package = _compiled(obj, backend, options, settings)
    deployer: Any = registry.deployer(backend)
    name = _name(obj, backend, settings)
    later = () if only_json else deployer.SAYS
    found = [item for item in compilation.diagnostics if item.code not in later]
    _print(found, 1, [])
    if refuses(found, strict=bool(options.get("strict"))):
        return EXIT_ERROR
    if only_json:
        sys.stdout.write(deployer.one_document(compilation.files))
        packages.say_not_uploaded(package)
        _deployer_attributes(obj, name, options, deployer.additional_info(compilation.files))
        return EXIT_SAME
    missing = deployer.missing_settings(compilation.files, settings)
    if missing:
        _say_what_would_be_deployed(obj, backend, compilation)
        raise DiagnosticError(missing)
    about = about_of(obj, backend, settings, compilation, strict=bool(options.get("strict")))
    if options.get("plan"):
        sys.stdout.write(deployer.plan(compilation.files, settings, deployed_name=name, about=about))
        return EXIT_SAME
    token = deployer.resolve_token(obj, options)
    done = deployer.create(
        compilation.files,
        settings,
        deployed_name=name,
        token=token,
        options=options,
        upload=lambda: packages.upload(obj, settings, package),
        about=about,
    )
    _deployer_attributes(obj, name, options)
    sys.stderr.write(f"{done}\n")
    from ..graph.explain import table

    sys.stderr.write(f"\n{table(compilation.graph)}")
    return EXIT_SAME


def _real_user(required: bool) -> str | None:
    return required_user() if required else seams.real_user()


def required_user() -> str:
    """Who deploys. Raises DiagnosticError (FT002) where nobody says."""
    user = seams.real_user()
    if user is None:
        what = "the deployment needs a user name, and none is configured"
        raise DiagnosticError([Diagnostic("FT002", what, helps=("set METAFLOW_USER",))])
    return user


def _say_what_would_be_deployed(obj: Any, backend: str, compilation: Any) -> None:
    from ..graph.explain import table

    sys.stderr.write(f"`{obj.flow.name}` compiles. create would deploy to {backend}:\n")
    for file in compilation.files:
        sys.stderr.write(f"  {file.path}\n")
    sys.stderr.write(table(compilation.graph))
    sys.stderr.write(f"To see the objects: {_typed(backend)} compile\n\n")


def _typed(backend: str) -> str:
    """The command line as it was typed, up to the group of the backend."""
    words = sys.argv[: sys.argv.index(backend)] if backend in sys.argv else sys.argv[:1]
    return shlex.join(["python", *words, backend])


def _deployer_attributes(
    obj: Any, name: str, options: dict[str, Any], additional_info: dict[str, Any] | None = None
) -> None:
    """What Metaflow's Deployer API reads after `create` (its file option is internal to Metaflow)."""
    import json

    path = options.get("deployer_attribute_file")
    if not path:
        return
    content = {
        "name": name,
        "flow_name": obj.flow.name,
        "metadata": obj.metadata.metadata_str(),
    }
    if additional_info:
        content["additional_info"] = additional_info
    Path(path).write_text(json.dumps(content), "utf-8")


def _delete(obj: Any, backend: str, options: dict[str, Any]) -> int:
    _prove(backend)
    user = _real_user(required=True)
    settings = _settings(obj, options, user)
    deployer: Any = registry.deployer(backend)
    deployer.check_token(obj, options)
    name = _name(obj, backend, settings)
    steps = [step.__name__ for step in obj.flow]
    more = {name: True for name in ("shared", "drop_waiting") if options.get(name)}
    if options.get("plan"):
        sys.stdout.write(deployer.plan_delete(name, settings, **more))
        return EXIT_SAME
    done = deployer.delete(name, settings, flow=obj.flow.name, steps=steps, **more)
    sys.stderr.write(f"{done}\n")
    return EXIT_SAME


def _print(diagnostics: Any, flows: int, more: list[Diagnostic], result: str | None = None) -> None:
    from ..reports.terminal import show

    show([*more, *diagnostics], flows, result)
