"""Words: the names by which what is compiled, what publishes and what runs find each other.

In:   nothing.
Out:  names of events, labels, arguments, environment variables, places. Once released, none of them is changed: what is
      deployed has them (tests/contracts/outer).

Not here: what stands under these names (`trigger_document`, `event_reader`); the webhook's variables: the text of
`plugins.webhook` also runs alone.
"""

from __future__ import annotations

import re

# how a run ended -----------------------------------------------------------------------------------------------------

STATUS = {"success": "SUCCEEDED", "failure": "FAILED", "timeout": "TIMED_OUT", "aborted": "ABORTED"}
"""Outcome -> the status of an execution of Step Functions."""

OUTCOME_OF_STATUS = {status: outcome for outcome, status in STATUS.items()}

STATUS_CHANGE = "Step Functions Execution Status Change"
"""The `detail-type` of the events that tell it; their source is `aws.states`, their bus `default`."""

PUBLISHED_BY_RUNS = re.compile(r"metaflow\.(outcome\..*|.*\.end)")
"""Names of events that only runs publish, of themselves: ours (`outcome_event`), those of Metaflow (`end_event`)."""


def outcome_event(deployed: str, outcome: str) -> str:
    """The event that a run of ours publishes when it ends."""
    return f"metaflow.outcome.{deployed}.{outcome}"


def end_event(qualified_name: str) -> str:
    """The event that Metaflow publishes of a run that succeeded (argo_workflows_decorator.py, `task_finished`)."""
    return f"metaflow.{qualified_name}.end"


# on EventBridge and in S3 --------------------------------------------------------------------------------------------

EVENT_RESOURCE = "metaflow-triggers:event/"
"""Before our event id, among the `resources` of an event."""


def event_resource(identity: str) -> str:
    """What an EventBridge event carries to say our event id."""
    return EVENT_RESOURCE + identity


TRIGGERS_FOLDER = "_triggers"
"""In a flow's folder of the datastore: trigger documents (`<run id>.json`), events of sets (`events/`)."""

POLLED_RUN = "poll-"
"""Begins the name of an execution that a poller started; the trigger, a hash and a number follow."""

STARTED_BY_EVENT = re.compile(rf"sfn-(event-[0-9a-f]{{64}}|{POLLED_RUN}[a-z0-9-]{{1,32}}-[0-9a-f]{{16}}-g[0-9]+)")
"""Metaflow's run id of an execution that our starter or poller started; its name is the same without `sfn-`."""

# in a Workflow -------------------------------------------------------------------------------------------------------

STARTED_BY_LABEL = "metaflow-triggers/started-by"
"""`event` on a Workflow that a Sensor of ours made."""

DEPENDENCIES_ANNOTATION = "metaflow-triggers/dependencies"
"""The document without its events."""

EVENT_ARGUMENT, PAYLOAD_ARGUMENT = "metaflow-triggers-event", "metaflow-triggers-payload"
"""Base64 of the webhook body and of its payload; of a set each with `-` and the place of its event."""

CODE_PACKAGE_ANNOTATION = "metaflow-triggers/code-package"
"""Of a flow's pods: where its code package lies below the datastore's root."""

CODE_PACKAGE_INPUT = "metaflow-triggers-code-package"
"""The same where a template makes a JobSet, whose pods have no annotations of the Workflow."""

# in a task -----------------------------------------------------------------------------------------------------------

CODE_PACKAGE_VARIABLE = "METAFLOW_TRIGGERS_CODE_PACKAGE"
"""What `CODE_PACKAGE_ANNOTATION` says, on Argo Workflows."""

POLLED_VARIABLE = "METAFLOW_TRIGGERS_POLLED"
"""Of a flow that poll triggers start, on Argo Workflows: a run may have an event, though no decorator says so."""

LAUNCHER = "metaflow_extensions.triggers.plugins.launcher"
"""The module that starts a flow's `init`, or a local run."""

INPUT_PATHS = "metaflow_extensions.triggers.plugins.argo_input_paths"
"""The module that tells a step behind a switch which tasks have run, on Argo Workflows."""
