"""FT515: a deployment or compilation would end the polls of a file that was not read."""

SEVERITY = "error"
SOURCE = "poll-triggers.md#in-a-cluster"
RAISED = "backends/left_out.py"
FINDS = """`create` or `compile --output` of a flow whose poll triggers are declared in several files, by a command that
has read one of them: a trigger of another file is deployed, or stands in the output folder, and that file still
declares it. `diff` of a part of a project warns of such a trigger, and compares what was read."""
WHY = "The flow's poller has what the command has read. The other trigger would silently be polled no more."
BAD = "$ python flow.py argo-workflows create       # polls.py beside it declares a poll of this flow"
GOOD = "$ metaflow-triggers create .                 # reads both"
