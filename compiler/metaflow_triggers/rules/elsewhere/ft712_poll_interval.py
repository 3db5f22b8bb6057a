"""FT712: poll_interval is not understood."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/declare.py"
FINDS = """An interval other than a whole number above zero and one of the units ms, s, m, h, or one of more than
2147483647 ms. Nothing is rounded or guessed."""
WHY = "A wrong interval polls far too often, or hardly ever."
BAD = """
@trigger(workflow='FileProcessor', poll_interval='1.5 min')
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='FileProcessor', poll_interval='90s')
def file_watcher(): ...
"""
