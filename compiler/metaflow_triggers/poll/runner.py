"""Runner: the management calls of a program on the engine's database, or on a cloud.

In:   `sqlite://workflows.db` (below the current folder), `sqlite:///abs/x.db`, `argo://namespace` or `aws://region`,
      names of triggers.
Out:  plain dicts and None.

Not here: polling; `metaflow-triggers run PATHS --database FILE` does that. Making a `DefaultRunner` opens nothing. The
first call opens the database and writes down the triggers that this program has declared, as upstream's runner knows
them.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol, cast

from . import declare
from .errors import PollTypeError, PollValueError

_FORMS = (
    "write sqlite://workflows.db, or sqlite:///absolute/path/workflows.db",
    "or argo://namespace for a cluster, argo:// for the namespace of the configuration",
    "or aws://region, aws:// for the region of the configuration",
)


def database_path(address: object) -> str:
    """The path that an address names. Raises TypeError or ValueError (FT729)."""
    return _place(address)[1]


def _place(address: object) -> tuple[str, str]:
    """Scheme and path. Raises TypeError or ValueError (FT729)."""
    if not isinstance(address, str):
        raise PollTypeError("FT729", f"the address of a database is text, not {type(address).__name__}", _FORMS)
    scheme, separator, path = address.partition("://")
    if not separator or scheme not in _RECORDS:
        shown = f"`{scheme}://` has no poll triggers here" if separator else f"{address[:80]!r} is no such address"
        raise PollValueError("FT729", shown, _FORMS)
    if scheme == "sqlite" and (not path or "\0" in path or path.endswith("/")):
        raise PollValueError("FT729", f"{address[:80]!r} names no file", _FORMS)
    place = _PLACES.get(scheme)
    if place is not None and not place[1].fullmatch(path):
        raise PollValueError("FT729", f"{address[:80]!r} names no {place[0]}", _FORMS)
    return scheme, path


_PLACES = {
    "argo": ("namespace", re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?")),
    "aws": ("region", re.compile(r"([a-z]{2,}(-[a-z]+)+-[0-9]+)?")),
}
"""Of a cloud: what its path names; "" is what the configuration says."""


_RECORDS = {
    "sqlite": "metaflow_triggers.engine.polls.records",
    "argo": "metaflow_triggers.backends.argo.polls.records",
    "aws": "metaflow_triggers.backends.step_functions.polls.records",
}
"""The scheme of an address -> the module that answers for what is kept there. It is loaded by the first call, so that a
file of polls, which has no call, stays light."""


class _Records(Protocol):
    """What such a module offers. A connection is whatever its `opened` gives."""

    def opened(self, path: str, declared: Sequence[declare.Declared]) -> AbstractContextManager[Any]: ...
    def schedules(self, connection: Any, *, enabled_only: bool, limit: int, offset: int) -> list[dict[str, Any]]: ...
    def schedule(self, connection: Any, name: str) -> dict[str, Any] | None: ...
    def set_enabled(self, connection: Any, name: str, enabled: bool) -> None: ...
    def history(self, connection: Any, name: str, *, limit: int, offset: int) -> list[dict[str, Any]]: ...


def _records(scheme: str) -> _Records:
    return cast("_Records", importlib.import_module(_RECORDS[scheme]))


class DefaultRunner:
    """Lists, enables and disables the poll triggers of a database, and tells their history."""

    def __init__(self, database_url: str = "sqlite://metaflow-triggers.db") -> None:
        self._scheme, self._path = _place(database_url)

    def list_trigger_schedules(
        self, enabled_only: bool = False, limit: int = 100, offset: int = 0
    ) -> list[dict[str, Any]]:
        """The triggers by name: a dict each, with `trigger_name`, `enabled` and what `docs/poll-triggers.md` lists."""
        with self._database() as connection:
            return _records(self._scheme).schedules(connection, enabled_only=enabled_only, limit=limit, offset=offset)

    def get_trigger_schedule(self, name: str) -> dict[str, Any] | None:
        """One trigger's dict, or None."""
        with self._database() as connection:
            return _records(self._scheme).schedule(connection, name)

    def set_trigger_enabled(self, name: str, enabled: bool) -> None:
        """Let a trigger be polled, or not, from its next tick on. Raises TriggerNotFound."""
        with self._database() as connection:
            _records(self._scheme).set_enabled(connection, name, enabled)

    def get_trigger_execution_history(self, name: str, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """The fires that were accepted, newest first; `[]` for an unknown name."""
        with self._database() as connection:
            return _records(self._scheme).history(connection, name, limit=limit, offset=offset)

    @contextmanager
    def _database(self) -> Iterator[Any]:
        if declare.is_reading():
            raise PollValueError(
                "FT728",
                "a management call runs while the file is read for its triggers",
                ("put it under `if __name__ == '__main__':`, and run it with `metaflow-triggers exec FILE`",),
            )
        from ..project_file.settings import settings_of

        settings = settings_of(os.getcwd()) if self._scheme in _PLACES else nullcontext()
        with settings, _records(self._scheme).opened(self._path, declare.declared()) as connection:
            yield connection

    def __repr__(self) -> str:
        return f"DefaultRunner({f'{self._scheme}://{self._path}'!r})"
