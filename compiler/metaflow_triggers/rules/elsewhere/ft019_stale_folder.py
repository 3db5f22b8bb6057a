"""FT019: the output folder is stale."""

SOURCE = "commands.md#is-the-folder-stale"
RAISED = "compiling/stale.py"
FINDS = """`compile --check` compiles without writing, and the folder given with `--output` is not what `compile` would
write: a flow starts differently, is new or gone, or a file was edited. Where only the code package differs, or only
what was recorded of the compilation (the user, a version), it says that."""
WHY = "What is reviewed and deployed is the folder, and the flows do something else."
BAD = """
$ metaflow-triggers compile flows --output manifests
$ rm flows/report.py
$ metaflow-triggers compile flows --output manifests --check
"""
GOOD = """
$ metaflow-triggers compile flows --output manifests
$ metaflow-triggers compile flows --output manifests --check
"""
