"""FT765: the payload does not fit the catalogue."""

SOURCE = "project-file.md#the-event-catalogue"
RAISED = "commands/emit.py commands/simulate.py rules/catalogued.py"
FINDS = """`metaflow-triggers emit`, the events file of `simulate`, or `emit_event` in a run of the local engine has a
payload that does not fit the schema of the event in the catalogue of the project file. Nothing is published, or
simulated; exit code 2."""
WHY = "Flows that wait for the event rely on what its owner promised."
LANGUAGE = "text"
BAD = """
# the catalogue: [events.order-placed] schema.properties.orderId = {type = "string"}

$ metaflow-triggers emit order-placed --payload '{"orderId": 7}'

"""
GOOD = """
$ metaflow-triggers emit order-placed --payload '{"orderId": "7"}'

"""
