"""Kubernetes models: what upstream's Argo compiler uses of the package `kubernetes`, without importing it.

In:   the same keyword arguments, of the few classes in `_FIELDS`.
Out:  objects whose `to_dict` says the same; a context manager that lends them to upstream.

Not here: knowing Kubernetes. Upstream builds containers with nine classes of a package that takes half a second to
import. A class, a keyword or a type of value that stands not in `_FIELDS` is left to the real package, so that what is
accepted and what is refused stays the same. `tests/seams` holds equal output against the installed package.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

# Class -> keyword -> type: str, int, a class of this table, [type] a list of it, {} an object of texts.
# The keywords stand in the order in which `to_dict` of the real class gives them (generated, alphabetical).
_FIELDS: dict[str, dict[str, Any]] = {
    "V1Container": {
        "command": [str],
        "env": ["V1EnvVar"],
        "env_from": ["V1EnvFromSource"],
        "image": str,
        "image_pull_policy": ("Always", "IfNotPresent", "Never"),
        "name": str,
        "ports": ["V1ContainerPort"],
        "resources": "V1ResourceRequirements",
        "termination_message_policy": ("FallbackToLogsOnError",),
        "volume_mounts": ["V1VolumeMount"],
    },
    "V1ContainerPort": {"container_port": int},
    "V1EnvFromSource": {"secret_ref": "V1SecretEnvSource"},
    "V1EnvVar": {"name": str, "value": str, "value_from": "V1EnvVarSource"},
    "V1EnvVarSource": {"field_ref": "V1ObjectFieldSelector"},
    "V1ObjectFieldSelector": {"field_path": str},
    "V1ResourceRequirements": {"limits": {}, "requests": {}},
    "V1SecretEnvSource": {"name": str},
    "V1VolumeMount": {"mount_path": str, "name": str},
}
_REQUIRED = {
    "V1Container": ("name",),
    "V1ContainerPort": ("container_port",),
    "V1EnvVar": ("name",),
    "V1ObjectFieldSelector": ("field_path",),
    "V1VolumeMount": ("mount_path", "name"),
}


class _Model:
    """An object of one of the classes. A keyword that was not given is absent, where the real one has a null."""

    def __init__(self, kind: str, values: dict[str, Any]) -> None:
        self.kind = kind
        self.values = values

    def to_dict(self) -> dict[str, Any]:
        return {key: _plain(self.values[key]) for key in _FIELDS[self.kind] if key in self.values}

    def real(self) -> Any:
        """The same object of the real package."""
        made = getattr(_real_client(), self.kind)
        return made(**{key: _as_real(value) for key, value in self.values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.to_dict() if isinstance(value, _Model) else value


def _as_real(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_real(item) for item in value]
    return value.real() if isinstance(value, _Model) else value


def _knows(value: Any, wanted: Any) -> bool:
    if value is None:
        return True
    if isinstance(wanted, list):
        return type(value) is list and all(item is not None and _knows(item, wanted[0]) for item in value)
    if isinstance(wanted, tuple):
        return value in wanted
    if isinstance(wanted, dict):
        return type(value) is dict and all(type(part) is str for pair in value.items() for part in pair)
    if isinstance(wanted, str):
        return isinstance(value, _Model) and value.kind == wanted
    return type(value) is wanted


def _maker(kind: str) -> Callable[..., Any]:
    fields, required = _FIELDS[kind], _REQUIRED.get(kind, ())

    def make(**values: Any) -> Any:
        given = {key: value for key, value in values.items() if value is not None}
        model = _Model(kind, given)
        known = all(key in fields and _knows(value, fields[key]) for key, value in values.items())
        return model if known and all(key in given for key in required) else _Model(kind, values).real()

    return make


def _real_client() -> Any:
    """`kubernetes.client` of the real package, which takes the place of the stand-in for good."""
    for name in ("kubernetes", "kubernetes.client"):
        if isinstance(sys.modules.get(name), (_Package, _Client)):
            del sys.modules[name]
    return importlib.import_module("kubernetes.client")


class _Client(ModuleType):
    """`kubernetes.client` as long as nobody asks for more than the table has."""

    def __getattr__(self, name: str) -> Any:
        if name in _FIELDS:
            return _maker(name)
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real_client(), name)


class _RealPath(Iterable[str]):
    """The `__path__` of a package: whoever searches it imports a module of the real package."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __iter__(self) -> Iterator[str]:
        _real_client()
        return iter(list(sys.modules[self._package].__path__))


class _Package(ModuleType):
    """`kubernetes` as long as nobody asks for more than `client`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _real_client()
        return getattr(sys.modules["kubernetes"], name)


@contextlib.contextmanager
def lent(needed: bool = True) -> Iterator[None]:
    """`from kubernetes import client` gives the stand-in, unless the real package is imported or missing."""
    if not needed or "kubernetes" in sys.modules or importlib.util.find_spec("kubernetes") is None:
        yield
        return
    package, client = _Package("kubernetes"), _Client("kubernetes.client")
    package.__dict__.update(__path__=_RealPath(package.__name__), client=client)
    client.__dict__.update(__path__=_RealPath(client.__name__))
    sys.modules.update({"kubernetes": package, "kubernetes.client": client})
    try:
        yield
    finally:
        for name, module in (("kubernetes", package), ("kubernetes.client", client)):
            if sys.modules.get(name) is module:
                del sys.modules[name]
