"""Examples: what is compiled for golden/, with which options and settings.

In:   the folder examples/.
Out:  names, and for each the options; the settings, pinned so that what comes out depends on the examples, on Metaflow
      and on us alone.

Not here: compiling (`compiling.py`), what of it is golden (`kept.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
GOLDEN = ROOT / "golden"

SETTINGS = {
    "METAFLOW_USER": "golden",
    "METAFLOW_DEFAULT_CONTAINER_IMAGE": "python:3.12",
    "PYTHONDONTWRITEBYTECODE": "1",
}
OPTIONS = {
    "finish_failure": ["--external-flow", "MainPipeline"],
    "finish_success": ["--external-flow", "FlowA"],
    "namespaced_event": ["--production"],
    "project_events": ["--production"],
    "project_events_with_id": ["--production"],
}
AGAIN = {
    "project_events_with_id": (
        "project_events",
        {
            "METAFLOW_TRIGGERS_PROJECT_ID": "shop",
            "METAFLOW_TRIGGERS_ALARM_TOPIC": "arn:aws:sns:eu-west-1:123456789012:on-call",
        },
    )
}
"""Examples that are compiled once more, with further settings."""
LOCAL = {"local_pipeline"}
"""Polls twice a second, which no cloud runs."""
POLICIES = {"multiple_events": "flow.py", "parameter_mapping": "flow.py", "workflow_shapes": "flow.py"}
"""Flows whose IAM roles stand in `policies.yaml`: a whole set with a correlator, a single event, a foreach."""


def examples() -> list[str]:
    """Names of the examples that compile, sorted."""
    found = {path.parent.relative_to(EXAMPLES).parts[0] for path in EXAMPLES.rglob("*.py") if path.parent != EXAMPLES}
    return sorted((found | AGAIN.keys()) - LOCAL)


def source(name: str) -> str:
    """The folder of an example's flows."""
    return AGAIN[name][0] if name in AGAIN else name


def further_settings(name: str) -> dict[str, str]:
    """What an example is compiled with beside `SETTINGS`."""
    return AGAIN[name][1] if name in AGAIN else {}


def compile_command(name: str) -> list[str]:
    """What is typed after `metaflow-triggers` for an example."""
    return ["compile", f"examples/{source(name)}", "--no-code-package", *OPTIONS.get(name, [])]


def environment() -> dict[str, str]:
    """The pinned settings and nothing of the caller's."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "SYSTEMROOT") if key in os.environ}
    return {**kept, **SETTINGS}
