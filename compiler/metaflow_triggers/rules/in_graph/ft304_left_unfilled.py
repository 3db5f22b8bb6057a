"""FT304: a required parameter is left unfilled by a trigger."""

SOURCE = "semantics.md#6-values"
FINDS = """A parameter is required and has no default, and a trigger can start the flow without a value for it. Under
*any* each dependency has to map it, under *all* one of them."""
WHY = "No such start could run: the event would come and nothing would happen."
BAD = """
@trigger(event='signup')
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id', required=True)
"""
GOOD = """
@trigger(event={'name': 'signup', 'parameters': {'user_id': 'userId'}})
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id', required=True)
"""
