"""Shape: what a project file says, as a value.

In:   nothing; these are values.
Out:  frozen dataclasses. Paths are as they are written, below the folder of the file.

Not here: reading, what the keys do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.flows import Span
from .find import shown


@dataclass(frozen=True)
class Given:
    """Options of the flows' command lines. `config_values` are JSON texts, files of `configs` absolute."""

    environment: str | None = None
    decorators: tuple[str, ...] = ()
    configs: tuple[tuple[str, str], ...] = ()
    config_values: tuple[tuple[str, str], ...] = ()
    own: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Accepted:
    """Findings that are meant to be there: those of this code, and of this flow where one is named."""

    code: str
    reason: str
    span: Span
    flow: str | None = None


@dataclass(frozen=True)
class Event:
    """`schema` is the JSON Schema of the payload as JSON text; `origin` what the event is elsewhere, by backend."""

    name: str
    span: Span
    owner: str = ""
    description: str = ""
    origin: str = ""
    schema: str = ""
    schema_file: str = ""


@dataclass(frozen=True)
class ProjectFile:
    """`backends_of_paths` are (absolute path, names), of which the nearest counts. `settings` are METAFLOW_*.

    `places` leads from the keys of a value (and the numbers of items) to where it stands. None: the file says nothing.
    """

    file: Path
    profile: str | None = None
    id: str | None = None
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    backends: tuple[str, ...] | None = None
    backends_of_paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    production: bool | None = None
    branch: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    external_flows: tuple[str, ...] = ()
    external_events: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()
    events: tuple[Event, ...] = ()
    places: Mapping[tuple[Any, ...], Span] = field(default_factory=dict, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """Where its paths begin."""
        return self.file.parent

    @property
    def shown(self) -> str:
        """How messages name it."""
        return shown(self.file)

    def searched(self) -> list[str]:
        """Its paths from where the command is typed; the folder of the file where it names none."""
        return [shown(os.path.join(self.folder, path)) for path in self.paths or (".",)]

    def place(self, *keys: str | int) -> Span:
        """Where a key stands, in the profile where that says it; the first line of the file where nothing is known."""
        profiled = self.places.get(("profiles", self.profile, *keys)) if self.profile else None
        return profiled or self.places.get(keys) or Span(self.shown, 1, 1, 1, 1)
