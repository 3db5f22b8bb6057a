"""FT310: a filter asks for a value that the field never has."""

SOURCE = "project-file.md#the-event-catalogue"
RAISED = "rules/events.py"
FINDS = """A filter compares a field with a value that, by the schema of the event in the project's catalogue, cannot
stand there."""
WHY = "No event meets this alternative; where it is the only one the flow never starts."
LANGUAGE = "text"
BAD = """
# the catalogue: [events.order-placed] schema.properties.country = {enum = ["CH", "DE"]}

@trigger(event={'name': 'order-placed', 'filter': {'country': ['CHE']}})
"""
GOOD = """
@trigger(event={'name': 'order-placed', 'filter': {'country': ['CH']}})
"""
