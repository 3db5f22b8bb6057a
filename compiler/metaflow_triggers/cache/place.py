"""Place: where the cache lies, and whether it is used.

In:   the environment.
Out:  the cache's folder, which is the user's alone; or None where it is switched off or cannot be had.

Not here: what lies there (`store`). A folder that is another user's, or that others may write to, is not trusted: it
could say what is deployed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "METAFLOW_TRIGGERS_CACHE"
"""`off` (or `0`, `no`, `false`) for no cache; else a folder, in place of the user's."""
SIZE_VARIABLE = "METAFLOW_TRIGGERS_CACHE_SIZE"
"""MiB that the cache may take."""

_OFF = {"off", "0", "no", "false"}
_SIZE = 512


def is_off(environment: Mapping[str, str]) -> bool:
    """Whether the environment switches the cache off."""
    return environment.get(VARIABLE, "").strip().lower() in _OFF


def limit(environment: Mapping[str, str]) -> int:
    """Bytes that the cache may take. What is no number counts as the default."""
    text = environment.get(SIZE_VARIABLE, "").strip()
    return (int(text) if text.isdecimal() else _SIZE) << 20


def wanted(environment: Mapping[str, str]) -> Path:
    """The folder in which the cache would be."""
    said = environment.get(VARIABLE, "").strip()
    if said:
        return Path(said).expanduser().absolute()
    home = environment.get("XDG_CACHE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path("~/.cache").expanduser()
    return base / "metaflow-triggers"


def folder(environment: Mapping[str, str]) -> Path | None:
    """The folder, made where it is missing. None: off, not to be made, not ours alone, or no system of owners."""
    if is_off(environment) or not hasattr(os, "getuid"):
        return None
    try:
        path = wanted(environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: nobody's home is known
        return None
    return path if is_ours(path) else None


def is_ours(path: Path) -> bool:
    """Whether it is this user's folder or file, no link, and nobody else may write to it."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (
        (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode))
        and found.st_uid == os.getuid()
        and not found.st_mode & 0o022
    )
