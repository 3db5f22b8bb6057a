"""Verify: finished Argo objects held against what the flow means, and against what no schema notices.

Reads what `compile` wrote; repeats none of its formulas.
"""
