"""Settings command: `metaflow-triggers settings [PATH]`, what each setting is here, and who says so.

In:   arguments, the project file, the environment, Metaflow's configuration.
Out:  a table or JSON on standard output; exit code 0, or 2 for a project file that is wrong.

Not here: reading flows. Nothing secret is printed: a setting whose name says that it is secret is not shown, nor is
what an address has before its host.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..model.settings import SECRET_NAME
from ..project_file.settings import PROFILE
from .project_options import OF_OPTIONS, add_profile

_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/@\s]*@")


class Said(NamedTuple):
    """One line; `value` is None where nothing says it."""

    name: str
    value: Any
    source: str


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("settings", help="what each setting is here, and who says so")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="whose project file is meant (default: this folder's)")
    add_profile(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is printed")
    parser.set_defaults(work=work, production=False, branch=None)


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..reading.paths import import_metaflow

    import_metaflow()
    found = [*_of_commands(options), *_of_metaflow(options)]
    if options.format == "json":
        document = {"version": 1, "settings": [item._asdict() for item in found]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    width = max(len(item.name) for item in found)
    values = ["" if item.value is None else _shown(item.value) for item in found]
    wide = min(max(map(len, values)), 48)
    for item, value in zip(found, values, strict=True):
        sys.stdout.write(f"{item.name:{width}}  {value:{wide}}  {item.source}".rstrip() + "\n")
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _of_commands(options: argparse.Namespace) -> Iterator[Said]:
    """What can be typed, and the file itself."""
    project = options.project
    if project is None:
        yield Said("project file", None, "there is none")
        yield Said("paths", options.paths, "typed" if options.paths != ["."] else "default")
        return
    yield Said("project file", project.shown, "")
    chosen = "typed" if options.profile else PROFILE if project.profile else "none is chosen"
    yield Said("profile", project.profile, chosen)
    if project.id:
        yield Said("id", project.id, _place(project, "id"))
    yield Said("paths", project.searched(), _place(project, "paths") if project.paths else "the folder of the file")
    if project.backends is not None:
        yield Said("backends", project.backends, _place(project, "backends"))
    for path, names in project.backends_of_paths:
        told = os.path.relpath(path, project.folder).replace(os.sep, "/")
        yield Said(f"backends of {told}", names, _place(project, "backends"))
    given = project.given
    options_of_flows: tuple[tuple[str, Any], ...] = (
        ("production", project.production),
        ("branch", project.branch),
        ("environment", given.environment),
        ("with", given.decorators or None),
    )
    for key, value in options_of_flows:
        if os.environ.get(OF_OPTIONS[key]):
            yield Said(key, os.environ[OF_OPTIONS[key]], OF_OPTIONS[key])
        elif value is not None:
            yield Said(key, value, _place(project, key))
    for name, value in given.configs:
        yield Said(f"configs.{name}", value, _place(project, "configs", name))
    for name, value in given.config_values:
        yield Said(f"config-values.{name}", value, _place(project, "config-values", name))
    for name, words in given.own:
        yield Said(f"flow-options.{name}", " ".join(words), _place(project, "flow-options", name))
    for key, names in (("external-flows", project.external_flows), ("external-events", project.external_events)):
        if names:
            yield Said(key, names, _place(project, key))


def _place(project: Any, *keys: str) -> str:
    span = project.place(*keys)
    return f"{span.file}:{span.line}"


def _of_metaflow(options: argparse.Namespace) -> Iterator[Said]:
    from .. import seams
    from ..backends import registry
    from ..project_file.forms import SHORT

    project = options.project
    said = dict(project.settings) if project else {}
    defaults = seams.known_settings()
    for name in registry.names():
        defaults.update({item: defaults.get(item) for item in registry.spec(name).settings})
    defaults |= {
        name.removeprefix("METAFLOW_"): None for name in said if name.removeprefix("METAFLOW_") not in defaults
    }
    shorts = {variable: key for key, variable in SHORT.items()}
    for short, default in sorted(defaults.items()):
        name = f"METAFLOW_{short}"
        value = os.environ.get(name)
        if name in options.put:
            long = ("settings", name)
            is_long = long in project.places or ("profiles", project.profile, *long) in project.places
            source = _place(project, *(long if is_long else (shorts.get(name, name),)))
        elif value:
            source = "environment"
        else:
            value = seams.configured(short)
            source = (
                "Metaflow's configuration" if value is not None else "default" if default is not None else "not set"
            )
            value = default if value is None else value
        yield Said(name, _harmless(name, value), source)


def _harmless(name: str, value: Any) -> Any:
    if value is None or not isinstance(value, str):
        return value
    return "(not shown)" if SECRET_NAME.search(name) else _USER_OF_ADDRESS.sub("...@", value)
