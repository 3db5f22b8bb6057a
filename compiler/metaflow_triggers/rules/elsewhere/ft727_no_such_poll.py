"""FT727: no poll trigger of this name."""

SOURCE = "poll-triggers.md#looking-after-it"
RAISED = "engine/pauses.py poll/errors.py"
FINDS = "A command or a call names a poll trigger that the database does not know."
WHY = "Nothing was changed."
BAD = "$ metaflow-triggers disable file_wacher"
GOOD = """
$ metaflow-triggers list
$ metaflow-triggers disable file_watcher
"""
