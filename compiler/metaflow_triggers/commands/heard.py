"""Heard: whether a flow of some files waits for an event that was published to a cloud.

In:   the parsed arguments of `emit`, with `--backend` and `--path`.
Out:  what is to be said; None where a flow waits for it.

Not here: publishing, what is deployed: a bus tells nobody who listens. The files are executed, as by all who read them.
"""

from __future__ import annotations

import argparse
import os

from ..backends import registry
from ..diagnostics import DiagnosticError
from .emit_again import for_reading


def unheard(options: argparse.Namespace) -> str | None:
    """Of the event `options.name` and the flows for `options.backend`."""
    from ..diagnostics.suggest import did_you_mean
    from ..model.flows import EventDependency
    from ..reports.terminal import show
    from .project_options import take
    from .run import read_graph

    where = " and ".join(options.paths)
    asked = for_reading(argparse.Namespace(**vars(options)))
    asked.backend = None
    try:
        read = None if take(asked) else read_graph(asked, dict(os.environ))
    except DiagnosticError as error:
        show(error.diagnostics)
        read = None
    if read is None:
        return f"whether a flow of {where} waits for event {options.name} is not known"
    names = {
        one.name
        for flow in read[0].flows
        if options.backend in registry.suited(flow, (options.backend, *registry.names()))
        for trigger in flow.triggers
        for one in trigger.dependencies
        if isinstance(one, EventDependency) and one.origin is None
    }
    if options.name in names:
        return None
    meant = did_you_mean(options.name, sorted(names))
    told = f"; {meant[0]} " if meant else ". "
    what = f"no flow of {where} waits for event {options.name} on {options.backend}{told}"
    return f"{what}It is published: what was deployed from elsewhere, or under another branch, may wait for it"
