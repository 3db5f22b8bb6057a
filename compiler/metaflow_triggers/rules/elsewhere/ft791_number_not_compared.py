"""FT791: a number that AWS's matcher does not compare."""

SEVERITY = "note"
SOURCE = "semantics.md#5-filters"
RAISED = "simulate/report.py"
FINDS = """An event of `metaflow-triggers simulate` has, where a flow's filter compares numbers, one that a 64-bit float
does not keep: an integer beyond 2**53 such as `time.time_ns()`, or more than 17 digits."""
WHY = """For AWS's matcher it is no number: `numeric` is false whichever way it compares, `anything-but` is true, and no
number in a filter is equal to it. On this machine and on Argo the nearest float is compared."""
LANGUAGE = "json"
BAD = '{"name": "tick", "payload": {"at_ns": 1795814525123456789}}'
GOOD = '{"name": "tick", "payload": {"at_ns": "1795814525123456789"}}'
