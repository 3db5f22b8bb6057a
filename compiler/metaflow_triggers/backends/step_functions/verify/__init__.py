"""Verify: a finished template held against what the flow means, and against what no validator notices.

Reads what `compile` wrote; repeats none of its formulas.
"""
