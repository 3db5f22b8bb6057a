"""FT752: there is no database."""

SOURCE = "local.md#run-and-emit"
RAISED = "engine/store.py"
FINDS = "A command that looks into the engine's database, or feeds it, found no file."
WHY = "The path may be another one than the engine's: without `--database` it is a file in the current folder."
BAD = """
$ cd elsewhere
$ metaflow-triggers history
"""
GOOD = "$ metaflow-triggers history --database ../project/metaflow-triggers.db"
