"""FT750: the file is not a database of the local engine."""

SOURCE = "local.md#run-and-emit"
RAISED = "engine/store.py"
FINDS = """The file that `--database` or METAFLOW_TRIGGERS_DATABASE names is something else, or cannot be opened. It was
only read."""
WHY = "Tables of ours in somebody else's file would harm both."
BAD = "$ metaflow-triggers run flows --database notes.txt"
GOOD = "$ metaflow-triggers run flows --database triggers.db     # a file that does not exist yet is made"
