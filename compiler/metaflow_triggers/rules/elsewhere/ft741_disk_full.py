"""FT741: the disk of the database is full."""

SOURCE = "local.md#what-is-best-effort"
RAISED = "engine/faults.py"
FINDS = """The engine's database could not grow. What was not accepted is not in it, and whoever asked is told so; what
was accepted before stays. An engine says it once, and goes on when there is room."""
WHY = "An event that is not on disk is not accepted."
BAD = "$ metaflow-triggers emit order-placed      # on a full disk"
GOOD = """
$ df -h .
$ metaflow-triggers retain --days 7        # or keep less
"""
