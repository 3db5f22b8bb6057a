"""FT720: a context that never repeats."""

SEVERITY = "warning"
SOURCE = "poll-triggers.md#what-a-fire-does"
RAISED = "reading/polls.py"
FINDS = """A context with a clock or a random value among its literal keys, in a trigger without
`allow_concurrent=True`. Calls are judged by their names."""
WHY = "Equal contexts start one run at a time. A context that is new at every poll starts a run at every poll."
BAD = """
@trigger(workflow='IngestCsv')
def watch_inbox():
    return fire(Context({'path': oldest('/srv/inbox'), 'seen_at': time.time()}))
"""
GOOD = """
@trigger(workflow='IngestCsv', dedup_keys=['path'])
def watch_inbox():
    return fire(Context({'path': oldest('/srv/inbox'), 'seen_at': time.time()}))
"""
