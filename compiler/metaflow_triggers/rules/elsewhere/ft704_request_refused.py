"""FT704: the backend refused a request."""

SOURCE = "argo-workflows.md#deploying"
RAISED = "backends"
FINDS = """The backend answered a request with an error that is neither missing access nor a lost connection. Its
message is quoted."""
WHY = "What was made before stays; the command can be repeated."
BAD = """
$ python flow.py step-functions create
error[FT704]: ...
"""
GOOD = "$ python flow.py step-functions create      # after what the quoted message asks for"
