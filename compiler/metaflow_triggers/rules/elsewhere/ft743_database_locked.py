"""FT743: the database stays locked."""

SOURCE = "local.md#what-is-best-effort"
RAISED = "engine/faults.py"
FINDS = "Another process kept a transaction open for longer than a minute. Ours take milliseconds."
WHY = "Nothing else can be written meanwhile."
BAD = """
$ sqlite3 metaflow-triggers.db
sqlite> BEGIN IMMEDIATE;        -- and left open
"""
GOOD = "$ lsof metaflow-triggers.db        # then end the process that keeps it"
