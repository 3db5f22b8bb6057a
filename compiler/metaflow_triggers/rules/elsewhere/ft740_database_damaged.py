"""FT740: the database is damaged."""

SOURCE = "local.md#what-is-best-effort"
RAISED = "engine/faults.py"
FINDS = """SQLite finds pages of the engine's database that are not as it wrote them, or the disk does not give them
back. `list`, `history` and the start of `run` look for it shortly; everything else tells it when it meets such a page.
An engine that meets one ends; its running flows go on."""
WHY = "What is read from a damaged file may be wrong, and what is written to it may be lost."
BAD = "$ metaflow-triggers list          # after a disk failed, or `cp` over a file in use"
GOOD = """
$ cp metaflow-triggers.db damaged.db
$ sqlite3 damaged.db .recover | sqlite3 metaflow-triggers.db     # or take the last backup
"""
