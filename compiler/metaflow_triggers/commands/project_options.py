"""Project options: what the project file says, put under what was typed.

In:   the parsed arguments of a command over many flows; the environment.
Out:  the same arguments, filled in; settings in the environment, where Metaflow's configuration looks first; the
      `ProjectFile` as `options.project`, whether PATHS are all of the project as `options.whole`; whether they, and
      backends, were typed.

Not here: reading the file (`project_file`). Order: flags, METAFLOW_* variables, the project file, Metaflow's
configuration, defaults. So this runs before Metaflow is imported, and imports nothing heavy where there is no file.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..project_file.find import find
from ..project_file.settings import PROFILE, put_settings

if TYPE_CHECKING:
    from ..project_file.shape import ProjectFile

_of_this_process: ProjectFile | None = None

OF_OPTIONS = {
    "production": "METAFLOW_PRODUCTION",
    "branch": "METAFLOW_BRANCH",
    "environment": "METAFLOW_ENVIRONMENT",
    "with": "METAFLOW_DECOSPECS",
}
"""Keys of the file that are options of a flow's command line, and the variable that Metaflow takes each from."""


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add `--profile`; a command that has it takes the project file."""
    parser.add_argument(
        "--profile", metavar="NAME", help="of the project file (default: METAFLOW_TRIGGERS_PROFILE, else none)"
    )


def take(options: argparse.Namespace) -> int:
    """Fill in what the project file says. Returns 0, or the exit code for a file that is wrong, which is then told."""
    try:
        fill(options, os.environ)
    except DiagnosticError as error:
        if getattr(options, "format", "text") != "text" and options.command not in ("diff", "graph", "simulate"):
            from ..reports.formats import Told, rendered

            sys.stdout.write(rendered(options.format, error.diagnostics, Told(failed=True)))
        else:
            from ..reports.terminal import show

            show(error.diagnostics)
        return 2
    return 0


def fill(options: argparse.Namespace, environment: MutableMapping[str, str]) -> None:
    """As `take`. Raises DiagnosticError."""
    project = read_for(start_of(options.paths), options.profile, environment)
    options.project = project
    options.lenient, options.put = (), []
    options.backends_typed, options.paths_typed = bool(getattr(options, "backend", None)), bool(options.paths)
    options.whole = project is not None and not options.paths
    if project is None:
        options.paths = options.paths or ["."]
        return
    searched = project.searched()
    if options.paths:
        options.whole = {*map(os.path.abspath, searched)} <= {*map(os.path.abspath, options.paths)}
    else:
        options.paths = searched
    options.put = put_settings(project, environment)
    _fill(options, project, environment)


def add_local_profile(parser: argparse.ArgumentParser) -> None:
    """Add `--profile` to a command of the local engine, which has `fill_locally` take the project file."""
    parser.add_argument("--profile", dest="of_profile", metavar="NAME", help="of the project file")


_OF_DEPLOYMENTS = ("production", "branch", "environment", "decorators", "flow_option", "backend")


def fill_locally(options: argparse.Namespace) -> None:
    """What of the project file counts where nothing is deployed: paths, what is excluded, the Configs' values, flows
    and events from elsewhere, severities and acceptances. The rest says where and how flows are deployed.

    Raises DiagnosticError.
    """
    project = options.project = read_for(start_of(options.paths), options.of_profile, os.environ)
    options.locally, options.lenient, options.whole = True, (), project is not None and not options.paths
    if project is None:
        return
    options.paths = options.paths or project.searched()
    typed = {name: getattr(options, name) for name in _OF_DEPLOYMENTS if hasattr(options, name)}
    _fill(options, project, os.environ)
    vars(options).update(typed)


def take_settings(options: argparse.Namespace) -> int:
    """As `take`, for a command that reads no flows and is about a cloud: of the file that holds here, its settings."""
    from ..reports.terminal import show

    try:
        project = read_for(os.getcwd(), options.of_profile, os.environ)
    except DiagnosticError as error:
        show(error.diagnostics)
        return 2
    if project is not None:
        put_settings(project, os.environ)
    return 0


def read_for(start: str, profile: str | None, environment: MutableMapping[str, str]) -> ProjectFile | None:
    """The project file for a place, as the chosen profile has it. Raises DiagnosticError."""
    found = find(start)
    wanted = profile or environment.get(PROFILE) or None
    if found is None:
        if wanted is None or profile is None:  # the variable may be there for other projects
            return None
        told = f"there is no project file here that could have the profile `{wanted}`"
        helps = ("write `metaflow-triggers.toml`, or `[tool.metaflow-triggers]` in `pyproject.toml`",)
        raise DiagnosticError([Diagnostic("FT033", told, helps=helps)])
    from ..backends.registry import Names
    from ..project_file.read import read

    return read(found, wanted, backends=Names(), codes=_Codes())


class _Codes(Mapping[str, bool]):
    """Every code, and whether it may weigh less; a rule is read when it is asked for."""

    def __getitem__(self, code: str) -> bool:
        from ..rules.catalogue import codes, may_weigh_less

        if code not in codes():
            raise KeyError(code)
        return may_weigh_less(code)

    def __iter__(self) -> Iterator[str]:
        from ..rules.catalogue import codes

        return iter(codes())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def start_of(paths: list[str]) -> str:
    """The folder that holds all paths, or the one in which the command is typed."""
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in map(os.path.abspath, paths)]
    try:
        return os.path.commonpath(folders) if folders else os.getcwd()
    except ValueError:  # several drives
        return os.getcwd()


def _fill(options: argparse.Namespace, project: ProjectFile, environment: MutableMapping[str, str]) -> None:
    from ..reading.flow_options import VARIABLES, parsed

    def is_free(key: str) -> bool:
        return not environment.get(OF_OPTIONS[key])

    if project.production is not None and is_free("production") and not getattr(options, "no_production", False):
        options.production = options.production or project.production
    if options.branch is None and is_free("branch"):
        options.branch = project.branch
    given = project.given
    if hasattr(options, "environment"):
        if options.environment is None and is_free("environment"):
            options.environment = given.environment
        if is_free("with"):
            options.decorators = [*given.decorators, *options.decorators]
        said = {name for name, _ in (*options.config, *options.config_value)}
        said |= {name for variable in VARIABLES for name in parsed(environment.get(variable))}
        configs = [list(item) for item in given.configs if item[0] not in said]
        values = [list(item) for item in given.config_values if item[0] not in said]
        typed = {name for name, _ in options.flow_option}
        options.places = {f"--config {name}": project.place("configs", name) for name, _ in configs}
        options.places |= {f"--config-value {name}": project.place("config-values", name) for name, _ in values}
        options.places |= {
            f"--flow-option {name}": project.place("flow-options", name) for name, _ in given.own if name not in typed
        }
        if not options.whole:  # what they are for may stand outside of PATHS
            options.lenient = tuple(str(item[0]) for item in (*configs, *values, *given.own))
        options.config = [*configs, *options.config]
        options.config_value = [*values, *options.config_value]
        options.flow_option = [*given.own, *options.flow_option]
    if hasattr(options, "backend") and options.backend is None and project.backends is not None:
        options.backend = list(project.backends)
    from_elsewhere = [*project.external_events, *(event.name for event in project.events if event.origin)]
    for name, more in (("external_flow", project.external_flows), ("external_event", from_elsewhere)):
        if hasattr(options, name):
            setattr(options, name, [*more, *getattr(options, name)])


# One flow -----------------------------------------------------------------------------------------------------------


def of_one_flow(file: str, environment: MutableMapping[str, str]) -> argparse.Namespace | None:
    """What the project file says for the command line of the flow of a file; None where there is none.

    Ends the process, with code 2, for one that is wrong: Metaflow is being imported.
    """
    options = argparse.Namespace(
        **{"command": "flow", "paths": [file], "profile": None, "production": False, "branch": None},
        **{"environment": None, "decorators": [], "config": [], "config_value": [], "flow_option": []},
    )
    try:
        fill(options, environment)
    except DiagnosticError as error:
        from ..reports.terminal import show

        show(error.diagnostics)
        raise SystemExit(2) from None
    global _of_this_process  # noqa: PLW0603 - Metaflow's command line stands between here and the command
    _of_this_process = options.project
    return options if options.project else None


def of_this_process() -> ProjectFile | None:
    """What `of_one_flow` found."""
    return _of_this_process


def words_of_one_flow(options: argparse.Namespace, flow: Any, typed: Sequence[str]) -> list[str]:
    """What the project file puts before the words that were typed for a flow."""
    from .. import seams
    from ..reading.flow_options import VARIABLES
    from .arguments import flow_options
    from .run import project_options

    said = {typed[at + 1] for at, word in enumerate(typed[:-1]) if word in VARIABLES.values()}
    configs = [item.name for _, item in seams.flow_parameters(flow) if item.IS_CONFIG_PARAMETER]
    given = dataclasses.replace(flow_options(options), ambient=())
    project = project_options(options) if seams.flow_decorators(flow, "project") else ()
    return [*given.words(type(flow).__name__, [name for name in configs if name not in said]), *project]
