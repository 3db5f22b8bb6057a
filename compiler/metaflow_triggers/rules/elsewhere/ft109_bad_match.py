"""FT109: bad `match`."""

SOURCE = "semantics.md#4-trigger_on_finish"
RAISED = "reading/dependency.py"
FINDS = "A `match` that is not 'success', 'failure', 'timeout', 'aborted', 'finish' or a list of these."
WHY = "The flow would wait for an outcome that no run can have."
BAD = "@trigger_on_finish(flow='ScoreFlow', match='succeeded')"
GOOD = "@trigger_on_finish(flow='ScoreFlow', match='success')"
