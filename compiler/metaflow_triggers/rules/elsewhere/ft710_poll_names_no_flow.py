"""FT710: a poll trigger names no flow."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/declare.py"
FINDS = """`trigger` without `workflow`, with one that is no text or empty, with `workflow` and `on` that differ, or
written without parentheses."""
WHY = "Nothing says what a fire would start."
BAD = """
@trigger
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='FileProcessor')
def file_watcher(): ...
"""
