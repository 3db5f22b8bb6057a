"""FT102: an event has a form that is not understood."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/dependency.py reading/trigger.py reading/values.py"
FINDS = "An element of `event` or `events` that is no string, no dict with a `name` and no callable."
WHY = "The flow would wait for something that cannot be named."
BAD = "@trigger(event=('data-ready', {'day': 'day'}))"
GOOD = "@trigger(event={'name': 'data-ready', 'parameters': {'day': 'day'}})"
