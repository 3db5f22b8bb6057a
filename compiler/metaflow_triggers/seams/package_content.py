"""Package content: what Metaflow packs beside the flow's folder, looked up once for all packages of a process.

In:   Metaflow at work on a package.
Out:  the same list of Metaflow's own files and extensions; the same answer about each module.

Not here: which these are: Metaflow says it, the first time. Its files do not change while a command runs. Whether a
module is to be packed is asked of all that are imported, a thousand; those that were not, and that neither name a
policy by now nor belong to a decorator that was imported since, are not again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .environment import replaced

_LISTED = ("_metaflow_distribution_files", "_metaflow_extension_files")
_POLICY = "METAFLOW_PACKAGE_POLICY"

_lists: dict[tuple[str, ...], list[tuple[str, str]]] = {}
_refused: dict[int, ModuleType] = {}
_decorators: list[frozenset[str]] = []
"""The modules that define decorators, when `_refused` was asked; empty before."""


@contextlib.contextmanager
def looked_up_once() -> Iterator[None]:
    """Inside, Metaflow finds again what it has looked up. A Metaflow of another shape looks itself."""
    from metaflow import package

    try:
        from metaflow.packaging_sys.v1 import MetaflowCodeContentV1 as content
    except ImportError:
        yield
        return
    methods = {name: _listed(name, getattr(content, name)) for name in _LISTED if name in vars(content)}

    def made(*arguments: Any, **named: Any) -> Any:
        if "criteria" in named:
            named["criteria"] = _remembering(named["criteria"])
        return content(*arguments, **named)

    takes = getattr(package, content.__name__, None) is content
    with replaced(content, **methods), replaced(package, **({content.__name__: made} if takes else {})):
        yield


def _listed(name: str, method: Callable[[Any], Iterator[tuple[str, str]]]) -> Callable[[Any], list[tuple[str, str]]]:
    def files(self: Any) -> list[tuple[str, str]]:
        key = (name, *(str(getattr(self, part, "")) for part in ("_metaflow_root", "_code_dir")))
        if key not in _lists:
            _lists[key] = list(method(self))
        return _lists[key]

    return files


def _remembering(criteria: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The same answers. What the first package asks is remembered: a flow's own modules come and go."""
    now = _of_decorators()
    if now is None:
        return criteria
    is_first = not _decorators
    if is_first:
        _decorators.append(now)
    elif _decorators[0] != now:
        return criteria

    def judged(module: Any) -> bool:
        if _refused.get(id(module)) is module and _POLICY not in vars(module):
            return False
        found = criteria(module)
        if is_first and not found and type(module) is ModuleType:
            _refused[id(module)] = module
        return found

    return judged


def _of_decorators() -> frozenset[str] | None:
    """The modules that define decorators of users, which are packed; None where Metaflow does not say it."""
    found: set[str] = set()
    kinds = (("flow", "FlowMutatorMeta"), ("step", "UserStepDecoratorMeta"))
    for module, name in ((f"metaflow.user_decorators.user_{kind}_decorator", name) for kind, name in kinds):
        names = getattr(getattr(sys.modules.get(module), name, None), "_import_modules", None)
        if names is None:
            return None
        found.update(names)
    return frozenset(found)
