"""JSON: findings as one JSON document.

In:   targets with their findings.
Out:  text that fits the schema `doctor/findings` (`metaflow-triggers schema doctor`).

Not here: asking, writing to a stream.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from .findings import STATES, Target


def json_text(targets: tuple[Target, ...]) -> str:
    """The document."""
    found = [item.state for target in targets for item in target.findings]
    document = {
        "format": "metaflow-triggers doctor",
        "version": 1,
        "summary": {state.replace(" ", "_"): found.count(state) for state in STATES},
        "targets": [asdict(target) for target in targets],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
