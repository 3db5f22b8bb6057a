"""FT763: the event was not published."""

SOURCE = "semantics.md#9-in-the-run"
RAISED = "commands/emit.py"
FINDS = "The local engine's database, EventBridge or the webhook did not take the event. The reason is quoted."
WHY = """Whatever prints an id has accepted the event; this one was not accepted. The command can be repeated: with the
same `--id` it starts a flow at most once."""
BAD = "$ metaflow-triggers emit order-placed --backend argo-workflows"
GOOD = """
$ export METAFLOW_TRIGGERS_WEBHOOK_URL=https://events.example.com/events
$ metaflow-triggers emit order-placed --backend argo-workflows
"""
