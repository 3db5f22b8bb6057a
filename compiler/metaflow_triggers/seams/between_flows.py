"""Between flows: what Metaflow keeps of the flow at work, put back before the next one, and a look whether all is.

In:   a process that has read one flow, and reads others.
Out:  the process as it was then; what is not.

Not here: which flows may share a process (`metaflow_triggers.reading.plain`), what is done when something is left.

Metaflow is made for one flow in a process, and keeps it in globals. Those that are known are put back by value, by the
places in which Metaflow has such things at all. Whether these are all is not believed but looked at: `left` compares
every module of Metaflow and its extensions, down into their classes and objects, with what was there before.
"""

from __future__ import annotations

import builtins
import linecache
import os
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

ANEW = ("metaflow.cli", "metaflow.plugins.logs_cli")
"""What looks at the flow while it is imported, so that each flow has its own (`shape`)."""
_OBJECTS = (
    ("metaflow.metaflow_current", "current"),
    ("metaflow.cli_args", "cli_args"),
    ("metaflow.system_context", "system_context"),
    ("metaflow.system", "_system_logger"),
    ("metaflow.system", "_system_monitor"),
)
_REGISTERED = (
    "FLOW_DECORATORS",
    "STEP_DECORATORS",
    "DATASTORES",
    "ENVIRONMENTS",
    "METADATA_PROVIDERS",
    "LOGGING_SIDECARS",
    "MONITOR_SIDECARS",
)
_OURS = ("metaflow", "metaflow_extensions", "metaflow_triggers")
_ATOMS = (str, bytes, int, float, complex, bool, type(None))
_OF_PYTHON = {"__builtins__", "__warningregistry__", "__weakref__", "__dict__", "__abstractmethods__"}
_DEEPEST = 12


class Between:
    """The process as it is now, to which `restore` brings it back, and as it was when `look` saw it."""

    def __init__(self) -> None:
        self._owners = [
            (owner, {name: (value, _copy(value)) for name, value in vars(owner).items()}) for owner in _owners()
        ]
        self._context = getattr(sys.modules.get("metaflow.parameters"), "context_proto", None)
        self._variables = dict(os.environ)
        self._path, self._arguments, self._folder = list(sys.path), list(sys.argv), os.getcwd()
        self._modules = frozenset(sys.modules)
        self._finders: list[Any] = []
        self._there: dict[str, Any] = {}

    def look(self) -> None:
        """Remember what is there now, for `left`. The modules of now are meant: what each flow loads is no state."""
        self._modules = frozenset(sys.modules)
        self._finders = [*sys.meta_path, *sys.path_hooks]
        self._there = self._everything()

    def restore(self) -> None:
        """What Metaflow, and reading a file, are known to leave is put back; imported modules stay, but for `ANEW`."""
        for owner, before in self._owners:
            _put_back(owner, before)
        if "metaflow.parameters" in sys.modules:
            sys.modules["metaflow.parameters"].context_proto = self._context  # type: ignore[attr-defined]
        for name in ANEW:
            sys.modules.pop(name, None)
        if dict(os.environ) != self._variables:
            os.environ.clear()
            os.environ.update(self._variables)
        sys.path[:], sys.argv = self._path, list(self._arguments)
        os.chdir(self._folder)
        linecache.clearcache()

    def imported(self) -> list[str]:
        """The names of the modules that are there since `look`, but for those of `ANEW`."""
        return [name for name in sys.modules if name not in self._modules and name not in ANEW]

    def left(self) -> list[str]:
        """The places where something is not as `look` saw it; none when all is."""
        before, now = self._there, self._everything()
        missing = object()
        return sorted(
            place
            for place in before.keys() | now.keys()
            if not _are_same(before.get(place, missing), now.get(place, missing))
        )

    def _everything(self) -> dict[str, Any]:
        """Place -> value of all that modules of Metaflow's and ours hold, and of the process itself."""
        seen = _Seen()
        for name in self._modules:
            module = sys.modules.get(name)
            if isinstance(module, types.ModuleType) and _is_ours(name) and name not in ANEW:
                for key, value in list(vars(module).items()):
                    seen.walk(f"{name}.{key}", key, value, _DEEPEST)
        known = {id(one) for one in self._finders}
        process = {
            "environ": dict(os.environ),
            "folder": os.getcwd(),
            "path": list(sys.path),
            # A library may bring one of its own for its own modules (`six`); it comes behind these.
            "finders": [id(one) for one in (*sys.meta_path, *sys.path_hooks) if id(one) in known],
            "builtins": {key: id(value) for key, value in vars(builtins).items() if key != "_"},
            "filters": len(warnings.filters),
            "signals": {number: id(signal.getsignal(number)) for number in signal.valid_signals()},
        }
        seen.walk("process", "process", process, _DEEPEST)
        return seen.found


