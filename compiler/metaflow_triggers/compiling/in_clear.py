"""In clear: secrets of the configuration that stand in files which are made to be kept, told by the settings' names.

In:   the files of a compilation; what is secret of the configuration (`seams.secrets`).
Out:  a warning (FT021) for each such setting, with the kinds of files; never a value.

Not here: taking them out: the runs need them, and upstream's compilers put them where runs find them. `create` writes
no file: what it sends stands with those who may read the deployment, in the cluster or the account, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ..diagnostics import Diagnostic
from .compile import File

_OF_KUBERNETES = "METAFLOW_SERVICE_AUTH_KEY"
_ARGO = "argo-workflows"


def in_clear(files: Sequence[File], secrets: Iterable[tuple[str, Sequence[str]]]) -> list[Diagnostic]:
    """The warnings, in the order of the settings."""
    found = []
    for setting, values in secrets:
        written = {text for value in values for text in _ways(value)}
        there = [file for file in files if any(text in file.text for text in written)]
        if there:
            found.append(_diagnostic(setting, there))
    return found


def _ways(value: str) -> set[str]:
    """As it stands in YAML, in JSON, and in JSON inside of that."""
    once = json.dumps(value)[1:-1]
    return {value, once, json.dumps(once)[1:-1]}


def _diagnostic(setting: str, there: Sequence[File]) -> Diagnostic:
    kinds: dict[str, dict[str, None]] = {}
    for file in there:
        backend, _, rest = file.path.partition("/")
        kinds.setdefault(backend, {})[rest.rpartition("/")[2] if "/" in rest else "templates"] = None
    notes = tuple(f"on {backend} in {', '.join(sorted(names))}" for backend, names in sorted(kinds.items()))
    helps = [
        "commit no such folder: deploy with `create`, which writes no file, and give the setting to that job alone"
    ]
    if setting == _OF_KUBERNETES and _ARGO in kinds:
        secret = f"METAFLOW_KUBERNETES_SECRETS the name of a Secret with the key {setting}"
        helps.append(f"or, on {_ARGO}, leave it out of `compile`, and give {secret}")
    if setting.endswith("_URL"):
        helps.append("write the address without user and password")
    return Diagnostic(
        "FT021",
        f"{setting} is secret, and stands in clear in what would be written",
        notes=notes,
        helps=tuple(helps),
    )
