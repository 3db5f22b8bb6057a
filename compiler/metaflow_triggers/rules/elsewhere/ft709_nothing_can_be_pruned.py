"""FT709: nothing can be pruned."""

SOURCE = "pruning.md#pruning"
RAISED = "commands/prune.py"
FINDS = """`create --prune` without an id of the project, or with PATHS that are not all of the project; or a deployment
was taken over by somebody else while the command was at work."""
WHY = """What is pruned is gone. Only an id tells what the project deployed, and only all of its files what it has no
more. Nothing was deleted."""
BAD = "$ metaflow-triggers create flows/orders --prune --yes"
GOOD = """
$ cat metaflow-triggers.toml
id = "shop"
$ metaflow-triggers create --prune --yes
"""
