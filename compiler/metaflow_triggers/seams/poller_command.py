"""Poller command: what a container does to have a flow's code and packages, before it runs a step.

In:   the command of a container that upstream made for a step on Kubernetes.
Out:  its beginning, up to the moment at which the step would begin, without what belongs to a task of a run.

Not here: the rest of the container (`backends.argo.compile.poller`).
"""

from __future__ import annotations

import re

from ..diagnostics import DiagnosticError
from .shape import unknown_shape

_OF_THE_TASK = re.compile(r"(?<=mkdir -p \$PWD/\.logs && )export .*?(?=mflog\(\)\{)", re.DOTALL)
"""Names of the run and the task, as `_step_cli` and `bash_capture_logs` of Metaflow's argo_workflows.py write them."""
_BEGINS = " && mflog 'Task is starting.'"
_LOGS = "export PYTHONUNBUFFERED=x MFLOG_STDOUT=$PWD/.logs/mflog_stdout MFLOG_STDERR=$PWD/.logs/mflog_stderr && "


def with_code(command: str) -> str:
    """The shell text after which the code lies in the current folder, and the packages are there.

    Raises DiagnosticError for a shape that is not known.
    """
    head, found, _ = command.partition(_BEGINS)
    head, count = _OF_THE_TASK.subn(lambda _: _LOGS, head, count=1)
    if not found or count != 1 or "{{" in head:
        raise DiagnosticError([unknown_shape("a step's container gets its code in an unknown way")])
    return head
