"""FT006: compiled without a configured user."""

SEVERITY = "note"
SOURCE = "settings.md#both-backends"
RAISED = "commands/flow.py"
FINDS = "No METAFLOW_USER is configured, so the user is taken to be `nobody`."
WHY = """Under @project the user names the branch (`user.<name>`), which is part of deployed names. The operating
system's user is not asked: the output would differ from machine to machine."""
BAD = "$ metaflow-triggers compile flows"
GOOD = """
$ METAFLOW_USER=ada metaflow-triggers compile flows
$ metaflow-triggers compile flows --production
"""
