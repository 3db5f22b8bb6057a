"""Handover: parameter texts for Metaflow's `init`, inside one process.

In:   from the launcher, a function that computes the texts once the flow is known.
Out:  the texts as defaults of the `init` command (click's `default_map`).

Not here: computing them. Metaflow creates step decorators after it has read the flow and its configuration and before
it reads the options of `init` (metaflow/cli.py, `start`); `deliver` is called there. So the flow file runs once, and no
value is ever part of a command line or of the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

Compute = Callable[[Any, Any], "dict[str, str]"]

_offered: Compute | None = None
_delivered = False


def offer(compute: Compute) -> None:
    """Leave `compute(flow, flow_datastore) -> {parameter: text}` for the flow that starts in this process."""
    global _offered, _delivered
    _offered, _delivered = compute, False


def deliver(flow: Any, flow_datastore: Any) -> None:
    """Give the texts to the command that Metaflow is about to run. Does nothing without an offer, or a second time."""
    global _delivered  # noqa: PLW0603
    if _offered is None or _delivered:
        return
    _delivered = True
    from metaflow._vendor import click

    context = click.get_current_context()
    texts = _offered(flow, flow_datastore)
    options = {}
    for name, text in texts.items():
        options[name.replace("-", "_").lower()] = text  # as click names the option (core.py, `_parse_decls`)
        # A variable of this name would win over what we hand over.
        os.environ.pop("METAFLOW_INIT_" + name.upper().replace("-", "_"), None)
    context.default_map = {**(context.default_map or {}), "init": options}


def was_delivered() -> bool:
    """Whether Metaflow took the offer."""
    return _delivered
