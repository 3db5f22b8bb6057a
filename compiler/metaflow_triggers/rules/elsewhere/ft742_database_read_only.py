"""FT742: the database cannot be written."""

SOURCE = "local.md#what-is-best-effort"
RAISED = "engine/faults.py"
FINDS = """The engine's database, or its folder, may not be written by this user, or is on a disk that is mounted
read-only. Reading needs it, too: SQLite keeps two files beside it."""
WHY = "Nothing can be accepted, started or switched."
BAD = """
$ chmod a-w . metaflow-triggers.db
$ metaflow-triggers pause
"""
GOOD = "$ chmod u+w . metaflow-triggers.db"
