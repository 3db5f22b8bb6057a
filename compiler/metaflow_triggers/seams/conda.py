"""Conda: the packages of a flow's conda or PyPI environments, kept as parts where Metaflow would upload them.

In:   Metaflow's environment of the flow.
Out:  `Parts`; a manifest of the environments for the code package, the same on every machine.

Not here: resolving packages, which Metaflow and micromamba do; other environments, which upload nothing that we know.
Metaflow notes in a manifest of this machine which packages the datastore has (conda_environment.py,
`init_environment`). What is only kept must not stand there, or the next `create` would not upload it; so Metaflow is
given a copy, which goes into the code package, and what it finds out is brought back.
"""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .environment import replaced
from .parts import Parts


def is_conda(environment: Any) -> bool:
    """Whether the environment is Metaflow's conda environment, or PyPI's, which is made of it."""
    from metaflow.plugins.pypi.conda_environment import CondaEnvironment

    return isinstance(environment, CondaEnvironment)


@contextlib.contextmanager
def kept_packages(environment: Any, parts: Parts) -> Iterator[None]:
    """While a code package is made: what the environment would put into the datastore is kept."""
    if not is_conda(environment):
        yield
        return
    # The packages depend on the decorators of the backend at work.
    environment.get_environment.cache_clear()
    original = Path(environment.get_environment_manifest_path())
    with tempfile.TemporaryDirectory() as folder:
        working = Path(folder) / original.name
        if original.exists():
            working.write_bytes(original.read_bytes())
        kept: set[str] = set()
        real = environment.init_environment

        def init_environment(*arguments: Any) -> None:
            real(*arguments)
            _only_own(environment, working)

        with replaced(
            environment,
            datastore=_keeping(environment.datastore, parts, kept),
            get_environment_manifest_path=lambda: str(working),
            init_environment=init_environment,
        ):
            yield
        _bring_back(environment, working, kept, parts)


def _only_own(environment: Any, manifest: Path) -> None:
    """Leave in the manifest what the flow's steps need, in one order: it is part of the code package."""
    if not _filled(manifest):
        return
    own = {environment.get_environment(step).get("id_") for step in environment.flow}
    found = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps({key: found[key] for key in found if key in own}, sort_keys=True), "utf-8")


def _filled(manifest: Path) -> bool:
    return manifest.exists() and manifest.stat().st_size > 0


def _keeping(datastore: Any, parts: Parts, kept: set[str]) -> Any:
    """The datastore's class, of which `save_bytes` keeps."""

    class Keeping(datastore):  # type: ignore[misc]
        def save_bytes(self, path_and_bytes_iter: Any, overwrite: bool = False, len_hint: int = 0) -> None:
            for path, handle in path_and_bytes_iter:
                kept.add(path)
                parts.add(self.full_uri(path), partial(_all_of, handle), "package of an environment", self.TYPE)

    return Keeping


def _all_of(handle: Any) -> bytes:
    handle.seek(0)
    return bytes(handle.read())


def _bring_back(environment: Any, working: Path, kept: set[str], parts: Parts) -> None:
    """Write what was resolved into the manifest of this machine; that the datastore has it, once it has."""
    if not _filled(working):
        return
    whole = json.loads(working.read_text("utf-8"))

    def remember(forget: set[str]) -> None:
        for id_, platforms in whole.items():
            for platform, kinds in platforms.items():
                for kind, packages in kinds.items():
                    noted = copy.deepcopy(packages)
                    for package in noted:
                        if package.get("path") in forget:
                            del package["path"]
                    if environment.read_from_environment_manifest([id_, platform, kind]) != noted:
                        environment.write_to_environment_manifest([id_, platform, kind], noted)

    remember(kept)
    if kept:
        parts.when_uploaded.append(lambda: remember(set()))
