"""FT014: the output folder was changed in part."""

SOURCE = "step-functions.md#aws-step-functions"
RAISED = "compiling/folder.py"
FINDS = "The file system refused a change of the output folder when a part of it had been made."
WHY = """Until the change is finished, the folder says neither what it said nor what it shall say. The next command
finishes it before it does anything else."""
BAD = "$ metaflow-triggers compile flows --output manifests   # a file of it was made immutable"
GOOD = """
$ chattr -i manifests/*/*
$ metaflow-triggers compile flows --output manifests
"""
