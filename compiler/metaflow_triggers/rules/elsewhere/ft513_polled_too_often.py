"""FT513: an interval that is too short for a cluster."""

SEVERITY = "error"
SOURCE = "poll-triggers.md#in-a-cluster"
RAISED = "backends/argo/compile/refusals.py"
FINDS = "A poll trigger whose interval is shorter than one second, compiled for Argo Workflows."
WHY = "Each poll asks the Kubernetes API for what is remembered of the trigger; ten times a second is too much for it."
ALSO = "FT511"
BAD = """
@trigger(workflow="FileProcessor", poll_interval="100ms")
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow="FileProcessor", poll_interval="1s")
def file_watcher(): ...
"""
