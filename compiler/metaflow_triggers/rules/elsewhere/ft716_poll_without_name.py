"""FT716: the function of a poll trigger has no name in its module."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "reading/polls.py"
FINDS = "The polled function is defined inside another function, or its name was given to something else later."
WHY = "A poller in another process could not import it as `module:function`."
BAD = """
@trigger(workflow='A', name='a')
def watch(): ...

@trigger(workflow='B', name='b')
def watch(): ...
"""
GOOD = """
@trigger(workflow='A')
def watch_a(): ...

@trigger(workflow='B')
def watch_b(): ...
"""
