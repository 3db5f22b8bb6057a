"""FT722: two poll triggers share a name."""

SOURCE = "poll-triggers.md#trigger"
FINDS = "Two triggers of the command have one name, or names that give their runs the same names."
WHY = "Their histories, and whether they are enabled, would be one."
BAD = """
@trigger(workflow='A', name='inbox')
def first(): ...

@trigger(workflow='B', name='inbox')
def second(): ...
"""
GOOD = """
@trigger(workflow='A', name='inbox-a')
def first(): ...

@trigger(workflow='B', name='inbox-b')
def second(): ...
"""
