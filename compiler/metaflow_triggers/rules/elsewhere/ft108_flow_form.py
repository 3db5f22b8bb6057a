"""FT108: a flow has a form that is not understood."""

SOURCE = "semantics.md#4-trigger_on_finish"
RAISED = "reading/dependency.py reading/trigger.py"
FINDS = """An element of `flow` or `flows` that is no flow name, no 'project.branch.Flow', no dict with a `name` and no
callable."""
WHY = "The flow would wait for something that cannot be named."
BAD = "@trigger_on_finish(flow='ml.ScoreFlow')"
GOOD = "@trigger_on_finish(flow='ml.prod.ScoreFlow')"
