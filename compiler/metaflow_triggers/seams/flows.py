"""Flows: the parts of a Metaflow flow object, as plain values.

In:   a flow object or class.
Out:  decorators, parameters, project, features; results of deploy-time functions.

Not here: what the parts mean (`metaflow_triggers.reading.flow`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
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


def features(flow: Any) -> tuple[str, ...]:
    """What a backend may have to refuse: exit_hook, foreach, parallel, switch."""
    found = set()
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


class Refused(Exception):
    """Metaflow refused the flow: its message, and the line that it blames (or None)."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def run_command(cls: Any, options: list[str], command: list[str], project_options: list[str]) -> None:
    """A command of the flow's own command line in this process. Raises Refused.

    `project_options` are given to flows with `@project` only: others do not have them.
    """
    from metaflow import parameters
    from metaflow.exception import MetaflowException

    try:
        flow = cls(use_cli=False)
        given = project_options if flow_decorators(flow, "project") else []
        # Metaflow's command line takes the flow's own options when it is imported (flowspec.py, FlowSpec.__init__).
        with parameters.flow_context(cls):
            from metaflow import cli

            code = cli.main(flow, args=[*options, *given, *command], handle_exceptions=False)
    except MetaflowException as error:
        raise Refused(" ".join(str(error.message).split()), getattr(error, "line_no", None)) from error
    except SystemExit as error:
        code = error.code
    if code:
        raise Refused(f"its command line ended with exit code {code}", None)
