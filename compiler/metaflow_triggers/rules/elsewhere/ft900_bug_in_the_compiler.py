"""FT900: a bug in the compiler."""

SOURCE = "architecture.md#architecture"
RAISED = "commands/flow.py reading/child_process.py reading/one_flow.py"
FINDS = "The compiler ended where it never should have."
WHY = "The mistake is ours. Nothing was written."
BAD = """
$ metaflow-triggers compile flows
error[FT900]: bug in the compiler: ...
"""
GOOD = """
$ metaflow-triggers compile flows --format json > report.json
# attach it and the flow to a bug report
"""
