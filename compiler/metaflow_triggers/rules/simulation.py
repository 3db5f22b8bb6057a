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
)
