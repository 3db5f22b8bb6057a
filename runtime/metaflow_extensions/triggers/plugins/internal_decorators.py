"""Internal decorators: what our deployed tasks do before the user's step.

In:   the task's run id, its datastore, its environment.
Out:  `current.trigger`; in the process of `init`, the parameters (`handover`).

Not here: reading events (`contract.event_reader`), where documents come from (the starter on AWS, `argo_source` on
Argo). Metaflow imports this module with itself, so what only a task needs is imported there.
"""

from __future__ import annotations

import os
from typing import Any

from metaflow.metaflow_current import current
from metaflow.plugins.argo.argo_workflows_decorator import ArgoWorkflowsInternalDecorator as _UpstreamArgo
from metaflow.plugins.aws.step_functions.step_functions_decorator import (
    StepFunctionsInternalDecorator as _UpstreamStepFunctions,
)


def is_triggered(flow: Any) -> bool:
    """Whether an event may start the flow: one of our decorators says so, or it is deployed with poll triggers."""
    from ..contract.words import POLLED_VARIABLE

    decorators = flow._flow_decorators
    return bool(decorators.get("trigger") or decorators.get("trigger_on_finish") or os.environ.get(POLLED_VARIABLE))


def expose(flow: Any, flow_datastore: Any, run_id: str, required: bool) -> None:
    """Make the run's document `current.trigger`. Raises RuntimeError if it is required and missing."""
    from ..contract.event_reader import select
    from . import document
    from .trigger_object import Trigger

    found = document.read(flow_datastore, flow.name, run_id)
    if found is not None:
        events = select(found)
        if events:  # a schedule of the local engine starts a run without any
            current._update_env({"trigger": Trigger.of_events(events)})
    elif required:
        raise RuntimeError(f"run {run_id} was started by an event, but its trigger document is not in the datastore")


class ShowsTrigger:
    """Keeps the datastore for the task, which then makes its run's document `current.trigger`."""

    def step_init(  # noqa: PLR0917 - Metaflow's signature
        self,
        flow: Any,
        graph: Any,
        step_name: Any,
        decorators: Any,
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Metaflow's hook; comes before `init` reads its options."""
        super().step_init(  # type: ignore[misc]
            flow, graph, step_name, decorators, environment, flow_datastore, logger
        )
        self._flow_datastore = flow_datastore

    def task_pre_step(  # noqa: PLR0917 - Metaflow's signature
        self,
        step_name: Any,
        task_datastore: Any,
        metadata: Any,
        run_id: Any,
        task_id: Any,
        flow: Any,
        graph: Any,
        retry_count: Any,
        max_user_code_retries: Any,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Metaflow's hook. Raises RuntimeError if the run's document is required and missing."""
        super().task_pre_step(  # type: ignore[misc]
            step_name,
            task_datastore,
            metadata,
            run_id,
            task_id,
            flow,
            graph,
            retry_count,
            max_user_code_retries,
            ubf_context,
            inputs,
        )
        required = self._document_is_required(flow, str(run_id))
        if required is not None:
            expose(flow, self._flow_datastore, str(run_id), required)

    def _document_is_required(self, flow: Any, run_id: str) -> bool | None:
        """Whether the run cannot be without a document; None if it has none, so that nothing is asked for."""
        raise NotImplementedError


class _Hands(ShowsTrigger):
    """On both clouds parameters are handed over when `init` starts."""

    def step_init(  # noqa: PLR0917 - Metaflow's signature
        self,
        flow: Any,
        graph: Any,
        step_name: Any,
        decorators: Any,
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Metaflow's hook; comes before `init` reads its options."""
        from . import handover

        super().step_init(flow, graph, step_name, decorators, environment, flow_datastore, logger)
        handover.deliver(flow, flow_datastore)


class StepFunctionsInternalDecorator(_Hands, _UpstreamStepFunctions):
    """Metaflow's bookkeeping on Step Functions, then `current.trigger`."""

    def _document_is_required(self, flow: Any, run_id: str) -> bool | None:
        from ..contract.words import STARTED_BY_EVENT

        return True if STARTED_BY_EVENT.fullmatch(run_id) else None  # no other run asks the datastore


class ArgoWorkflowsInternalDecorator(_Hands, _UpstreamArgo):
    """Metaflow's bookkeeping on Argo Workflows, then `current.trigger`."""

    def _document_is_required(self, flow: Any, run_id: str) -> bool | None:
        return False if is_triggered(flow) else None
