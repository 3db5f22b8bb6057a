"""Namespaced events: the full name of an event of a project.

In:   the logical name of an event; project and branch of the flow at hand (`metaflow.current`).
Out:  `<project>.<branch>.<name>` under `@project`, else `<name>`.

Not here: the rule for event names. This package stands for `metaflow.plugins.namespaced_events` (in Metaflow since
2.19.18) and keeps its public names. Differences: no prefix unless METAFLOW_NAMESPACED_EVENTS_PREFIX is configured,
and exactly the branch `prod` is spelled `production`. METAFLOW_TRIGGERS_COMPAT=upstream takes both back.
"""

import functools
import re
from collections import namedtuple

from metaflow.metaflow_config import NAMESPACED_EVENTS_PREFIX, TRIGGERS_COMPAT
from metaflow.util import is_stringish

ParsedEvent = namedtuple("ParsedEvent", ["full_name", "project", "branch", "logical_name", "is_namespaced"])


def namespaced_event_name(event_name):
    """The full name of `event_name`, as a callable that is evaluated where project and branch are known.

    Parameters
    ----------
    event_name : str
        The logical name, e.g. "data_ready".

    Returns
    -------
    Callable[..., str]
        Takes a `ParameterContext` or nothing. For `@trigger(event=...)`, `{"name": ...}` and `emit_event(...)`.

    Raises
    ------
    ValueError
        `event_name` is not a string.
    """
    if event_name is None or not is_stringish(event_name):
        raise ValueError(f"event_name should be a string not {type(event_name)}")
    return functools.partial(_delayed_name, event_name=event_name)


def _delayed_name(context=None, event_name=None):
    from metaflow import current

    return _make_namespaced_event_name(event_name, current.get("project_name", None), current.get("branch_name", None))


def _make_namespaced_event_name(logical_name, project=None, branch=None):
    parts = [NAMESPACED_EVENTS_PREFIX] if NAMESPACED_EVENTS_PREFIX else []
    if project and branch:
        if branch == "prod" and TRIGGERS_COMPAT != "upstream":
            branch = "production"
        # The characters that upstream allows; dots stay.
        parts += [re.sub(r"[^a-zA-Z0-9_\-\.]", "", part) for part in (project, branch)]
    return ".".join([*parts, logical_name])
