"""Kept answers: what the child of a file told an earlier command, used again while nothing that it read has changed.

In:   files, a request, the cache; what children recorded (`recording`).
Out:  the answers that need no child; those that children gave, kept for the next command.

Not here: what is recorded, what an answer says. An answer is kept under all that is the same for every file of a
command: versions, settings, environment, options, paths of modules. With it stand the hashes of what its child read,
and of what the parent of all children had read before; both are asked of the disk again. Kept is only the answer of a
file without errors whose reading asked nothing that may answer otherwise tomorrow: the clock, chance, other programs
and machines, functions that are called at deploy time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import cache_from_source, find_spec
from typing import Any

from .. import __version__, seams
from ..cache import place
from ..cache.files import ABSENT, Files, Stamp, is_settled, stamp
from ..cache.store import Store
from ..diagnostics.wire import from_wire
from ..rules.weight import has_errors
from . import recording
from .request import Request
from .steady import asks

_PACKAGES = ("site-packages", "dist-packages")
_OUR_PACKAGES = (
    "metaflow_triggers",
    "metaflow_triggers.schemas",
    "metaflow_triggers.templates",
    "metaflow_extensions.triggers",
)
_LARGEST = 16 << 20
"""Bytes of an answer that is kept."""

Reads = dict[str, Any]


def opened(request: Request) -> KeptAnswers | None:
    """The answers of earlier commands for this request; None where there is no cache, or none is wanted."""
    if not request.cached:
        return None
    folder = place.folder(os.environ)
    return None if folder is None else KeptAnswers(Store(folder, place.limit(os.environ)), request)


class KeptAnswers:
    """The answers of one command. `used` counts those that needed no child."""

    def __init__(self, store: Store, request: Request) -> None:
        self._store = store
        around = _surroundings()
        self._around = _hash(around)
        self._context = _hash([around, _of_request(request)])
        self._tools = ""
        self._places = _hash([list(request.roots), request.here])
        self.files = Files(_value(store.get([f"known/{self._places}"]).get(f"known/{self._places}")))
        self._unchanged: dict[str, bool] = {}
        self._sets: dict[str, Reads] = {}
        self._base = ""
        self._new: dict[str, bytes] = {}
        self.used = 0

    def answers(self, by_hand: Mapping[str, bool]) -> dict[str, dict[str, Any]]:
        """The answers that hold still, by file. `by_hand`: the files, and whether each was named."""
        keys = {file: self._key(file, named) for file, named in by_hand.items()}
        kept = self._store.get(keys.values())
        entries = {}
        for file, key in keys.items():
            entry = _value(kept.get(key))
            if entry and entry.keys() == {"reads", "answer", "sets"}:
                entries[file] = entry
        wanted = sorted({name for entry in entries.values() for name in entry["sets"]})
        for name, content in self._store.get(f"set/{name}" for name in wanted).items():
            self._sets[name.removeprefix("set/")] = _value(content)
        found = {
            file: entry["answer"]
            for file, entry in entries.items()
            if all(self._is_set_unchanged(name) for name in entry["sets"]) and self._is_unchanged(entry["reads"])
        }
        self.used = len(found)
        return found

    def _key(self, file: str, by_hand: bool) -> str:
        return "answer/" + _hash([self._context, file, os.path.realpath(file), by_hand])

    def _is_set_unchanged(self, name: str) -> bool:
        if name not in self._unchanged:
            reads = self._sets.get(name)
            self._unchanged[name] = bool(reads) and self._is_unchanged(reads or {})
        return self._unchanged[name]

    def _is_unchanged(self, reads: Reads) -> bool:
        files = self.files
        return (
            all(files.hash(path) == digest for path, digest in reads["files"].items())
            and all(files.list_hash(path) == digest for path, digest in reads["folders"].items())
            and all(
                files.modules(folder, stem) == names
                for folder, stems in reads["lookups"].items()
                for stem, names in stems.items()
            )
            and all(_kind_now(path, found) == found for path, found in reads["kinds"].items())
            and all(_hash(os.environ.get(name)) == digest for name, digest in reads["variables"].items())
        )

    # What is kept ----------------------------------------------------------------------------------------------------

    def note_ours(self) -> None:
        """Note what this process has read by now: all children have it."""
        reads = recording.recorded(dict(sys.modules))
        if "unsteady" in reads:
            self._base = ""
            return
        for path in _own_files():
            reads["files"].setdefault(path, [])
        for folder in _package_folders():
            reads["folders"].setdefault(folder, self.files.list_hash(folder))
        settled = self._settled(reads, 0)
        self._base = "" if settled is None else self._keep_set(settled)

    def keep(self, file: str, by_hand: bool, answer: dict[str, Any], reads: Reads, started: int) -> None:
        """Keep what the child of a file told that was started at a time (nanoseconds), if it may be used again."""
        if not self._base or "unsteady" in reads or _has_errors(answer):
            return
        settled = self._settled(reads, started)
        if settled is None or asks(_texts_of_user(settled["files"])):
            return
        home = os.path.dirname(os.path.realpath(file)) + os.sep
        own, shared = _divided(settled, home)
        entry = {"reads": own, "answer": answer, "sets": [self._base, self._keep_set(shared)]}
        content = json.dumps(entry).encode()
        if len(content) <= _LARGEST:
            self._new[self._key(file, by_hand)] = content

    # What other rooms keep -------------------------------------------------------------------------------------------

    def key(self, *values: Any) -> str:
        """A key for what depends on these values, on what is installed, on settings and environment."""
        if not self._tools:
            self._tools = _hash(
                [self._around, {path: self.files.hash(path) for path in _own_files()}, self._packages()]
            )
        return _hash([self._tools, *values])

    def _packages(self) -> list[str]:
        return [self.files.list_hash(folder) for folder in _package_folders()]

    def rows(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The JSON objects that are kept under the keys."""
        found = {name: _value(content) for name, content in self._store.get(keys).items()}
        return {name: value for name, value in found.items() if value}

    def row(self, key: str) -> bytes | None:
        """What is kept under a key."""
        return self._store.get([key]).get(key)

    def put(self, key: str, content: bytes) -> None:
        """Keep this, from the next `save` on."""
        self._new[key] = content

    def note(self, paths: Iterable[str]) -> None:
        """Remember what these files hold now, for a command that will ask."""
        written = [os.path.abspath(path) for path in paths]
        self.files.look_again(written)
        for path in written:
            self.files.hash(path)
        self.save()

    def save(self) -> None:
        """Write what is new."""
        if self.files.has_news():
            self._new[f"known/{self._places}"] = json.dumps(self.files.remembered()).encode()
        self._store.put(self._new)
        self._new.clear()
        self._store.close()

    def _keep_set(self, reads: Reads) -> str:
        name = _hash(reads)
        if name not in self._sets:
            self._sets[name] = reads
            self._unchanged[name] = True
            self._new[f"set/{name}"] = json.dumps(reads).encode()
        return name

    def _settled(self, reads: Reads, started: int) -> Reads | None:
        """The hashes of what was read, or None where something has changed since, or may have.

        `started`: nothing that was imported may have changed after it; 0 for what was imported before all else.
        """
        files: dict[str, str] = {}
        for path, found in reads["files"].items():
            if found is None:
                digest: str | None = ABSENT if stamp(path) is None else None
            elif found:
                digest = self.files.hash_as(path, found[:5]) if is_settled(found[:5], found[5]) else None
            else:
                now = stamp(path)
                if now is None:
                    digest = ABSENT if not os.path.lexists(path) else None
                elif started and (not is_settled(now, started) or _is_outlived(path, now)):
                    digest = None
                else:
                    digest = self.files.hash_as(path, now)
            if digest is None:
                return None
            files[path] = digest
        variables = {name: _hash(os.environ.get(name)) for name in reads["variables"]}
        return {**reads, "files": files, "variables": variables}


