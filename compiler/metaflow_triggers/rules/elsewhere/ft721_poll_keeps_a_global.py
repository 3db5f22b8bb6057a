"""FT721: a poll keeps a global."""

SEVERITY = "warning"
SOURCE = "poll-triggers.md#what-a-fire-does"
RAISED = "reading/polls.py"
FINDS = "The polled function assigns a global of its module."
WHY = """It lives as long as the process that polls the file, which starts anew with the engine, after a poll that took
too long or ended it, and when the file has changed. A fire that is suppressed because its run is active has changed it
already."""
BAD = """
failures = 0

@trigger(workflow='Recover')
def health_check():
    global failures
    failures = 0 if healthy() else failures + 1
    return fire() if failures >= 3 else skip()
"""
GOOD = """
@trigger(workflow='Recover')
def health_check():
    failures = count_failures_in('health.db')
    return fire() if failures >= 3 else skip()
"""
