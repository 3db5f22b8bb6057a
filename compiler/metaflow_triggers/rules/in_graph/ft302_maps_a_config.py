"""FT302: a mapping sets a Config."""

SOURCE = "semantics.md#2-trigger"
FINDS = "A mapping sets a `Config`."
WHY = "A Config is read when the flow is deployed; an event comes later."
BAD = """
@trigger(event={'name': 'signup', 'parameters': {'model': 'model'}})
class WelcomeFlow(FlowSpec):
    model = Config('model', default_value={})
"""
GOOD = """
@trigger(event={'name': 'signup', 'parameters': {'model': 'model'}})
class WelcomeFlow(FlowSpec):
    model = Parameter('model', type=JSONType, default='{}')
"""
