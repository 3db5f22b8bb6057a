"""Inputs: what a compilation depended on besides the flow.

In:   the settings, a flow, the options of its command line.
Out:  a JSON value, recorded beside the files; `diff` names what differs in it.

Not here: the flow itself (`graph.differences`).
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from .. import __version__, seams
from ..backends import registry
from ..model.settings import Settings


def inputs(
    settings: Settings, flow: Any, backend: str, show: str = "all", options: Sequence[str] = ()
) -> dict[str, Any]:
    """What a compilation of the flow depended on.

    `options` are those of the flow's command line (`seams.given_options`).
    `settings` holds all that is configured, or has a default, and has no name of its own here, with those that this
    backend alone reads.
    """
    named = ("user", "user_is_configured", "production", "branch", "metaflow_version")
    others = {key: value for key, value in dataclasses.asdict(settings).items() if key not in named}
    others |= {name.lower(): seams.configured(name) for name in registry.spec(backend).settings}
    return {
        "branch": flow.branch,
        "compiler": __version__,
        "metaflow": settings.metaflow_version,
        **({"options": shlex.join(options)} if options else {}),
        "production": settings.production,
        "settings": {key: value for key, value in others.items() if value is not None},
        "show": show,
        "user": settings.user if settings.user_is_configured else None,
    }
