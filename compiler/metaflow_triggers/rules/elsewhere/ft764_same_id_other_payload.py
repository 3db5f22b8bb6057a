"""FT764: the name and id of another event."""

SOURCE = "semantics.md#7-when-a-flow-starts"
RAISED = "engine/accept.py"
FINDS = "The local engine has accepted an event of this name and id before, with another payload. Nothing was stored."
WHY = """An event is its name and its id: with both, and the same payload, it is the same event and starts nothing new.
With another payload one of the two would be lost without a word."""
BAD = """
$ metaflow-triggers emit order-placed --id order-7 --payload '{"sum": 1}'
$ metaflow-triggers emit order-placed --id order-7 --payload '{"sum": 2}'
"""
GOOD = """
$ metaflow-triggers emit order-placed --id order-7 --payload '{"sum": 1}'
$ metaflow-triggers emit order-placed --id order-8 --payload '{"sum": 2}'
"""
