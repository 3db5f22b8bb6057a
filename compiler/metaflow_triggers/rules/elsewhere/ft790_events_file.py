"""FT790: the events file is not understood."""

SOURCE = "local.md#see-what-would-start"
RAISED = "commands/simulate.py"
FINDS = """The file of `metaflow-triggers simulate --events` cannot be read, is neither JSON nor JSON lines, or has an
item of an unknown form. The line and the item are named."""
WHY = "A part that is skipped would make the simulation of something else."
LANGUAGE = "json"
BAD = '{"event": "order-placed", "payload": {"id": 7}}'
GOOD = """
{"name": "order-placed", "payload": {"id": 7}}
{"flow": "DataIngestion", "outcome": "success", "run_id": "12"}
{"at": "2026-01-05T09:00:00Z"}
"""
