"""FT719: a TriggerResult is made by skip() or fire()."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/result.py"
FINDS = "A call of the class itself, or `fire` with something else than a `Context`."
WHY = "Only `skip()` and `fire(context)` say what is meant."
BAD = "TriggerResult.fire({'path': 'a.csv'})"
GOOD = "TriggerResult.fire(Context({'path': 'a.csv'}))"
