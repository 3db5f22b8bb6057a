"""Launcher: starts a flow's `init` with its parameters, inside one process.

In:   `python -m metaflow_extensions.triggers.plugins.launcher step-functions -- flow.py <options> init <options>`
      `python -m ... argo-workflows [name,t|f,<base64> ...] -- flow.py <options> init <options>`
      `python -m ... local <row id of the start> -- flow.py <options> run <options>` (`local_launcher`)
Out:  the run's parameters. Precedence: given by hand, then the event's, then the default.

Not here: which values (`parameters_of_run`), finding the moment to hand them over (`handover`). A value that does
not fit ends the process with code 1 before any code of a step.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
from collections.abc import Callable
from typing import Any

from metaflow_extensions.triggers.plugins.backends import BACKENDS

_USAGE = f"usage: launcher {'|'.join(BACKENDS)} [name,t|f,base64 ...] -- flow.py [options] init [options]"
_INTERPRETER = re.compile(r"python[0-9.]*")


def main(arguments: list[str]) -> None:
    """Run the flow file of the command line as `__main__`. Exits as the flow does; code 2 for a wrong command line."""
    if arguments[:1] == ["local"]:
        # Under `python -m` this file is `__main__`.
        from metaflow_extensions.triggers.plugins import local_launcher

        local_launcher.main(arguments[1:])
    if "--" not in arguments or arguments[0] not in BACKENDS:
        sys.exit(_USAGE)
    place = arguments.index("--")
    backend, given, command = arguments[0], arguments[1:place], arguments[place + 1 :]
    if command and _INTERPRETER.fullmatch(os.path.basename(command[0])):
        command = command[1:]
    if not command or "init" not in command:
        sys.exit(_USAGE)
    run_id = _run_id(command)

    # Under `python -m`, this file is `__main__`; the module that the decorators see is the imported one.
    from metaflow_extensions.triggers.plugins import handover, parameters_of_run

    def texts(flow: Any, flow_datastore: Any) -> dict[str, str]:
        compute: Callable[..., dict[str, str]] = getattr(parameters_of_run, BACKENDS[backend].parameters)
        return compute(flow, flow_datastore, run_id, given)

    handover.offer(texts)
    sys.argv = command
    sys.path[0] = os.path.dirname(os.path.abspath(command[0]))  # as `python flow.py` has it
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        if end.code in (None, 0) and not handover.was_delivered():
            _not_delivered(backend)
        raise
    if not handover.was_delivered():
        _not_delivered(backend)


def _not_delivered(backend: str) -> None:
    sys.exit(f"FT001: the flow ran without @{BACKENDS[backend].decorator[0]} of metaflow-triggers")


def _run_id(command: list[str]) -> str:
    for place, word in enumerate(command):
        if word == "--run-id" and place + 1 < len(command):
            return command[place + 1]
        if word.startswith("--run-id="):
            return word.split("=", 1)[1]
    sys.exit(_USAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
