"""FT701: no credentials or no connection."""

SOURCE = "argo-workflows.md#deploying"
RAISED = "backends"
FINDS = """The backend could not be reached: no credentials, expired ones, no network, no such cluster. Or something
else answered in its place, as a proxy or a sign-in page does: the note says what."""
WHY = "What was made before stays; the command can be repeated. `compile` needs neither."
BAD = "$ python flow.py step-functions create"
GOOD = """
$ aws sts get-caller-identity          # or: kubectl auth whoami
$ python flow.py step-functions create
"""
