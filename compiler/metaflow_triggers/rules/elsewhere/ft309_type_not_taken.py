"""FT309: the Parameter does not take the type of the field."""

SOURCE = "project-file.md#the-event-catalogue"
RAISED = "rules/events.py"
FINDS = """A mapping gives a Parameter a field that, by the schema of the event in the project's catalogue, never has
a value that the Parameter's type takes."""
WHY = "Every run that the event starts would fail."
LANGUAGE = "text"
BAD = """
# the catalogue: [events.order-placed] schema.properties.items = {type = "array"}

count = Parameter('count', type=int)
@trigger(event={'name': 'order-placed', 'parameters': {'count': 'items'}})
"""
GOOD = """
# schema.properties.count = {type = "integer"}

@trigger(event={'name': 'order-placed', 'parameters': {'count': 'count'}})
"""
