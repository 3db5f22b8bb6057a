"""FT511: nothing polls on this backend yet."""

SEVERITY = "warning"
SOURCE = "poll-triggers.md#poll-triggers"
RAISED = "backends commands/simulate.py"
FINDS = """A poll trigger is left out of what is compiled for AWS Step Functions, or for a backend of another package.
Its flow and all others are compiled; `--strict` refuses. Also where the flow that it starts is not among those that are
compiled: on Argo Workflows a poller is deployed with its flow."""
WHY = "Nothing polls there: the flow is deployed, and its other triggers start it, this one does not."
BAD = "$ metaflow-triggers compile flows --backend step-functions   # one declares @trigger(workflow=...) of a poll"
GOOD = "$ metaflow-triggers compile flows --backend argo-workflows   # there, and with `run`, something polls"
