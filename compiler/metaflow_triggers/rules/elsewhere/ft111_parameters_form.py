"""FT111: bad form of `parameters`."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/mapping.py"
FINDS = """`parameters` is no dict {flow parameter: event field}, no list or tuple of 'same_name' or ('flow_parameter',
'event_field'), and no callable that returns one of these. A warning for a tuple with METAFLOW_TRIGGERS_COMPAT=upstream,
under which it has no effect."""
WHY = "A mapping that is dropped starts the flow without its values."
ALSO = "FT114"
BAD = "@trigger(event={'name': 'order-placed', 'parameters': [('order_id', 'order', 'id')]})"
GOOD = "@trigger(event={'name': 'order-placed', 'parameters': [('order_id', 'order.id')]})"
