"""Local launcher: one run of the local engine, from the claimed start to the outcome.

In:   the row id of a start; METAFLOW_TRIGGERS_DATABASE; a command line `flow.py <options> run <options>`.
Out:  the run, in this process; its id, its trigger document and its outcome in the database.

Not here: deciding that something starts, watching the process (`metaflow_triggers.engine`).
Exit code: the flow's; 3 if another process has the start.
"""

from __future__ import annotations

import os
import runpy
import signal
import sqlite3
import sys
import time
from typing import Any

from . import local_events, local_runs

TAKEN = local_runs.TAKEN
_USAGE = "usage: launcher local START -- flow.py [options] run [options]"
_PATIENCE_SECONDS = 60.0
"""How long the outcome is tried to be written (a full disk); then the engine writes it from the exit code."""


class _Run:
    """What this process knows of its run."""

    def __init__(self, database: str, start_id: int, flow_key: str, document: dict[str, Any]) -> None:
        self.database = database
        self.start_id = start_id
        self.flow_key = flow_key
        self.document = document
        self.is_named = False
        self.interrupted = False
        self.step: str | None = None
        self.error: str | None = None


_run: _Run | None = None


def main(arguments: list[str]) -> None:
    """Run the flow of the command line. Always exits."""
    if len(arguments) < 4 or arguments[1] != "--" or "run" not in arguments:
        sys.exit(_USAGE)
    database, start_id, command = os.environ[local_runs.DATABASE_VARIABLE], int(arguments[0]), arguments[2:]
    connection = local_events.connect(database)
    taken = local_runs.begin(connection, start_id)
    connection.close()
    if taken is None:
        sys.exit(TAKEN)
    global _run  # noqa: PLW0603
    flow_key, text = taken
    from ..contract.exact_json import loads

    _run = _Run(database, start_id, flow_key, loads(text))
    os.environ[local_runs.START_VARIABLE] = str(start_id)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    code: Any = 1
    try:
        code = _execute(command)
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:
        # The flow file itself raised; Python would print this and exit with 1.
        import traceback

        traceback.print_exc()
        _run.error = _run.error or f"{type(error).__name__}: {error}"
    _finish(_run, code)
    sys.stdout.flush()
    sys.exit(code)


def _interrupt(*_: Any) -> None:
    """Ends the run as Ctrl-C does: Metaflow then ends its tasks."""
    if _run is not None:
        _run.interrupted = True
    raise KeyboardInterrupt


def _execute(command: list[str]) -> Any:
    from . import handover

    handover.offer_run(_texts)
    sys.argv = command
    sys.path[0] = os.path.dirname(os.path.abspath(command[0]))  # as `python flow.py` has it
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
    else:
        code = 0
    if not handover.was_delivered() and code in (None, 0):
        assert _run is not None
        _run.error = f"{command[0]} does not run a flow when it is run: `if __name__ == '__main__': ...` is missing"
        print(_run.error, file=sys.stderr)
        return 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return 1
    return code or 0


def _finish(run: _Run, code: Any) -> None:
    state = "succeeded" if code == 0 else "aborted" if run.interrupted else "failed"
    # From here on nothing may stop the outcome from being written.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    error = "the run was interrupted" if run.interrupted else run.error or f"the run ended with exit code {code}"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection = local_events.connect(run.database)
            try:
                local_runs.finish(connection, run.start_id, state, error, run.step)
            finally:
                connection.close()
            return
        except sqlite3.Error as problem:
            if time.monotonic() > deadline:
                print(f"metaflow-triggers: the outcome could not be written: {problem}", file=sys.stderr)
                return
            time.sleep(0.5)


# inside Metaflow -------------------------------------------------------------------------------------------------


def _texts(state: Any, flow_datastore: Any) -> dict[str, str]:
    """The texts of the run's parameters. `state` is Metaflow's (flow, metadata). Raises MetaflowException."""
    from metaflow.exception import MetaflowException

    from .parameters_of_run import allow, declared_parameters, from_events

    assert _run is not None
    flow = state.flow
    expected = local_runs.parts(_run.flow_key)[0]
    if flow.name != expected:
        _run.error = f"the file runs {flow.name}, not {expected}"
        raise MetaflowException(_run.error)
    try:
        return allow(from_events(_run.document, declared_parameters(flow)))
    except MetaflowException as error:
        # The run exists and fails before user code, so that others find it under the id that the outcome names.
        _run.error = error.message.replace("\u2217", "*")
        state.metadata.add_sticky_tags(tags=[local_runs.run_tag(_run.flow_key)])
        run_is_named(flow.name, flow_datastore, str(state.metadata.new_run_id()))
        raise


def run_is_named(flow_name: str, flow_datastore: Any, run_id: str) -> None:
    """Metaflow has given the run its id: record it, and store the trigger document under it. Called per step."""
    if _run is None or _run.is_named:
        return
    _run.is_named = True
    from . import document, handover

    if not handover.was_delivered():
        raise RuntimeError(
            "FT004: this Metaflow did not ask for the event's values; the run ends before its first step"
        )

    document.write(flow_datastore, flow_name, run_id, _run.document)
    connection = local_events.connect(_run.database)
    try:
        local_runs.name_run(connection, _run.start_id, run_id)
    finally:
        connection.close()


def run_has_failed(exception: BaseException) -> None:
    """Metaflow's own word on why the run failed."""
    if _run is not None and _run.error is None:
        message = str(getattr(exception, "message", exception))
        _run.step = local_runs.failed_step(message)
        _run.error = message or type(exception).__name__
