"""FT773: no dead letter has this id, or several have."""

SOURCE = "dead-letters.md#which-letters"
RAISED = "commands/dead_letters.py"
FINDS = """An id that was given to `dead-letters` is that of no letter that the flows have, or the beginning of several
ids. It may have been sent again or dropped meanwhile."""
WHY = "Nothing was sent and nothing was dropped."
BAD = "$ metaflow-triggers dead-letters send-again 2f4"
GOOD = """
$ metaflow-triggers dead-letters list
$ metaflow-triggers dead-letters send-again 2f4a71c0
"""
