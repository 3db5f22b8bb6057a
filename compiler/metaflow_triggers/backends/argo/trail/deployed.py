"""Deployed: the flow that is in the cluster, which may be another version than the file's.

In:   a WorkflowTemplate as the cluster has it; the flow of the file.
Out:  the flow that `create` recorded there; how the two differ, as a cause.

Not here: asking the cluster. What `kubectl apply -k` deployed has no record: then the file's flow counts.
"""

from __future__ import annotations

import dataclasses
import json

from ....graph.differences import between, restored
from ....model.flows import Flow
from ....trail import causes
from ....trail.causes import Cause
from ..deploy.instructions import FLOW
from ..deploy.ownership import annotations_of
from .looks import Look

_SHOWN = 3  # changes that are named


def recorded(template: Look) -> Flow | None:
    """The flow that stands in a WorkflowTemplate."""
    if template.item is None:
        return None
    try:
        return restored(json.loads(annotations_of(template.item)[FLOW]))
    except (KeyError, ValueError):
        return None


def older_than(deployed: Flow | None, flow: Flow | None) -> Cause | None:
    """What `create` would change of what starts the flow."""
    if deployed is None or flow is None:
        return None
    changes = [item.text for item in between(deployed, dataclasses.replace(flow, deployed_as=deployed.deployed_as))]
    if not changes:
        return None
    more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return causes.OTHER_VERSION(what="; ".join(changes[:_SHOWN]) + more)
