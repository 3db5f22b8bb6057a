"""FT511: nothing polls on this backend yet."""

SEVERITY = "warning"
SOURCE = "poll-triggers.md#poll-triggers"
RAISED = "backends commands/simulate.py"
FINDS = """A poll trigger is left out of what is compiled for a backend of another package, which polls nothing. Its
flow and all others are compiled; `--strict` refuses. Also where the flow that it starts is not among those that are
compiled: a poller is deployed with its flow."""
WHY = "Nothing polls there: the flow is deployed, and its other triggers start it, this one does not."
BAD = "$ metaflow-triggers compile polls.py     # @trigger(workflow='FileProcessor'), and the flow is in another file"
GOOD = "$ metaflow-triggers compile .            # both: the flow's poller has the trigger"
