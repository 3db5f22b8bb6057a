"""Classes: the flow classes of a module, and what Metaflow says of one before it is a flow object.

In:   a module that has been imported; a class.
Out:  classes, names of decorators, Metaflow's refusal of a graph.

Not here: which of the classes are flows (`metaflow_triggers.reading.classes`).
"""

from __future__ import annotations

import sys
from typing import Any


def flow_classes(module: Any) -> list[Any]:
    """The subclasses of FlowSpec that names of the module are bound to and that it defines itself, each once.

    A bare `@SomeFlowMutator` binds the name to the mutator (runner/click_api.py, extract_flow_class_from_file).
    """
    found: list[Any] = []
    for value in list(vars(module).values()):
        cls = flow_class(value)
        if cls is not None and cls.__module__ == module.__name__ and cls not in found:
            found.append(cls)
    return found


def flow_class(value: Any) -> Any:
    """The flow class that a value is, or that a flow mutator stands for; None for anything else."""
    from metaflow import FlowSpec
    from metaflow.user_decorators.user_flow_decorator import FlowMutator

    if isinstance(value, FlowMutator):
        value = value._flow_cls
    return value if isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec else None


def flow_members() -> frozenset[str]:
    """The names that a flow class has before it defines any: Metaflow's own methods and attributes."""
    from metaflow import FlowSpec

    return frozenset(dir(FlowSpec))


def is_flow_class(module: str, name: str) -> bool | None:
    """Whether `name` of one of Metaflow's modules is FlowSpec or a flow; None if there is no such module or name."""
    from metaflow import FlowSpec

    value = getattr(sys.modules.get(module), name, None)
    if value is None:
        return None
    return isinstance(value, type) and issubclass(value, FlowSpec)


def flow_bases(cls: Any) -> list[Any]:
    """The flow classes that a class derives from, in the order in which Python looks."""
    return [base for base in cls.__mro__[1:] if flow_class(base) is not None]


def user_classes(cls: Any) -> list[Any]:
    """The class and all that it derives from, in the order in which Python looks, but for Metaflow's and `object`."""
    return [base for base in cls.__mro__ if base.__module__.split(".")[0] not in ("builtins", "metaflow")]


def class_decorators(cls: Any, name: str) -> list[Any]:
    """The flow decorators of a name that a class has, inherited ones first; none for a class that is no flow's."""
    return _decorators(cls).get(name, []) if flow_class(cls) is not None else []


def own_decorators(cls: Any) -> set[str]:
    """The names of the flow decorators that stand above the class itself, not above a base."""
    inherited = {id(item) for base in flow_bases(cls) for items in _decorators(base).values() for item in items}
    return {name for name, items in _decorators(cls).items() if any(id(item) not in inherited for item in items)}


def has_own_mutators(cls: Any) -> bool:
    """Whether a flow mutator stands above the class itself: what it adds is known when the flow is read."""
    inherited = {id(item) for base in flow_bases(cls) for item in _mutators(base)}
    return any(id(item) not in inherited for item in _mutators(cls))


def _decorators(cls: Any) -> dict[str, list[Any]]:
    """2.19.0 keeps them in an attribute of the class, later versions behind a property of its objects."""
    from metaflow import FlowSpec

    behind: Any = vars(FlowSpec).get("_flow_decorators")
    found = behind.fget(cls) if hasattr(behind, "fget") else cls._flow_decorators
    return {name: list(items or ()) for name, items in found.items()}


def _mutators(cls: Any) -> list[Any]:
    from metaflow import FlowSpec

    behind: Any = vars(FlowSpec).get("_flow_mutators")
    if hasattr(behind, "fget"):
        return list(behind.fget(cls) or ())
    return [item for key, items in cls._flow_state.items() if key.name == "FLOW_MUTATORS" for item in items or ()]


def graph_refusal(cls: Any) -> str | None:
    """What Metaflow has against the graph of the class, inherited steps counting; None if it accepts it."""
    from metaflow.exception import MetaflowException
    from metaflow.lint import linter

    try:
        linter.run_checks(cls._graph)
    except MetaflowException as error:
        return " ".join(str(error.message).split())
    return None


def step_names(cls: Any) -> list[str]:
    """The steps of the class, inherited ones too."""
    return [node.name for node in cls._graph]


def lacks_an_end(cls: Any) -> bool:
    """Whether the graph has no first or no last step: a class that others complete."""
    graph = cls._graph
    if hasattr(graph, "start_step"):
        return graph.start_step is None or graph.end_step is None
    return not {"start", "end"} <= set(step_names(cls))
