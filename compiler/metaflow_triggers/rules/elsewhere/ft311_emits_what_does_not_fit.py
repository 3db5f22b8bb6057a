"""FT311: `emit_event` gives what does not fit."""

SOURCE = "project-file.md#the-event-catalogue"
RAISED = "rules/events.py"
FINDS = """The payload that a call of `emit_event` gives, as far as it is written out, does not fit the schema of the
event in the project's catalogue. What is computed is not judged."""
WHY = "Who waits for the event relies on what its owner promised."
LANGUAGE = "text"
BAD = """
# the catalogue: [events.order-placed] schema.properties.orderId = {type = "string"}

emit_event('order-placed', {'orderId': 7})
"""
GOOD = """
emit_event('order-placed', {'orderId': '7'})
"""
