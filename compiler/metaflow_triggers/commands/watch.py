"""Watch: whether Python files below some paths have come, gone or changed.

In:   paths of files and folders.
Out:  `has_changed`, at most once for each change.

Not here: what is in the files. A thread looks every second, so a folder that answers slowly holds up nobody.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from ..reading.files import below

_LOOK_SECONDS = 1.0


class Watch:
    """Looks until `stop`."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._seen = self._look()
        self._changed = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._work, name="watch", daemon=True).start()

    def has_changed(self) -> bool:
        """Whether something has changed since the last call that said so."""
        found = self._changed.is_set()
        self._changed.clear()
        return found

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def _work(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                self._changed.set()

    def _look(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for path in self._paths:
            for file in below(path) if os.path.isdir(path) else (path,):
                try:
                    state = os.stat(file)
                except OSError:
                    continue
                found[file] = (state.st_mtime_ns, state.st_size, state.st_ino)
        return found
