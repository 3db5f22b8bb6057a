"""FT703: an object exists and is not ours."""

SOURCE = "step-functions.md#deploying"
RAISED = "backends"
FINDS = """An object of a name that we are about to make exists, without our mark of ownership; or the flow of this
name was deployed by a project of another id."""
WHY = "Somebody else's object would be overwritten."
BAD = "$ python flow.py argo-workflows create      # a Sensor of this name was made by hand"
GOOD = """
$ kubectl delete sensor THE-NAME            # if nobody needs it
$ python flow.py argo-workflows create
"""
