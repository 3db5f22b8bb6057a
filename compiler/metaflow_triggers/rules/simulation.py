"""Rules FT79: simulating.

In, Out, Not here: see `metaflow_triggers.rules.rule`.
"""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT790",
        title="the events file is not understood",
        severity="error",
        finds="The file of `metaflow-triggers simulate --events` cannot be read, is neither JSON nor JSON lines, or "
        "has an item of an unknown form. The line and the item are named.",
        why="A part that is skipped would make the simulation of something else.",
        example='{"event": "order-placed", "payload": {"id": 7}}',
        instead='{"name": "order-placed", "payload": {"id": 7}}\n'
        '{"flow": "DataIngestion", "outcome": "success", "run_id": "12"}\n'
        '{"at": "2026-01-05T09:00:00Z"}',
        language="json",
    ),
    Rule(
        code="FT791",
        title="a number that AWS's matcher does not compare",
        severity="note",
        finds="An event of `metaflow-triggers simulate` has, where a flow's filter compares numbers, one that a 64-bit "
        "float does not keep: an integer beyond 2**53 such as `time.time_ns()`, or more than 17 digits.",
        why="For AWS's matcher it is no number: `numeric` is false whichever way it compares, `anything-but` is true, "
        "and no number in a filter is equal to it. On this machine and on Argo the nearest float is compared.",
        example='{"name": "tick", "payload": {"at_ns": 1795814525123456789}}',
        instead='{"name": "tick", "payload": {"at_ns": "1795814525123456789"}}',
        language="json",
    ),
)
