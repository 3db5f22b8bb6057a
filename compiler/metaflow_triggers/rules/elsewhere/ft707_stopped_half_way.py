"""FT707: a deployment stopped half-way."""

SEVERITY = "note"
SOURCE = "step-functions.md#deploying"
RAISED = "backends/plans.py"
FINDS = """`create` or `delete` was refused after its first change. The notes list each change that was made, the one
that was made in part, and those that were not made."""
WHY = """What exists now is neither what was deployed before nor what shall be. Repeating the command goes on from here;
nothing has to be cleaned up by hand."""
BAD = "$ python flow.py step-functions create   # without the right to iam:PutRolePolicy"
GOOD = "$ python flow.py step-functions create   # with it: goes on from where it stopped"
