"""Argo Workflows, started by Argo Events: how this backend describes itself.

In:   nothing.
Out:  `SPEC`.

Not here: the work. `backend` compiles, `deploy` has the effects; both are imported when they are needed.
"""

from __future__ import annotations

import importlib
from typing import Any

from metaflow_extensions.triggers.plugins.backends import BACKENDS

from ...seams import workflow_templates
from ..shape import Spec

NAME = "argo-workflows"


def _publish(name: str, payload: dict[str, Any], text: str, identity: str) -> None:
    from metaflow_extensions.triggers.plugins import emit_event

    emit_event.publish_to_webhook(name, text, identity)


SPEC = Spec(
    name=NAME,
    product=BACKENDS[NAME].product,
    compute="kubernetes",
    upstream=workflow_templates.UPSTREAM,
    backend=lambda: importlib.import_module(".backend", __package__),
    deployer=lambda: importlib.import_module(".deploy.deployer", __package__),
    dead_letters=lambda: importlib.import_module(".dead_letters.box", __package__),
    trail=lambda: importlib.import_module(".trail.target", __package__),
    publish=_publish,
    doctor=lambda: importlib.import_module(".doctor.examine", __package__),
    polls=lambda: importlib.import_module(".polls.records", __package__),
    unpublished="set METAFLOW_TRIGGERS_WEBHOOK_URL to the webhook of the event source",
)
