"""FT035: an acceptance is not understood."""

SOURCE = "project-file.md#accepted-findings"
RAISED = "rules/accepted.py"
FINDS = """A comment `# metaflow-triggers: accept CODE reason` gives no reason, names a code that there is not, or one
that is an error by itself."""
WHY = "Whoever reads it later cannot know whether it still holds; what is accepted in error would be emitted wrong."
BAD = """
@trigger(event='order-placed')  # metaflow-triggers: accept FT114

# on a flow with
order_id = Parameter('order_id')
"""
GOOD = """
@trigger(event='order-placed')  # metaflow-triggers: accept FT114 it counts orders

# on a flow with
order_id = Parameter('order_id')
"""
