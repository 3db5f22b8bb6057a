"""Local decorator: what a run of the local engine does around the user's steps.

In:   the run's id as Metaflow makes it, the trigger document that `local_launcher` holds.
Out:  the document under the run's id, `current.trigger` in every step, the step and text of a failure in the database.

Not here: parameters (`handover`), the outcome (`local_launcher`). The launcher attaches it with `--with`, so a plain
`python flow.py run` is as it was, and flows without a trigger decorator have it too.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from metaflow.decorators import StepDecorator

from .internal_decorators import ShowsTrigger


class LocalInternalDecorator(ShowsTrigger, StepDecorator):
    """`current.trigger`, and what went wrong, in runs that the local engine started."""

    name = "triggers_local_internal"

    def runtime_init(self, flow: Any, graph: Any, package: Any, run_id: Any) -> None:
        """Metaflow's hook in the process of `run`, before any task."""
        from . import local_launcher

        local_launcher.run_is_named(flow.name, self._flow_datastore, str(run_id))

    def runtime_finished(self, exception: Any) -> None:
        """Metaflow's hook in the process of `run`."""
        if exception is not None:
            from . import local_launcher

            local_launcher.run_has_failed(exception)

    def _document_is_required(self, flow: Any, run_id: str) -> bool | None:
        return True

    def task_exception(  # noqa: PLR0917 - Metaflow's signature
        self,
        exception: Any,
        step_name: Any,
        flow: Any,
        graph: Any,
        retry_count: Any,
        max_user_code_retries: Any,
    ) -> None:
        """Metaflow's hook; the exception stays the step's own affair."""
        import sqlite3  # a Python that runs steps on a cloud may lack it

        from . import local_events, local_runs

        database, start = os.environ.get(local_runs.DATABASE_VARIABLE), os.environ.get(local_runs.START_VARIABLE)
        if not database or not start:  # a step that runs elsewhere
            return
        # Best effort: without it the outcome says which step failed, but not why.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(local_events.connect(database)) as connection:
            local_runs.note_failure(connection, int(start), str(step_name), f"{type(exception).__name__}: {exception}")
