"""FT511: poll triggers do not run on this backend yet."""

SEVERITY = "warning"
SOURCE = "poll-triggers.md#poll-triggers"
RAISED = "backends commands/simulate.py"
FINDS = """A poll trigger is left out of what is compiled for a cloud. Its flow and all others are compiled; `--strict`
refuses."""
WHY = "Nothing polls there: the flow is deployed, and its other triggers start it, this one does not."
BAD = "$ metaflow-triggers compile flows        # one of them declares @trigger(workflow=...) of a poll"
GOOD = "$ metaflow-triggers run flows            # the local engine polls"
