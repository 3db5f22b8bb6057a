"""Polled: poll triggers that a deployment would end, though they are still written.

In:   what the cluster has, a deployment, what is wanted.
Out:  FT515 for each.

Not here: planning. A flow's triggers may be declared in several files. A command that reads one of them only, as
`python flow.py argo-workflows create` does, must not end what the others declare.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from .... import regular
from ....diagnostics import Diagnostic
from ....polling.argo import record
from .instructions import Deployment
from .live import Key, Live


def polls_left_out(live: Live, deployment: Deployment, wanted: dict[Key, Any]) -> Iterator[Diagnostic]:
    """A trigger that is deployed, that the command has not read, and whose file beside the flow still names it."""
    if deployment.flow is None:
        return
    mine = live.of_flow(deployment.deployed_name)
    polled = {word for item in mine if item["kind"] == "Deployment" for word in _command(item).split()}
    for item in mine:
        data = item.get("data") or {}
        where = (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])
        if where[2] not in polled or where in wanted or record.DECLARATION not in data:
            continue
        declared = record.declaration(data[record.DECLARATION])
        path = os.path.join(os.path.dirname(deployment.flow.file), declared.file)
        if os.path.realpath(path) == os.path.realpath(deployment.flow.file) or not _names(path, declared.name):
            continue
        yield Diagnostic(
            "FT515",
            f"poll trigger `{declared.name}` of `{path}` starts `{deployment.flow.name}` and is deployed; this command "
            "has not read that file, and would end its polls",
            deployment.flow.span,
            "polled in the cluster",
            helps=(
                f"deploy both: metaflow-triggers create {os.path.dirname(deployment.flow.file) or '.'}",
                f"to end it, remove it from `{path}`",
            ),
        )


def _command(deployment: Any) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["command"][-1])


def _names(path: str, trigger: str) -> bool:
    try:
        text = regular.read(path, None).decode("utf-8", "replace")
    except regular.Unreadable:
        return False
    return trigger in text
