"""Argo schemas: which closed schema an emitted object of a cluster has, told from the object alone.

In:   an object of Argo Workflows' output.
Out:  the name of its schema, as `manifests.schemas.findings` takes it.

Not here: the schemas. What belongs to a poller is named so, and has schemas of its own.
"""

from __future__ import annotations

from typing import Any


def schema_of(item: Any) -> str:
    """The name of the closed schema."""
    if item["kind"] == "ConfigMap":
        return "argo/poll_record"
    of_poller = "poller_" if "-poller-" in item.get("metadata", {}).get("name", "") else ""
    return f"argo/{of_poller}{item['kind'].lower()}"
