"""FT103: unknown key in an event or flow."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/dependency.py"
FINDS = """A key of an event's or a flow's dict that means nothing. A warning with METAFLOW_TRIGGERS_COMPAT=upstream:
Metaflow itself ignores it."""
WHY = "A misspelt `parameters` that is ignored deploys a flow that starts without its values."
BAD = "@trigger(event={'name': 'order-placed', 'parameter': {'order_id': 'orderId'}})"
GOOD = "@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderId'}})"
