"""FT601: an emitted object violates its schema."""

SOURCE = "architecture.md#architecture"
RAISED = "diagnostics/ours.py"
FINDS = "An object that we made does not fit the closed schema of its kind. Nothing is written."
WHY = "The backend would refuse it, or ignore the part that does not fit. The mistake is ours, not the flow's."
BAD = """
$ metaflow-triggers compile flows
error[FT601]: ...
"""
GOOD = "$ metaflow-triggers compile flows --format json > report.json     # attach it to a bug report"
