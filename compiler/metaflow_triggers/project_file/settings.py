"""Settings: what the project file says of Metaflow's configuration, put where Metaflow looks first.

In:   a project file, or a folder for which one holds; the environment.
Out:  the environment, with the file's settings where it does not say otherwise.

Not here: other keys of the file (`commands.project_options`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .find import find

if TYPE_CHECKING:
    from .shape import ProjectFile

PROFILE = "METAFLOW_TRIGGERS_PROFILE"


def put_settings(project: ProjectFile, environment: MutableMapping[str, str]) -> list[str]:
    """The file's settings, where the environment does not say otherwise; an empty variable counts as not set.

    Returns their names.
    """
    put = []
    for name, value in project.settings.items():
        said = environment.get(name)
        # An empty METAFLOW_USER is somebody's wish to have none.
        if said is None or (said == "" and name != "METAFLOW_USER"):
            environment[name] = value
            put.append(name)
    return put


@contextmanager
def settings_of(folder: str) -> Iterator[None]:
    """The settings that hold in a folder, for the time of a `with`. Raises DiagnosticError."""
    found = find(folder)
    if found is None:
        yield
        return
    from .read import read

    before = dict(os.environ)
    put = put_settings(read(found, os.environ.get(PROFILE) or None), os.environ)
    try:
        yield
    finally:
        for name in put:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
