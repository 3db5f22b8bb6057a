"""FT004: unknown shape of Metaflow."""

SOURCE = "semantics.md#13-existing-users"
RAISED = "seams/shape.py"
FINDS = "The installed Metaflow lacks something that we use inside of it, or has it in another shape."
WHY = "Guessing what a changed inside means could deploy something else than the flow says."
BAD = """
$ pip install --pre metaflow
$ metaflow-triggers compile flows
"""
GOOD = """
$ pip install 'metaflow>=2.19'          # a version that is known to work
$ pip install --upgrade metaflow-triggers
"""
