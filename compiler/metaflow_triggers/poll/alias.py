"""Alias: a module named `cloaca` for files that import it.

In:   nothing; a file that says `import cloaca`, `import cloaca as c` or `from cloaca import trigger`.
Out:  an entry of `sys.modules`, for the time of a `with`; the previous entry comes back afterwards.

Not here: reading or running files. No distribution of ours has a top-level `cloaca`: it would clash with the real one.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .context import Context
from .declare import trigger
from .errors import PollError
from .result import TriggerResult
from .runner import DefaultRunner

NAME = "cloaca"
_SUPPORTED = {
    "trigger": trigger,
    "TriggerResult": TriggerResult,
    "Context": Context,
    "DefaultRunner": DefaultRunner,
}


class UnsupportedName(PollError, ImportError):
    """A name of the real package that the alias does not have. ImportError, so that `from cloaca import` tells it."""


class _Alias(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedName(
            "FT726",
            f"`{NAME}.{name}` is not supported; supported are {', '.join(_SUPPORTED)}",
            ("write the workflow as a Metaflow flow, and name it in trigger(workflow=...)",),
        )


def is_installed() -> bool:
    """Whether a real package of this name could be imported here."""
    loaded = sys.modules.get(NAME)
    if loaded is not None and not isinstance(loaded, _Alias):
        return True
    return importlib.machinery.PathFinder.find_spec(NAME) is not None


def made() -> ModuleType:
    """A new module of the alias."""
    alias = _Alias(NAME, "Poll triggers of metaflow-triggers under the name that the file imports.")
    alias.__dict__.update(_SUPPORTED, __all__=list(_SUPPORTED))
    return alias


def install() -> None:
    """`cloaca` is ours for the rest of this process: functions may import it when they are called."""
    sys.modules[NAME] = made()


def search_path(path: str | None) -> str:
    """PYTHONPATH for processes that run a file which imports `cloaca`; `path` is what it was."""
    folder = str(Path(__file__).parent / "standin")
    return os.pathsep.join([folder, path]) if path else folder


@contextmanager
def active() -> Iterator[ModuleType]:
    """`cloaca` is ours inside, whatever is installed."""
    missing = object()
    before = sys.modules.get(NAME, missing)
    alias = sys.modules[NAME] = made()
    try:
        yield alias
    finally:
        if before is missing:
            sys.modules.pop(NAME, None)
        else:
            sys.modules[NAME] = before  # type: ignore[assignment]
