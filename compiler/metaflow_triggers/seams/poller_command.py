"""Poller command: what a container does to have a flow's code and packages, before it runs a step.

In:   the command of a container that upstream made for a step on Kubernetes; the environment that makes those of Batch.
Out:  its beginning, up to the moment at which the step would begin, without what belongs to a task of a run.

Not here: the rest of the container (`backends.argo.compile.poller`, `backends.step_functions.compile.poller_job`).
"""

from __future__ import annotations

import re
from typing import Any

from ..diagnostics import DiagnosticError
from . import shell_words
from .shape import unknown_shape

_OF_THE_TASK = re.compile(r"(?<=mkdir -p \$PWD/\.logs && )export .*?(?=mflog\(\)\{)", re.DOTALL)
"""Names of the run and the task, as `_step_cli` and `bash_capture_logs` of Metaflow's argo_workflows.py write them."""
_BEGINS = " && mflog 'Task is starting.'"
_LOGS = "export PYTHONUNBUFFERED=x MFLOG_STDOUT=$PWD/.logs/mflog_stdout MFLOG_STDERR=$PWD/.logs/mflog_stderr && "


def with_code(command: str) -> str:
    """The shell text after which the code lies in the current folder; packages come after it (`packages_of`).

    Raises DiagnosticError for a shape that is not known.
    """
    head, found, _ = command.partition(_BEGINS)
    head, count = _OF_THE_TASK.subn(lambda _: _LOGS, head, count=1)
    if not found or count != 1 or "{{" in head:
        raise DiagnosticError([unknown_shape("a step's container gets its code in an unknown way")])
    return head


_STARTS = ["mflog 'Task is starting.'", "flush_mflogs"]
_NO_LOGS = "flush_mflogs(){ :; }"
"""Logs are kept for a task of a run, and there is none."""


def of_environment(environment: Any, step: str, store: str, url: str, metadata: str) -> dict[str, str]:
    """`command`: the shell text after which the code of a step lies in the current folder and its packages are there,
    as `Batch._command` writes it (batch.py); `python`: what runs in them. `url` is where the code package lies.

    Raises DiagnosticError for a shape that is not known.
    """
    *get, mark, flush = environment.get_package_commands(url, store, metadata)
    if [mark, flush] != _STARTS:
        raise DiagnosticError([unknown_shape("a step's container gets its code in an unknown way")])
    text = " && ".join([*get, _NO_LOGS, *environment.bootstrap_commands(step, store)])
    return {
        "command": _as_bash_reads(f"true && mkdir -p $PWD/.logs && {_LOGS}{text}"),
        "python": environment.executable(step),
    }


def packages_of(environment: Any, step: str, store: str) -> dict[str, str]:
    """`packages`: the shell text that follows `with_code` so that the packages of a step are there, "" where there are
    none; `python`: what runs in them."""
    commands = environment.bootstrap_commands(step, store)
    text = _as_bash_reads(" && ".join([_NO_LOGS, *commands])) if commands else ""
    return {"packages": text, "python": environment.executable(step)}


def _as_bash_reads(text: str) -> str:
    """What upstream puts into `bash -c "..."`, without the quotes and backslashes of that."""
    words = shell_words.split(f'bash -c "{text}"')
    return str(words[-1])
