"""FT036: nothing is found of what is accepted."""

SEVERITY = "note"
SOURCE = "project-file.md#accepted-findings"
RAISED = "rules/accepted.py"
FINDS = """An acceptance, in the project file or as a comment, is for a finding that there is not (any more). It is only
told where all flows were looked at for all their backends."""
WHY = "It would hide the next finding of that code, which nobody has judged."
BAD = """
@trigger(event={'name': 'order-placed', 'parameters': ['order_id']})  # metaflow-triggers: accept FT114 why
"""
GOOD = """
@trigger(event={'name': 'order-placed', 'parameters': ['order_id']})
"""
