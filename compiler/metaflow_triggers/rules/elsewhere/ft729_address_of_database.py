"""FT729: the address of a database is not understood."""

SOURCE = "poll-triggers.md#looking-after-it"
RAISED = "poll/runner.py"
FINDS = "`DefaultRunner` was given something else than `sqlite://` and the path of a file."
WHY = "Nothing was opened."
BAD = "DefaultRunner('workflows.db')"
GOOD = "DefaultRunner('sqlite://workflows.db')"
