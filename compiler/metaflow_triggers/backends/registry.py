"""Registry: the backends by name.

In:   the name of a backend.
Out:  its module, which offers what `shape.Backend` lists.

Not here: anything that knows one backend. Adding a backend is adding a package
below this one (and its templates and schemas); no other stage changes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, cast

from ..model.flows import Flow
from ..model.settings import Settings
from .shape import Backend

NAMES = ("step-functions", "argo-workflows")


_modules: dict[str, Callable[[], Any]] = {
    "step-functions": lambda: importlib.import_module(".step_functions", __package__),
    "argo-workflows": lambda: importlib.import_module(".argo", __package__),
}


def register(name: str, load: Callable[[], Any]) -> None:
    """Add a backend (a test adds a third)."""
    _modules[name] = load


def unregister(name: str) -> None:
    """Take back what `register` added."""
    del _modules[name]


def backend(name: str) -> Backend:
    """The backend's module. Raises KeyError for an unknown name."""
    return cast(Backend, _modules[name]())


def suited(flow: Flow, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the backends that a flow is for: the one that its steps ask for (`@batch`, `@kubernetes`), else all.

    One that asks for several is for all, whose compilers then say why it is for none.
    """
    asked = [name for name in names if getattr(backend(name), "COMPUTE", None) in flow.features]
    others = [name for name in NAMES if name not in names and getattr(backend(name), "COMPUTE", None) in flow.features]
    if len(asked) + len(others) != 1:
        return tuple(names)
    return tuple(asked)


def own_name(name: str, flow: Flow, settings: Settings) -> str:
    """The name under which a flow is deployed: the user's, else the backend's."""
    return flow.deployed_as or backend(name).deployed_name(flow.name, flow.project, flow.branch, settings)


def deployer(name: str) -> Any:
    """The module `deployer` of a backend: what `create` and `delete` need. Loads the cloud's client when used."""
    return importlib.import_module(".deploy.deployer", backend(name).__name__)  # type: ignore[attr-defined]
