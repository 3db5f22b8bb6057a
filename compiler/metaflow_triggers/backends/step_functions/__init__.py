"""AWS Step Functions, started by EventBridge: how this backend describes itself.

In:   nothing.
Out:  `SPEC`.

Not here: the work. `backend` compiles, `deploy` has the effects, `trail` looks; they are imported when they are needed.
"""

from __future__ import annotations

import importlib
from typing import Any

from metaflow_extensions.triggers.plugins.backends import BACKENDS

from ...seams import state_machines
from ..shape import Spec

NAME = "step-functions"


def _publish(name: str, payload: dict[str, Any], text: str, identity: str) -> None:
    from metaflow_extensions.triggers.plugins import emit_event

    emit_event.publish_to_eventbridge(name, payload, text, identity)


SPEC = Spec(
    name=NAME,
    product=BACKENDS[NAME].product,
    compute="batch",
    upstream=state_machines.UPSTREAM,
    backend=lambda: importlib.import_module(".backend", __package__),
    deployer=lambda: importlib.import_module(".deploy.deployer", __package__),
    dead_letters=lambda: importlib.import_module(".dead_letters.box", __package__),
    publish=_publish,
    doctor=lambda: importlib.import_module(".doctor.examine", __package__),
    polls=lambda: importlib.import_module(".polls.records", __package__),
    unpublished="aws events list-event-buses     # shows whether AWS can be reached",
    trail=lambda: importlib.import_module(".trail.target", __package__),
)
