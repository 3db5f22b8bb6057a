"""FT780: nobody has said yes to what would go."""

SOURCE = "deploying.md#deleting"
RAISED = "commands/deploy.py"
FINDS = """A command would remove what is deployed, `--yes` was not given, and nobody is at a terminal, or the answer
was not yes. Nothing was removed."""
WHY = """What is deleted starts nothing any more. In a job of CI a plan that nobody has read must not delete."""
BAD = """
$ metaflow-triggers delete flows < /dev/null
"""
GOOD = """
$ metaflow-triggers delete flows --plan
$ metaflow-triggers delete flows --yes
"""
