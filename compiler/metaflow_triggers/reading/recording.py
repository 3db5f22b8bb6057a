"""Recording: what the reading of a file asks of this machine.

In:   the child's process, before user code runs in it.
Out:  `Recorded`, a JSON value: files opened and modules imported with their stamps, folders listed, where modules were
      looked for, what files were asked for only, variables of a session that were read; or that it cannot be said.

Not here: whether any of it has changed (`kept_answers`). Python tells of what is opened, imported and listed (an audit
hook, which cannot be taken away again, so it does nothing unless it is switched on); it does not tell of `os.stat`, of
the clock and of the environment, so these are asked through functions and a class of ours while user code runs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import stat
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import FrameType, SimpleNamespace
from typing import Any

from ..cache.files import Files, hash_of_names, listed, stamp_of

SESSION = frozenset(
    {
        *("_", "SHLVL", "OLDPWD", "PWD", "COLUMNS", "LINES", "WINDOWID", "TERM_SESSION_ID", "GPG_TTY", "STY"),
        *("SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "TMUX", "TMUX_PANE", "XDG_SESSION_ID"),
    }
)
"""Variables that are others in each terminal. They count for a file whose code reads them; all others always do."""

_LEAVES = {
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn", "subprocess.Popen",
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname", "socket.gethostname",
    "socket.getnameinfo", "socket.sendmsg", "socket.sendto", "sqlite3.connect", "webbrowser.open",
}  # fmt: skip
"""Events of what asks other programs and machines: nothing says whether they would answer the same."""

_KIND_ONLY = {
    "exists", "isfile", "isdir", "islink", "lexists", "ismount", "is_file", "is_dir", "is_symlink", "is_mount",
    "realpath", "_joinrealpath", "resolve", "_walk", "walk", "_iwalk", "glob", "_glob0", "_lexists", "_exists",
}  # fmt: skip
"""Functions of the standard library that ask only whether there is something, and what kind it is."""

_CLOCK = ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")
_LIBRARY = tuple(
    os.path.realpath(place) + os.sep
    for place in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if place
)
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
_PATHS = {"genericpath", "posixpath", "pathlib", "pathlib._local", "pathlib._abc", "glob", "os", "zipimport"}

_stat, _lstat, _cwd = os.stat, os.lstat, os.getcwd


_state: Any = SimpleNamespace(on=False, installed=False, watching=False, why="", random=None)
"""One object for as long as the process lives: who reads several files in a process looks whether all is as it was."""


def start(*, ours: bool = False) -> None:
    """Record from now on, and forget what was recorded before. `ours`: no user code runs in this process."""
    _state.files, _state.folders, _state.kinds, _state.imports = {}, {}, {}, {}
    _state.lookups, _state.variables = [], set()
    _state.why, _state.is_ours, _state.random = "", ours, random.getstate()
    if not _state.installed:
        _state.installed = True
        sys.addaudithook(_hook)
    _state.on = True


def watch() -> None:
    """Let what Python does not tell of be asked through us: in a child, whose process ends with its file."""
    if _state.watching:
        return
    _state.watching = True
    os.environ.__class__ = _environment_class(os.environ.__class__)
    for name in _CLOCK:
        setattr(time, name, _told(getattr(time, name), f"time.{name}", _is_direct))
    os.urandom = _told(os.urandom, "os.urandom", _is_of_user)
    if hasattr(random, "_urandom"):
        random._urandom = _told(random._urandom, "os.urandom", _is_of_user)
    os.stat, os.lstat = _asked(_stat, follow=True), _asked(_lstat, follow=False)
    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):  # as they are
        able |= {asked for asked, real in ((os.stat, _stat), (os.lstat, _lstat)) if real in able}
    accessor = getattr(sys.modules.get("pathlib"), "_NormalAccessor", None)
    if accessor is not None:  # Python 3.10 keeps its own
        accessor.stat, accessor.lstat = staticmethod(os.stat), staticmethod(os.lstat)
    find = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> Any:
        if _state.on and not name.startswith("."):
            _state.imports.setdefault(name, tuple(sys.path))
        return find(name, package)

    importlib.util.find_spec = find_spec


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Inside, what happens is ours and is not recorded."""
    before, _state.on = _state.on, False
    try:
        yield
    finally:
        _state.on = before


def go_on() -> None:
    """Record again, in a process that was started inside `paused`."""
    _state.on = True


def unsteady(why: str) -> None:
    """Say that the file has to be read each time."""
    if not _state.why:
        _state.why = why


def chance() -> None:
    """Called when the user's module is there: say if it has taken a random number. (Metaflow's compilers do.)"""
    if random.getstate() != _state.random:
        unsteady("random numbers")


