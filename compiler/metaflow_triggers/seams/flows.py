"""Flows: the parts of a Metaflow flow object, as plain values.

In:   a flow object or class.
Out:  decorators, parameters, project, features; results of deploy-time functions.

Not here: what the parts mean (`metaflow_triggers.reading.flow`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any


def flow_decorators(flow: Any, name: str) -> list[Any]:
    """The decorator instances of that name on the flow (flowspec.py:336)."""
    return list(flow._flow_decorators.get(name) or [])


def flow_parameters(flow: Any) -> list[tuple[str, Any]]:
    """(attribute, Parameter or Config) in Metaflow's order (flowspec.py:556)."""
    return list(flow._get_parameters())


def current_project() -> tuple[str | None, str | None]:
    """Project and branch that `@project` computed for this command, or (None, None)."""
    from metaflow import current

    return current.get("project_name", None), current.get("branch_name", None)


def namespace_prefix() -> str:
    """What `namespaced_event_name` puts before an event name in the flow at work."""
    from metaflow.plugins.namespaced_events import namespaced_event_name

    return str(namespaced_event_name("")())


def evaluate(function: Callable[..., Any], flow: Any, user: str) -> Any:
    """Call a deploy-time function of a trigger as upstream would, with a context that also has `user`.

    A function that takes no argument (as `namespaced_event_name('x')` needs none) is called without one.
    """
    from metaflow import parameters

    context = _Context(_parameter_context(parameters, flow, user))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function(context)
    try:
        signature.bind(context)
    except TypeError:
        signature.bind()
        return function()
    return function(context)


def evaluates(flow: Any) -> bool:
    """Whether a value of a parameter or Config of the flow is a function, which is called at deploy time."""
    parameters = [parameter for _, parameter in flow_parameters(flow)]
    return any(callable(item.kwargs.get(key)) for item in parameters for key in ("default", "default_value"))


class _Context:
    """Upstream's ParameterContext (parameters.py) with `user`, the same as `user_name`."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        return f"ParameterContext({self.__dict__!r})"


def _parameter_context(parameters: Any, flow: Any, user: str) -> dict[str, Any]:
    threadlocal = getattr(parameters, "context_proto", None)
    fields = dict(threadlocal._asdict()) if threadlocal is not None else {"flow_name": flow.name}
    fields.update(user_name=user, user=user, parameter_name=None)
    return fields


def first_step(graph: Any) -> str:
    """The name of the step with which runs begin. Before Metaflow 2.19.22 a graph does not say it: it is `start`."""
    return str(getattr(graph, "start_step", "start"))


def features(flow: Any, computes: Collection[str] = ()) -> tuple[str, ...]:
    """What a backend may have to refuse (exit_hook, foreach, parallel, switch), and what of `computes` steps have."""
    found = {item.name for step in flow for item in step.decorators if item.name in computes}
    if flow_decorators(flow, "exit_hook"):
        found.add("exit_hook")
    for node in flow._graph:
        if node.type == "foreach":
            found.add("foreach")
        if node.type == "split-switch":
            found.add("switch")
        if getattr(node, "parallel_foreach", False) or getattr(node, "parallel_step", False):
            found.add("parallel")
    return tuple(sorted(found))


def is_production() -> bool:
    """Whether the command runs with `--production`."""
    from metaflow import current

    return bool(current.get("is_production", False))
