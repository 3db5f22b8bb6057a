"""FT782: flows or clouds have changed since the plan."""

SOURCE = "deploying.md#a-saved-plan"
RAISED = "commands/saved_plan.py"
FINDS = """`create --apply` has planned anew, and it is not what the file says: a flow, its code, a setting or what is
deployed has changed. The notes say of which flow. Nothing was changed."""
WHY = """What was reviewed is not what would be done now."""
BAD = """
$ metaflow-triggers create flows --plan plan.json
$ echo '# another step' >> flows/report.py
$ metaflow-triggers create flows --apply plan.json
"""
GOOD = """
$ metaflow-triggers create flows --plan plan.json   # again, and reviewed again
$ metaflow-triggers create flows --apply plan.json
"""
