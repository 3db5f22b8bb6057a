"""FT513: an interval that is too short for a cloud."""

SEVERITY = "error"
SOURCE = "poll-triggers.md#in-a-cluster"
RAISED = "backends/declared.py"
FINDS = "A poll trigger whose interval is shorter than one second, compiled for Argo Workflows or AWS Step Functions."
WHY = """Each poll asks for what is remembered of the trigger and writes it: the Kubernetes API, or DynamoDB. Ten times
a second is too much for the one and dear on the other."""
BAD = """
@trigger(workflow="FileProcessor", poll_interval="100ms")
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow="FileProcessor", poll_interval="1s")
def file_watcher(): ...
"""
