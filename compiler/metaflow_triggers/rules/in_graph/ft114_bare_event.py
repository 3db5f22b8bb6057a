"""FT114: a bare event sets no parameter."""

SEVERITY = "note"
SOURCE = "semantics.md#2-trigger"
FINDS = "A flow with parameters waits for a single event without a mapping."
WHY = """Only what is written is mapped, so every parameter keeps its default in such a run. Upstream Metaflow maps all
parameters by name in this one case."""
BAD = """
@trigger(event='order-placed')
class OrderFlow(FlowSpec):
    order_id = Parameter('order_id', default='')
"""
GOOD = """
@trigger(event={'name': 'order-placed', 'parameters': ['order_id']})

# or, every parameter from the field of the same name:
@trigger(event='order-placed', options={'auto_map': True})
"""
