"""Polled: poll triggers that a deployment would end, though they are still written.

In:   what the cluster has, a deployment, what is wanted.
Out:  FT515 for each.

Not here: planning; when one is left out (`backends.left_out`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ....diagnostics import Diagnostic
from ...left_out import There, left_out
from ..compile.poller import declared_polls
from .instructions import Deployment
from .live import Key, Live

_THERE = There("is deployed", "polled in the cluster", "deploy both: metaflow-triggers create --backend argo-workflows")


def polls_left_out(live: Live, deployment: Deployment, wanted: dict[Key, Any]) -> Iterator[Diagnostic]:
    """A trigger that is deployed, that the command has not read, and whose file beside the flow still names it."""
    flow = deployment.flow
    if flow is None:
        return
    mine = live.of_flow(deployment.deployed_name)
    polled = {word for item in mine if item["kind"] == "Deployment" for word in _command(item).split()}
    others = [
        item
        for item in mine
        if item["metadata"]["name"] in polled
        and (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) not in wanted
    ]
    own = os.path.realpath(flow.file)
    polls = declared_polls(others)
    yield from left_out(flow, os.path.dirname(flow.file), polls, lambda path: os.path.realpath(path) == own, _THERE)


def _command(deployment: Any) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["command"][-1])
