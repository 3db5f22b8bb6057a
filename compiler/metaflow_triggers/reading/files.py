"""Files: which files may define flows or poll triggers.

In:   paths of files and folders.
Out:  files in sorted order; diagnostics of paths that hold none.

Not here: running a file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..diagnostics import Diagnostic

_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


def flow_files(paths: Iterable[str]) -> tuple[list[str], list[Diagnostic]]:
    """(files in sorted order, diagnostics). A folder gives the Python files below it that mention FlowSpec or polls."""
    found: set[str] = set()
    diagnostics = []
    for given in paths:
        path = Path(given)
        if path.is_file():
            found.add(path.as_posix())
            continue
        below = [file.as_posix() for file in _below(path)] if path.is_dir() else []
        if not below:
            what = "has no flow below it" if path.is_dir() else "does not exist"
            diagnostics.append(Diagnostic("FT005", f"`{given}` {what}"))
        found.update(below)
    return sorted(found), diagnostics


def _below(folder: Path) -> Iterable[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED_FOLDERS
            and not (Path(root) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            if name.endswith(".py"):
                file = Path(root) / name
                with contextlib.suppress(OSError):
                    if _may_matter(file.read_bytes()):
                        yield file


def _may_matter(content: bytes) -> bool:
    if b"FlowSpec" in content:
        return True
    return b"trigger(" in content and (b"cloaca" in content or b"metaflow_triggers" in content)
