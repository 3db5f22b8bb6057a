"""FT306: an outcome has no such field."""

SOURCE = "semantics.md#4-trigger_on_finish"
FINDS = """A mapping or a filter of @trigger_on_finish names a field that the payload of an outcome lacks. It has
`flow`, `run_id`, `outcome`, `project`, `branch`, `step` and `error`."""
WHY = "The parameter would never get a value; the filter would never match."
BAD = "@trigger_on_finish(flow='ScoreFlow', parameters={'run': 'runId'})"
GOOD = "@trigger_on_finish(flow='ScoreFlow', parameters={'run': 'run_id'})"
