"""FT504: the backend cannot tell an outcome."""

SOURCE = "semantics.md#4-trigger_on_finish"
FINDS = """A @trigger_on_finish waits for an outcome that the backend cannot tell. Step Functions and Argo Workflows
tell every outcome; a backend of somebody else may not."""
WHY = "Leaving out an outcome would leave out starts."
BAD = "@trigger_on_finish(flow='ScoreFlow', match='timeout')"
GOOD = "@trigger_on_finish(flow='ScoreFlow', match=['success', 'failure'])"
