"""Loading: a user's file as a module, with `cloaca` there, and what it declares.

In:   a path.
Out:  the module, and the `Collected` triggers and mistakes.

Not here: guarding against what the file does; callers turn exceptions into diagnostics.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from . import alias
from .declare import Collected, collecting


class NotPython(Exception):
    """A file that is no Python module."""


def load(file: str) -> tuple[ModuleType, Collected]:
    """Import the file, not as a script. Raises whatever it raises, and NotPython."""
    path = Path(file).resolve()
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NotPython(file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with alias.active(), collecting() as collected:
            spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module, collected


def module_name(path: Path) -> str:
    """The file's own name where it is free, else one that no other file of this process has."""
    if path.stem.isidentifier() and path.stem not in sys.modules:
        return path.stem
    number = 1
    while f"flow_file_{number}" in sys.modules:
        number += 1
    return f"flow_file_{number}"
