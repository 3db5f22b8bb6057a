"""FT308: the event has no such field."""

SEVERITY = "warning"
SOURCE = "project-file.md#the-event-catalogue"
RAISED = "rules/events.py"
FINDS = """A mapping or a filter names a field that the schema of the event, in the project's catalogue, does not
list; an error where the schema forbids it."""
WHY = "The Parameter would keep its default, or the flow would never start."
LANGUAGE = "text"
BAD = """
# the catalogue: [events.order-placed] schema.properties.orderId = {}

@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderID'}})
"""
GOOD = """
@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderId'}})
"""
