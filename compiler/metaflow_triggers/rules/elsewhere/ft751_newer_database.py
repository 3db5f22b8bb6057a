"""FT751: a newer version wrote the database."""

SOURCE = "local.md#run-and-emit"
RAISED = "engine/store.py"
FINDS = "The database has a newer form than this version of metaflow-triggers knows. It was only read."
WHY = "An older engine would not understand what it reads, and could start flows twice."
BAD = "$ metaflow-triggers run flows      # after a downgrade"
GOOD = """
$ pip install --upgrade metaflow-triggers
$ metaflow-triggers run flows
"""
