"""FT110: a deploy-time callable failed."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/values.py"
FINDS = """A function in a trigger raised, or returned something that has no form of an event, a flow or `parameters`.
The exception and the line that raised it are quoted."""
WHY = "Until the function answers, it is not known what the flow waits for."
BAD = """
def which(context):
    return 42

@trigger(event=which)
"""
GOOD = """
def which(context):
    return 'prod-event' if context.user_name == 'deployer' else 'dev-event'

@trigger(event=which)
"""