def stop() -> None:
    """Record nothing more."""
    _state.on = False


def recorded(modules: Mapping[str, Any]) -> dict[str, Any]:
    """All that was recorded. `modules` are those that were imported meanwhile, or before it by the same process."""
    stop()
    if _state.why:
        return {"unsteady": _state.why}
    for name in sorted({name.partition(".")[0] for name in modules}):
        _state.imports.setdefault(name, tuple(sys.path))
    files = dict(_state.files)
    for module in modules.values():
        for path in _sources(module):
            files.setdefault(path, [])
    lookups = _lookups(_state.imports.items())
    for more in _state.lookups:
        _merge(lookups, more)
    for folder in lookups:
        if folder not in files and os.path.isfile(folder):  # modules in a zip file
            files[folder] = []
    return {
        "files": files,
        "folders": dict(_state.folders),
        "kinds": {path: kind for path, kind in _state.kinds.items() if path not in files},
        "lookups": lookups,
        "variables": sorted(_state.variables & SESSION),
    }


def _merge(lookups: dict[str, dict[str, list[str]]], more: Mapping[str, Mapping[str, list[str]]]) -> None:
    for folder, found in more.items():
        lookups[folder] = {**found, **lookups.get(folder, {})}


class Common:
    """What a process that reads several files has read for one of them, and has by then for the others, too: all that
    does not lie in the file's own folder."""

    def __init__(self) -> None:
        self._kinds: tuple[str, ...] = ("files", "folders", "kinds")
        self._found: dict[str, Any] = {"files": {}, "folders": {}, "kinds": {}, "lookups": {}, "variables": []}

    def added(self, reads: dict[str, Any], home: str) -> dict[str, Any]:
        """What was read for a file of the folder `home`, with what was read for those before it."""
        if "unsteady" in reads:
            return reads
        for kind in self._kinds:
            reads[kind] = {**self._found[kind], **reads[kind]}
        _merge(reads["lookups"], self._found["lookups"])
        reads["variables"] = sorted({*reads["variables"], *self._found["variables"]})
        below = home.rstrip(os.sep) + os.sep
        for kind in (*self._kinds, "lookups"):
            found = reads[kind].items()
            self._found[kind] = {
                path: one for path, one in found if not f"{path.removeprefix('l:')}/".startswith(below)
            }
        self._found["variables"] = reads["variables"]
        return reads


def add(more: dict[str, Any]) -> None:
    """What a process of ours recorded that this one started."""
    if "unsteady" in more:
        unsteady(more["unsteady"])
        return
    _state.folders.update(more["folders"])
    _state.kinds.update(more["kinds"])
    _state.variables.update(more["variables"])
    for path, found in more["files"].items():
        _state.files.setdefault(path, found)
    _state.lookups.append(more["lookups"])


# The hook ------------------------------------------------------------------------------------------------------------


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _state.on:
        return
    handler = _HANDLERS.get(event)
    if handler is not None:
        try:
            handler(args)
        except Exception as error:
            unsteady(f"{event}: {type(error).__name__}")
    elif event in _LEAVES and not _state.is_ours:
        unsteady(event)


def _opened(args: tuple[Any, ...]) -> None:
    path, mode, flags = args
    if isinstance(path, int):
        return
    path = _absolute(path)
    if path.endswith(".pyc") and f"{os.sep}__pycache__{os.sep}" in path:
        return  # Python takes it only while the source is what it was compiled from, and that is recorded
    reads = mode is None or "r" in mode or "+" in mode or "a" in mode
    if isinstance(flags, int) and mode is None:
        reads = flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY
    if not reads or path in _state.files or path == os.devnull:
        return
    try:
        found = _stat(path)
    except (OSError, ValueError):
        _state.files[path] = None
        return
    made = stamp_of(found)
    if made is not None:
        _state.files[path] = [*made, time_ns()]
    elif stat.S_ISDIR(found.st_mode):
        _list(path)
    else:
        unsteady(f"reads {path}, which is no regular file")


def _imported(args: tuple[Any, ...]) -> None:
    name, _, path, *_ = args
    if name not in _state.imports:
        _state.imports[name] = tuple(path if path is not None else sys.path)


def _listed(args: tuple[Any, ...]) -> None:
    if sys._getframe(2).f_globals.get("__name__") == "importlib._bootstrap_external":
        return  # Python looks for a module, and `_lookups` says which
    path = args[0] if args else None
    if isinstance(path, int):
        unsteady("lists a folder by its descriptor")
        return
    _list(_absolute("." if path is None else path))


