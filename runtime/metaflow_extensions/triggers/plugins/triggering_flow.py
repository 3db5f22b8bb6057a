"""Triggering flow: `Flow('X')` in a run that an outcome of X started.

In:   `current.trigger`.
Out:  `Flow`, which `metaflow` exports in the place of its own: the same, but that there it looks at the production
      runs that the triggering run belongs to.

Not here: any other run, any other flow, a namespace that the code chose: those get Metaflow's own answer.
A deployed run sees the namespace of its own deployment only (`production:<token>`), in which the runs of another flow
are not, so that `Flow('X').latest_successful_run` would raise. The triggering run's tags name its deployment.
"""

from __future__ import annotations

from typing import Any

from metaflow.client import Flow as _Flow


class _Same(type):
    """What is an instance of Metaflow's `Flow` is an instance of ours: ours makes nothing else."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _Flow)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _Flow)


class Flow(_Flow, metaclass=_Same):  # type: ignore[misc]
    __doc__ = _Flow.__doc__

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        """Metaflow's own object."""
        if cls is not Flow:  # a subclass is on its own
            return super().__new__(cls)
        if len(arguments) == 1 and not options and isinstance(arguments[0], str):
            namespace = _production(arguments[0])
            if namespace is not None:
                options["_current_namespace"] = namespace
        return _Flow(*arguments, **options)


def _production(name: str) -> str | None:
    """The namespace of the production runs of the flow `name` to which the triggering run belongs, if it has one."""
    from metaflow import current, get_namespace

    trigger = getattr(current, "trigger", None)
    if trigger is None or get_namespace() != getattr(current, "namespace", None):
        return None
    for event in trigger.events or ():
        flow, _, rest = (event.id or "").partition("/")
        if event.type != "run" or flow != name:
            continue
        tags = _tags(f"{flow}/{rest.partition('/')[0]}")
        found = sorted(tag for tag in tags if tag.startswith("production:"))
        if found:
            return found[0]
    return None


def _tags(run: str) -> Any:
    from metaflow import Run
    from metaflow.exception import MetaflowNotFound

    try:
        return Run(run, _namespace_check=False).system_tags
    except MetaflowNotFound:  # it ended before it left a trace
        return ()
