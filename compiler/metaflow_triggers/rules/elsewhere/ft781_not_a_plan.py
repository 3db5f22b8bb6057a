"""FT781: a file that is not a plan of ours."""

SOURCE = "deploying.md#a-saved-plan"
RAISED = "commands/saved_plan.py"
FINDS = """The file of `create --apply` cannot be read, is no JSON, or is not what `create --plan FILE` writes.
Nothing was asked of a cloud, and nothing was changed."""
WHY = """A plan that was cut short or edited says something that nobody has reviewed."""
BAD = """
$ metaflow-triggers create flows --apply package.json
"""
GOOD = """
$ metaflow-triggers create flows --plan plan.json
$ metaflow-triggers create flows --apply plan.json
"""
