"""Misspelt: what may have been meant by a word of the command line that there is not.

In:   what argparse says, or the words that it did not know, and the parser.
Out:  a line to say below it, or "".

Not here: what is valid (argparse), exiting.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from ..diagnostics.suggest import did_you_mean

_CHOICE = re.compile(r"invalid choice: '(?P<word>.*)' \(choose from (?P<choices>.*)\)", re.DOTALL)


def of_choice(message: str) -> str:
    """For a command, or a value of an option, that is none of those that there are."""
    found = _CHOICE.search(message)
    if found is None:
        return ""
    return _line(did_you_mean(found["word"], [item.strip("'") for item in found["choices"].split(", ")]))


def of_options(words: Sequence[str], parser: argparse.ArgumentParser, command: str | None) -> str:
    """For the first word that begins as an option does."""
    word = next((item.partition("=")[0] for item in words if item.startswith("-")), "")
    return _line(did_you_mean(word, options_of(parser, command))) if word else ""


def options_of(parser: argparse.ArgumentParser, command: str | None) -> list[str]:
    """The long options of a command, or of none."""
    chosen = subparsers(parser).get(command or "", parser)
    return [name for name in chosen._option_string_actions if name.startswith("--")]


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Each command with its parser."""
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def _line(helps: Sequence[str]) -> str:
    return f"\n  {helps[0]}" if helps else ""
