"""FT711: the name of a poll trigger is not usable."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/declare.py"
FINDS = """A name that is no text, is empty, has blanks around it or a slash in it, is not printable or has more than
128 characters; or no name for something that has none of its own, such as a lambda."""
WHY = """The name is how the trigger is enabled, disabled and found in the history; before a slash stands the deployed
name there, where several deployments have a trigger of one name."""
BAD = """
@trigger(workflow='FileProcessor', name='')
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='FileProcessor', name='inbox')
def file_watcher(): ...
"""
