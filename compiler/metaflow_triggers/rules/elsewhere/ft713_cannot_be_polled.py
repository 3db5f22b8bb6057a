"""FT713: this cannot be polled."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/declare.py"
FINDS = "The decorated object is no plain function without required arguments: it is a class, a coroutine, a generator."
WHY = "A poll is called without arguments and returns its answer at once."
BAD = """
@trigger(workflow='FileProcessor')
async def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='FileProcessor')
def file_watcher(): ...
"""
