"""FT301: unknown parameter in a mapping."""

SOURCE = "semantics.md#2-trigger"
FINDS = "A mapping sets a parameter that the flow does not have. Names count as written, case included."
WHY = "The run would start without the value, or not at all."
BAD = """
@trigger(event={'name': 'signup', 'parameters': {'user': 'userId'}})
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id')
"""
GOOD = """
@trigger(event={'name': 'signup', 'parameters': {'user_id': 'userId'}})
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id')
"""
