"""FT115: a project without a branch."""

SOURCE = "semantics.md#4-trigger_on_finish"
RAISED = "reading/dependency.py"
FINDS = "A flow of @trigger_on_finish is given with `project` and without `project_branch`."
WHY = "Each branch of a project is a deployment of its own; the wrong one would start the flow."
BAD = "@trigger_on_finish(flow={'name': 'ScoreFlow', 'project': 'ml'})"
GOOD = "@trigger_on_finish(flow={'name': 'ScoreFlow', 'project': 'ml', 'project_branch': 'prod'})"