def _list(path: str) -> None:
    if path in _state.folders:
        return
    with paused():
        names = listed(path)
    _state.folders[path] = "" if names is None else hash_of_names(names)


_HANDLERS: dict[str, Callable[[tuple[Any, ...]], None]] = {
    "open": _opened,
    "import": _imported,
    "os.listdir": _listed,
    "os.scandir": _listed,
}


def _absolute(path: Any) -> str:
    text = os.fsdecode(path)
    return os.path.normpath(text if os.path.isabs(text) else os.path.join(_cwd(), text))


# What no hook tells --------------------------------------------------------------------------------------------------


time_ns = time.time_ns


def _asked(real: Callable[..., os.stat_result], *, follow: bool) -> Callable[..., os.stat_result]:
    def asked(path: Any, *given: Any, **options: Any) -> os.stat_result:
        if not _state.on or isinstance(path, int) or options.get("dir_fd") is not None:
            return real(path, *given, **options)
        follows = follow and options.get("follow_symlinks", True)
        whole = _is_for_user(sys._getframe(1))
        try:
            found = real(path, *given, **options)
        except (OSError, ValueError):
            _note_kind(path, follows, None, whole)
            raise
        _note_kind(path, follows, found, whole)
        return found

    return asked


def _note_kind(path: Any, follows: bool, found: os.stat_result | None, whole: bool) -> None:
    with contextlib.suppress(TypeError, ValueError):
        key = ("" if follows else "l:") + _absolute(path)
        value = kind(found, whole)
        before = _state.kinds.get(key)
        if before is None or (isinstance(value, list) and len(value) > len(before)):
            _state.kinds[key] = value


def kind(found: os.stat_result | None, whole: bool) -> list[int]:
    """What counts of an answer of `os.stat`: nothing there, its type, or all that a program may ask for."""
    if found is None:
        return []
    made = [stat.S_IFMT(found.st_mode)]
    if whole:
        made += [found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns]
    return made


def _is_for_user(frame: FrameType | None) -> bool:
    """Whether user code asked, and for more than whether there is something."""
    while frame is not None and frame.f_globals.get("__name__") in _PATHS:
        if frame.f_code.co_name in _KIND_ONLY:
            return False
        frame = frame.f_back
    return frame is not None and is_users(frame.f_code.co_filename)


@cache
def is_users(file: str) -> bool:
    """Whether a file of code is neither of the library, nor of an installed package, nor ours."""
    if file.startswith("<"):
        return False
    real = os.path.normpath(os.path.join(_cwd(), file))
    return not real.startswith((*_LIBRARY, _OURS)) and f"{os.sep}metaflow{os.sep}" not in real


def _told(real: Callable[..., Any], name: str, counts: Callable[[FrameType], bool]) -> Callable[..., Any]:
    """A function that says when it is called by a frame that counts."""

    def called(*given: Any, **options: Any) -> Any:
        if _state.on and counts(sys._getframe(1)):
            unsteady(name)
        return real(*given, **options)

    return called


def _is_direct(frame: FrameType) -> bool:
    return is_users(frame.f_code.co_filename)


def _is_of_user(frame: FrameType | None) -> bool:
    """Whether user code asks, also by way of a library that does not import meanwhile."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(("importlib._bootstrap", "metaflow.")) or name == "metaflow":
            return False
        if is_users(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _environment_class(base: Any) -> Any:
    class Environment(base):  # type: ignore[misc]
        """The environment, which notes what is read of it."""

        def __getitem__(self, key: str) -> str:
            if _state.on:
                _state.variables.add(key)
            return str(super().__getitem__(key))

    return Environment


# Modules -------------------------------------------------------------------------------------------------------------


def _sources(module: Any) -> Iterator[str]:
    """The files that a module is of."""
    spec = getattr(module, "__spec__", None)
    for path in {getattr(module, "__file__", None), getattr(spec, "origin", None)}:
        if isinstance(path, str) and os.path.isabs(path):
            yield os.path.normpath(path)


def _lookups(imports: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, dict[str, list[str]]]:
    """By folder and module what each folder in which it was looked for has of that name, up to where it was found."""
    found: dict[str, dict[str, list[str]]] = {}
    files = Files()
    for name, path in imports:
        above, _, last = name.rpartition(".")
        searched = tuple(getattr(sys.modules.get(above), "__path__", ()) or ()) if above else path
        origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
        if origin in ("built-in", "frozen"):
            continue
        home = os.path.normpath(origin) if isinstance(origin, str) else None
        for entry in searched:
            folder = _absolute(entry)
            there = files.modules(folder, last)
            found.setdefault(folder, {})[last] = there
            if home is not None and there and home.startswith(folder + os.sep):
                break
    return found
