"""FT037: the schema of an event is none."""

SOURCE = "project-file.md#the-event-catalogue"
RAISED = "project_file"
FINDS = """The catalogue of the project file has a schema that is no JSON Schema, cannot be read, or refers to what
is not inside of it. Exit code 2."""
WHY = "What it should check would be taken for checked."
LANGUAGE = "text"
BAD = """
[events.order-placed]
schema = {type = "objekt"}
"""
GOOD = """
[events.order-placed]
schema = {type = "object"}
"""
