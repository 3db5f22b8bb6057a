"""FT756: an older version is at work on the database."""

SOURCE = "architecture.md#the-local-engine"
RAISED = "engine/store.py"
FINDS = """The database is of an earlier version and has to be brought to the form of this one, and another process has
it open: an engine of that earlier version. Nothing was changed."""
WHY = "The older engine would go on with what it knows of the tables, and could start flows twice or not at all."
BAD = """
$ pip install --upgrade metaflow-triggers     # while an engine is at work
$ metaflow-triggers list
"""
GOOD = """
$ kill PID_OF_THE_ENGINE                      # its runs go on; what it accepted is kept
$ metaflow-triggers run flows
"""