def _owners() -> Iterator[Any]:
    """Where Metaflow keeps what belongs to the flow at work. What a Metaflow does not have keeps nothing."""
    from metaflow import plugins

    for module, name in _OBJECTS:
        found = getattr(sys.modules.get(module), name, None)
        if found is not None:
            yield found
            yield type(found)
    seen = set()
    for name in _REGISTERED:
        registered = getattr(plugins, name, ())
        for cls in registered.values() if isinstance(registered, dict) else registered:
            for base in getattr(cls, "__mro__", ()):
                if base not in seen and _is_ours(base.__module__):
                    seen.add(base)
                    yield base


def _copy(value: Any) -> Any:
    """What a container holds, which may change though it stays the same one; None for anything else."""
    return value.copy() if type(value) in (dict, list, set) else None


def _put_back(owner: Any, before: dict[str, tuple[Any, Any]]) -> None:
    now = vars(owner)
    for name in [name for name in now if name not in before]:
        delattr(owner, name)
    for name, (value, content) in before.items():
        if name not in now or now[name] is not value:
            setattr(owner, name, value)
        if content is not None and value != content:
            value.clear()
            (value.extend if isinstance(value, list) else value.update)(content)


# What is looked at ---------------------------------------------------------------------------------------------------


class _Seen:
    """What a walk has found, by place. What is at two places is walked once."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._walked: set[int] = set()

    def walk(self, place: str, key: str, value: Any, depth: int) -> None:
        """Note a value and what it holds. A module is its name, and is walked as itself."""
        kind = type(value)
        if key in _OF_PYTHON or kind is types.ModuleType:
            return
        self.found[place] = value
        if kind in _ATOMS or id(value) in self._walked or not depth:
            return
        self._walked.add(id(value))
        for name, item in _inside(value, kind):
            self.walk(f"{place}{name}", name, item, depth - 1)


def _inside(value: Any, kind: type) -> Iterator[tuple[str, Any]]:
    """What a value holds, each under a name. Nothing of the value's own is called, which might make something."""
    if isinstance(value, dict):
        yield "#", len(value)
        for key, item in list(dict.items(value)):
            yield f"[{key!r}]" if type(key) in _ATOMS else f"[{id(key)}]", item
    elif isinstance(value, (list, tuple)):
        yield "#", len(value)
        for number, item in enumerate(value):
            yield f"[{number}]", item
    elif isinstance(value, (set, frozenset)):
        yield "#", len(value)
        yield "=", frozenset(item if type(item) in _ATOMS else id(item) for item in value) if value else None
    elif isinstance(value, type):
        if _is_ours(value.__module__):
            for key, item in list(vars(value).items()):
                yield f".{key}", item
    elif kind is types.FunctionType:
        for number, cell in enumerate(value.__closure__ or ()):
            yield f".<{number}>", _content(cell)
        for name, item in ((".()", value.__defaults__), (".(*)", value.__kwdefaults__), (".{}", value.__dict__)):
            if item:
                yield name, item
    elif kind in (staticmethod, classmethod):
        yield ".f", value.__func__
    elif kind is property:
        yield ".get", value.fget
        yield ".set", value.fset
    elif kind is types.MethodType:
        yield ".self", value.__self__
    elif _is_ours(kind.__module__):
        for base in kind.__mro__:
            if "__dict__" in vars(base):
                for key, item in list(object.__getattribute__(value, "__dict__").items()):
                    yield f".{key}", item
                return


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _are_same(one: Any, other: Any) -> bool:
    """Whether a place holds the same: of plain containers their content says it, which has places of its own."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in _ATOMS or kind is frozenset:
        return bool(one == other)
    return isinstance(one, tuple) or kind in (dict, list, set, types.MethodType)


def _is_ours(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] in _OURS
