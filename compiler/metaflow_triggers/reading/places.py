"""Places: where the parts of a flow were written, in its own file or in that of a base.

In:   a flow class, its parsed file.
Out:  spans of its decorators, parameters and steps; the events that its steps emit, inherited ones too.

Not here: what the parts mean.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from .. import seams
from ..model.flows import EmittedEvent, Span
from .source import SourceFile, Step, shown_beside, source_file


class Places:
    """The files in which a flow and its bases stand."""

    def __init__(self, cls: Any, source: SourceFile) -> None:
        self._class = cls
        self._own = source
        self._home = os.path.realpath(getattr(sys.modules.get(self._class.__module__), "__file__", None) or "")
        self._sources: dict[str, SourceFile] = {self._home: source}

    @cached_property
    def _owners(self) -> list[tuple[Any, SourceFile]]:
        """The class and its bases, each with its file, as far as there is one to read."""
        found = []
        for cls in seams.user_classes(self._class):
            source = self._source(getattr(sys.modules.get(cls.__module__), "__file__", None))
            if source is not None:
                found.append((cls, source))
        return found

    def _source(self, file: str | None) -> SourceFile | None:
        if file is None:
            return None
        path = os.path.realpath(file)
        if path not in self._sources:
            self._sources[path] = source_file(shown_beside(self._own.path, self._home, path), path)
        return self._sources[path]

    def _owner(self, name: str, occurrence: int) -> tuple[str, SourceFile, int]:
        """The class above which a decorator stands, its file, and the decorator's number there."""
        decorators = seams.class_decorators(self._class, name)
        wanted = decorators[occurrence] if occurrence < len(decorators) else None
        for cls, source in reversed(self._owners):
            for number, item in enumerate(seams.class_decorators(cls, name)):
                if item is wanted:
                    return cls.__name__, source, number
        return self._class.__name__, self._own, occurrence

    def value(self, decorator: tuple[str, int], path: Sequence[Step], key: bool = False) -> Span:
        """The value at `path` of a decorator's arguments, or its key."""
        name, occurrence = decorator
        owner, source, number = self._owner(name, occurrence)
        return source.locate(owner, name, path, occurrence=number, key=key)

    def decorator(self, name: str, occurrence: int) -> Span:
        """A decorator's name, as written above the class."""
        owner, source, number = self._owner(name, occurrence)
        return source.decorator_span(owner, name, number)

    def parameter(self, attribute: str) -> Span:
        """The attribute that holds a `Parameter` or `Config`."""
        for cls, source in self._owners:
            if attribute in vars(cls):
                return source.parameter_span(cls.__name__, attribute)
        return self.flow()

    def blamed(self, message: str) -> Span:
        """The step that a message of Metaflow's names, at the decorator that it names too; the name of a project; else
        the flow."""
        if "@project name" in message:
            return self.value(("project", 0), ("name",))
        for name in re.findall(r"[Ss]tep [*`'\"]?(\w+)|\*(\w+)\*", message):
            for cls, source in self._owners:
                step = vars(cls).get(name[0] or name[1])
                if getattr(step, "is_step", False):
                    return source.step_span(cls.__name__, name[0] or name[1], message)
        return self.flow()

    def flow(self) -> Span:
        """The name behind `class`."""
        return self._own.class_span(self._class.__name__)

    def emitted(self, prefix: str) -> tuple[EmittedEvent, ...]:
        """What the flow's steps emit by a literal name, each once; its own file first."""
        found: dict[str, EmittedEvent] = {}
        read = set()
        for cls, source in self._owners or [(self._class, self._own)]:
            if source.path not in read or source is not self._own:
                for event in source.emitted_events(cls.__name__, prefix):
                    found.setdefault(event.name, event)
            read.add(source.path)
        return tuple(found.values())
