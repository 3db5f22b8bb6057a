"""FT714: an argument of a poll trigger is not understood."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/declare.py engine/polls/records.py commands/history.py"
FINDS = """An unknown argument, a value that the argument does not take, or `dedup='once'` beside
`allow_concurrent=True`, which says the opposite. The management calls say it too."""
WHY = "It would have no effect, or another one than was meant."
BAD = """
@trigger(workflow='FileProcessor', allow_concurrent='no')
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='FileProcessor', allow_concurrent=False)
def file_watcher(): ...
"""
