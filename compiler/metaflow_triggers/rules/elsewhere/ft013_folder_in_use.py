"""FT013: another command changes the output folder."""

SOURCE = "step-functions.md#aws-step-functions"
RAISED = "compiling/folder_lock.py"
FINDS = "Another process has been changing the folder given with `--output` or `--against` for 60 seconds."
WHY = "Two commands at once would each leave the other's files out of the folder's index."
BAD = """
$ metaflow-triggers compile flows --output manifests &
$ kill -STOP $!
$ metaflow-triggers compile flows --output manifests
"""
GOOD = "$ metaflow-triggers compile flows --output manifests"
