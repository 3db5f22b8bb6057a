"""Completion: `metaflow-triggers completion bash`, what a shell completes.

In:   the parser of all commands, the shell's name.
Out:  a script on standard output, to be sourced; it calls nothing of ours, so it answers at once.

Not here: values of options, but for those with choices; what stands in no list are files.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from typing import Any

from .misspelt import subparsers

NAME = "metaflow-triggers"


def add_parser(commands: Any, whole: Callable[[], argparse.ArgumentParser]) -> None:
    """Declare the command. `whole` gives the parser of all commands."""
    parser = commands.add_parser("completion", help="what a shell needs to complete commands and options: source it")
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(work=lambda options: _print(options.shell, whole()))


def _print(shell: str, parser: argparse.ArgumentParser) -> int:
    sys.stdout.write({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](parser))
    return 0


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS]


def _help(action: argparse.Action) -> str:
    return " ".join((action.help or "").replace("%%", "%").split())


def _choices(action: argparse.Action) -> list[str]:
    return [str(item) for item in action.choices or ()]


def _bash(parser: argparse.ArgumentParser) -> str:
    commands = subparsers(parser)
    lines = [f"# {NAME} completion bash: source this file", "_metaflow_triggers() {"]
    lines += ['    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words=""']
    lines += [
        "    if [ $COMP_CWORD -eq 1 ]; then",
        f"        words={shlex.quote(' '.join([*commands, '--help', '--version']))}",
    ]
    lines += ["    else", '        case "${COMP_WORDS[1]} $before" in']
    for name, command in commands.items():
        for action in command._actions:
            patterns = [f"{shlex.quote(f'{name} {option}')}" for option in action.option_strings]
            if patterns and action.choices:
                lines.append(f"            {'|'.join(patterns)}) words={shlex.quote(' '.join(_choices(action)))};;")
    lines += ["            *)", '                case "${COMP_WORDS[1]}" in']
    for name, command in commands.items():
        words = [option for action in _actions(command) for option in action.option_strings]
        places = [choice for action in command._actions if not action.option_strings for choice in _choices(action)]
        lines.append(f"                    {name}) words={shlex.quote(' '.join([*words, *places]))};;")
    lines += ["                esac;;", "        esac", "    fi"]
    lines += ['    COMPREPLY=($(compgen -W "$words" -- "$word"))', "}"]
    lines += [f"complete -o default -F _metaflow_triggers {NAME}", ""]
    return "\n".join(lines)


def _zsh(parser: argparse.ArgumentParser) -> str:
    return "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" + _bash(parser)


def _fish(parser: argparse.ArgumentParser) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    root = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {item.dest: _help(item) for item in root._choices_actions}
    lines = [f"# {NAME} completion fish: source this file"]
    for name, command in subparsers(parser).items():
        at = f"complete -c {NAME}"
        lines.append(f"{at} -n __fish_use_subcommand -a {name} -d {quoted(helps.get(name, ''))}")
        for action in _actions(command):
            words = [f"-l {item[2:]}" if item.startswith("--") else f"-s {item[1:]}" for item in action.option_strings]
            if action.choices:
                words.append(f"-x -a {quoted(' '.join(_choices(action)))}")
            elif action.nargs != 0:
                words.append("-r")
            lines.append(f"{at} -n '__fish_seen_subcommand_from {name}' {' '.join(words)} -d {quoted(_help(action))}")
    return "\n".join([*lines, ""])
