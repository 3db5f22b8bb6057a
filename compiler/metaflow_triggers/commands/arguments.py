"""Arguments: the parser of all commands, and the arguments that several of them have.

In:   what `argparse.ArgumentParser` takes.
Out:  the same parser, for which `emit NAME --id X -` means what `emit NAME - --id X` does, and which takes no option by
      the beginning of its name.

Not here: the arguments of one command. A positional argument may not be in a mutually exclusive group.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..diagnostics import Diagnostic
from .misspelt import of_choice, of_options

if TYPE_CHECKING:
    from ..reading.flow_options import FlowOptions


class Parser(argparse.ArgumentParser):
    """argparse reads all positional arguments at the first one, and knows those after an option no more."""

    _inside = False

    def __init__(self, *given: Any, **options: Any) -> None:
        # `--prod` would mean `--production` until another option begins so.
        super().__init__(*given, **{**options, "allow_abbrev": False})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class's, which calls it for the two halves of the work. What a REMAINDER takes stands last."""
        if self._inside or any(action.nargs in (argparse.REMAINDER, argparse.PARSER) for action in self._actions):
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class's; what it does not know is told with what may have been meant."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            near = of_options(rest, self, getattr(found, "command", None))
            self.error(f"unrecognized arguments: {' '.join(rest)}{near}")
        return found

    def error(self, message: str) -> NoReturn:
        """As the base class's: usage, what is wrong, exit code 2."""
        super().error(message + of_choice(message))


def seconds(text: str) -> float:
    """A number of seconds above 0, as an option gives it."""
    with contextlib.suppress(ValueError):
        value = float(text)
        if 0 < value < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add PATHS, which may be left out."""
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="flow files, and folders to search for them (default: the paths of the project file, else this folder)",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add what says how files are read."""
    parser.add_argument("--production", action="store_true", help="the production branch of flows with @project")
    parser.add_argument(
        "--no-production", action="store_true", help="not that one, whatever project file and environment say"
    )
    parser.add_argument("--branch", help="this branch of flows with @project")
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="SECONDS", help="to read one file (default: 60)"
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="files at once (default: one per processor)"
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Add `--no-cache`; a command that has it uses what earlier ones read, unless it is given."""
    parser.add_argument(
        "--no-cache", action="store_true", help="read every file, whatever an earlier command has kept of it"
    )


def add_flow_options(parser: argparse.ArgumentParser) -> None:
    """Add what is given to the command lines of the flows, as before the command of `python flow.py`."""
    group = parser.add_argument_group("options of the flows", "what stands before the command in `python flow.py`")
    group.add_argument(
        "--config-value",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="of a Config, for the flows that have it",
    )
    group.add_argument(
        "--config", nargs=2, action="append", default=[], metavar=("NAME", "FILE"), help="the same, from a file"
    )
    group.add_argument("--environment", metavar="KIND", help="of all flows: local, conda, pypi, ...")
    group.add_argument(
        "--with", dest="decorators", action="append", default=[], metavar="DECORATOR", help="on every step of all flows"
    )
    group.add_argument(
        "--flow-option",
        type=_of_one_flow,
        action="append",
        default=[],
        metavar="'FLOW=OPTIONS'",
        help="options of one flow, for instance 'Train=--with retry --environment pypi'",
    )


def _of_one_flow(text: str) -> tuple[str, tuple[str, ...]]:
    name, sign, words = text.partition("=")
    try:
        split = tuple(shlex.split(words))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if not sign or not name.isidentifier() or not split:
        raise argparse.ArgumentTypeError(f"{text!r} is not FLOW=OPTIONS, as in 'Train=--with retry'")
    return name, split


def with_paths(found: Iterable[Diagnostic], paths: Iterable[str]) -> list[Diagnostic]:
    """The findings; where a help says PATHS it names those that were given."""
    given = shlex.join(paths)
    return [replace(item, helps=tuple(text.replace("PATHS", given) for text in item.helps)) for item in found]


def flow_options(options: argparse.Namespace) -> FlowOptions:
    """What `add_flow_options` added. Files of Configs are found from where the command is typed."""
    from ..reading.flow_options import FlowOptions, ambient

    configs = [("--config-value", name, value) for name, value in options.config_value]
    configs += [("--config", name, str(Path(file).absolute())) for name, file in options.config]
    every = ["--environment", options.environment] if options.environment else []
    every += [word for decorator in options.decorators for word in ("--with", decorator)]
    lenient, create = tuple(getattr(options, "lenient", ())), tuple(getattr(options, "of_create", ()))
    own = tuple(options.flow_option)
    places = getattr(options, "places", {})
    return FlowOptions(tuple(configs), tuple(every), own, ambient(os.environ), lenient, create, places)
