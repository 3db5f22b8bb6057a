"""FT202: no flow emits the event."""

SEVERITY = "warning"
SOURCE = "semantics.md#7-when-a-flow-starts"
FINDS = """A flow waits for an event that no flow of the command emits by a literal name, although the files emit others
or one with a close name. Where the files emit nothing and no name is close, it is a note. Calls of `emit_event` with a
computed name are not seen."""
WHY = "If nothing outside of these files publishes the event, the flow never starts."
BAD = """
emit_event('order-placed')             # in one flow

@trigger(event='orders-placed')        # on another
"""
GOOD = """
emit_event('order-placed')

@trigger(event='order-placed')
"""
