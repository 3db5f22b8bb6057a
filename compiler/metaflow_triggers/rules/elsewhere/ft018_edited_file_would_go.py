"""FT018: a file that would be removed was edited."""

SOURCE = "commands.md#the-folder-is-owned"
RAISED = "compiling/folder.py"
FINDS = """A file of the output folder belongs to a flow that is no longer emitted, or its flow no longer has it, and
it is not as `compile` wrote it: its SHA-256 is not the one in `metaflow-triggers.json`."""
WHY = """What somebody has written by hand would be lost. Nothing is written; the other files are as they were."""
BAD = """
$ metaflow-triggers compile flows --output manifests
$ echo '# see the runbook' >> manifests/step-functions/Report.yaml
$ rm flows/report.py
$ metaflow-triggers compile flows --output manifests
"""
GOOD = """
$ rm manifests/step-functions/Report.yaml
$ metaflow-triggers compile flows --output manifests
"""
