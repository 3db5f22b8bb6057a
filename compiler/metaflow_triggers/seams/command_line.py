"""Command line: a flow's own command line, run in this process.

In:   a flow class, options, a command.
Out:  nothing: the command is ours and says what it found. `Refused` and `Misused` where it is not reached.

Not here: which options (`metaflow_triggers.reading.flow_options`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .flows import flow_decorators, flow_parameters

_FLAGS = frozenset({"--no-pylint", "--production", "--quiet"})
"""Options without a value, which every flow's command line has: words of users are others."""


class Refused(Exception):
    """Metaflow refused the flow: its message, the line that it blames (or None), of which file (or the flow's)."""

    def __init__(self, message: str, line: int | None = None, file: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file


class Misused(Refused):
    """The flow's command line refused its options, in its own words."""


def run_command(
    cls: Any,
    options: Callable[[Sequence[str]], Sequence[str]],
    command: Sequence[str],
    project: Sequence[str],
    without: Sequence[str] = (),
) -> None:
    """A command of the flow's own command line in this process. Raises Refused.

    `options` gives those before the command for the names of the flow's Configs. `project` are given to flows with
    `@project` only: others do not have them. `without` are variables of the environment whose content `options` has.
    """
    from metaflow import parameters
    from metaflow.exception import MetaflowException

    told: list[str] = []
    left: SystemExit | None = None
    try:
        flow = cls(use_cli=False)
        configs = [parameter.name for _, parameter in flow_parameters(flow) if parameter.IS_CONFIG_PARAMETER]
        words = [*options(configs), *(project if flow_decorators(flow, "project") else ())]
        # Metaflow's command line takes the flow's own options when it is imported (flowspec.py, FlowSpec.__init__).
        with parameters.flow_context(cls), _without(without), _usage_errors(told):
            from metaflow import cli

            if not _FLAGS.issuperset(words):
                _check_options(cli.start, words)
            code = cli.main(flow, args=[*words, *command], handle_exceptions=False)
    except MetaflowException as error:
        message = " ".join(str(error.message).split())
        raise Refused(message, getattr(error, "line_no", None), getattr(error, "source_file", None)) from error
    except SystemExit as error:
        code, left = error.code, error
    if code and told:
        raise Misused(told[-1])
    if code or left is not None:
        raise Refused(f"its command line ended with exit code {code or 0}") from left


def given_options(obj: Any) -> list[str]:
    """Which of the flow's options change what it compiles to: its environment and decorators for all steps."""
    words = [] if obj.environment.TYPE == "local" else ["--environment", str(obj.environment.TYPE)]
    return [*words, *(word for item in obj.tl_decospecs or () for word in ("--with", str(item)))]


_untold: dict[Any, dict[str, Any]] = {}
"""What a command makes of no words: its defaults. A process that reads several flows asks each time."""


def command_options(group: str | None, words: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    """What our `compile` in a group of the flow's command line makes of the words that it knows, defaults included.

    Called by a command of the flow that runs. Raises Misused.
    """
    from metaflow._vendor import click

    context = click.get_current_context().find_root()
    root: Any = context.command
    found: Any = root.get_command(context, group) if group else None
    command: Any = found.get_command(context, "compile") if hasattr(found, "get_command") else None
    if command is None:
        return {}
    known = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
    given = [word for name, value in words if name in known for word in (name, value) if word is not None]
    if not given and command in _untold:
        return dict(_untold[command])
    try:
        with command.make_context("compile", given) as made:
            if not given:
                _untold[command] = made.params
            return dict(made.params)
    except click.ClickException as error:
        raise Misused(" ".join(error.format_message().split())) from error


def _check_options(start: Any, words: Sequence[str]) -> None:
    """Raise Misused unless the words are options and nothing else: a command among them would be run."""
    from metaflow._vendor import click

    try:
        _, rest, _ = start.make_parser(click.Context(start)).parse_args(args=list(words))
    except click.ClickException as error:
        raise Misused(error.format_message()) from error
    if rest:
        raise Misused(f"`{rest[0]}` is no option")


@contextlib.contextmanager
def _usage_errors(told: list[str]) -> Iterator[None]:
    """Keep the words of the errors that the command line shows before it exits."""
    from metaflow._vendor.click import exceptions

    def show(error: Any, file: Any = None) -> None:
        told.append(" ".join(error.format_message().split()))

    classes = (exceptions.ClickException, exceptions.UsageError)
    before = [cls.show for cls in classes]
    for cls in classes:
        cls.show = show
    try:
        yield
    finally:
        for cls, method in zip(classes, before, strict=True):
            cls.show = method


@contextlib.contextmanager
def _without(names: Iterable[str]) -> Iterator[None]:
    """The environment without some variables."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
