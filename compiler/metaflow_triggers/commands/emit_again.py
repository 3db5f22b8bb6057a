"""Emit again: `metaflow-triggers emit --again`, events that the local engine accepted before, for flows as they are.

In:   the parsed arguments of `emit`.
Out:  on standard output what came of them; exit code 0, 1 where none was meant, 2 for arguments that do not fit.

Not here: what is taken again (`engine.again`). A cloud's bus keeps no events: `dead-letters send-again` has what could
not start, and `emit` with the payload and the id sends anything else.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timezone


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..dead_letters.choose import moment
    from .manage import guarded
    from .project_options import take

    if options.backend or options.stdin or options.payload is not None or options.payload_file is not None:
        options.parser.error("--again is about what the local engine has: without --backend and payloads")
    if (options.since is None) == (options.id is None):
        options.parser.error("--again takes --since TIME, or --id ID")
    begin = None
    if options.since is not None:
        try:
            begin = moment(options.since, datetime.now(timezone.utc))
        except (ValueError, OverflowError) as error:
            options.parser.error(f"argument --since: {error}")
    return take(for_reading(options)) or guarded(_again, options, begin)


def for_reading(options: argparse.Namespace) -> argparse.Namespace:
    """The same with what reading flows asks of a command, and `emit` has no option for."""
    options.profile, options.external_flow = None, []
    options.config, options.config_value, options.flow_option, options.decorators = [], [], [], []
    options.environment = None
    return options


def _again(options: argparse.Namespace, begin: datetime | None) -> int:
    from ..engine.again import accepted_again
    from ..engine.store import timestamp_text
    from ..engine.waits import local_flow
    from .manage import database
    from .run import read_graph

    connection = database(options)
    read = read_graph(options, dict(os.environ))
    if read is None:
        return 1
    counts = accepted_again(
        connection,
        [local_flow(flow) for flow in read[0].flows],
        datetime.now(timezone.utc),
        since=None if begin is None else timestamp_text(begin),
        name=options.name,
        identity=options.id,
    )
    sys.stdout.write(f"{counts.words()}\n")
    return 0 if counts.events else 1
