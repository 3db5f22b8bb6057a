"""FT717: a poll trigger starts an unknown flow."""

SOURCE = "poll-triggers.md#trigger"
FINDS = """No file of the command defines a class of the name in `workflow`, nor of its CamelCase form; or several flows
(of different projects) have it."""
WHY = "The poll would fire and nothing would start."
BAD = """
@trigger(workflow='file_procesor')       # the class is FileProcessor
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='file_processor')
def file_watcher(): ...
"""