def _of_request(request: Request) -> dict[str, Any]:
    """What of a request counts for every file."""
    asked = asdict(request)
    for name in ("seconds", "workers", "kept", "cached"):
        del asked[name]
    return asked


def _surroundings() -> dict[str, Any]:
    """What counts for all that is read and emitted, beside what is read."""
    return {
        "compiler": __version__,
        "metaflow": seams.metaflow_version(),
        "extensions": seams.other_extensions(),
        "configuration": seams.configuration_files(),
        "python": [
            sys.version,
            sys.executable,
            sys.prefix,
            sys.base_prefix,
            list(sys.flags),
            sys.getfilesystemencoding(),
        ],
        "path": sys.path,
        "user": os.getuid(),
        "variables": sorted(
            (name, value)
            for name, value in os.environ.items()
            if name not in recording.SESSION and not name.startswith(place.VARIABLE)
        ),
    }


def _package_folders() -> list[str]:
    """The folders of installed packages. The name of a package's `dist-info` has its version."""
    return [os.path.realpath(entry) for entry in sys.path if os.path.basename(entry) in _PACKAGES]


def _own_files() -> Iterable[str]:
    """The files of this package that are no modules: templates, schemas, what travels."""
    specs = [spec for spec in map(find_spec, _OUR_PACKAGES) if spec is not None]
    for root in [root for spec in specs for root in spec.submodule_search_locations or ()]:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            yield from (os.path.join(folder, name) for name in sorted(names))


def _divided(reads: Reads, home: str) -> tuple[Reads, Reads]:
    """(what is below the file's folder or is of its session, the rest, which other files may have read as well)."""
    own: Reads = {"variables": reads["variables"]}
    shared: Reads = {"variables": {}}
    for kind in ("files", "folders", "kinds", "lookups"):
        mine = {path: found for path, found in reads[kind].items() if f"{path.removeprefix('l:')}/".startswith(home)}
        own[kind] = mine
        shared[kind] = {path: found for path, found in sorted(reads[kind].items()) if path not in mine}
    return own, shared


def _texts_of_user(files: Iterable[str]) -> list[bytes]:
    texts = []
    for path in files:
        if path.endswith(".py") and recording.is_users(path):
            try:
                with open(path, "rb") as stream:
                    texts.append(stream.read())
            except OSError:
                continue
    return texts


def _has_errors(answer: dict[str, Any]) -> bool:
    told = [*answer["diagnostics"], *(item for one in answer["classes"] for item in one["diagnostics"])]
    return has_errors([from_wire(item) for item in told])


def _is_outlived(path: str, found: Stamp) -> bool:
    """Whether a module of the user's was compiled before it was last changed, and Python may not have seen that: it
    looks at size and time, in seconds."""
    if not path.endswith(".py") or not recording.is_users(path):
        return False
    try:
        compiled = stamp(cache_from_source(path))
    except NotImplementedError:
        return False
    return compiled is not None and compiled[4] < found[4]


def _kind_now(key: str, like: Sequence[int]) -> list[int]:
    path = key.removeprefix("l:")
    try:
        found = os.lstat(path) if path != key else os.stat(path)
    except (OSError, ValueError):
        return []
    return recording.kind(found, len(like) > 1)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _value(content: bytes | None) -> dict[str, Any]:
    """The JSON object, or an empty one."""
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
