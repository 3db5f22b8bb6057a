"""Whole file: one file that is there with all of its bytes, or as it was before.

In:   a path, bytes.
Out:  the file.

Not here: several files that belong together (`journal`).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from ..diagnostics import Diagnostic, DiagnosticError


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path`. Raises DiagnosticError(FT003), after which nothing has changed."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        why = f"`{path}` cannot be written: {error.strerror or error}"
        raise DiagnosticError([Diagnostic("FT003", why, helps=("name another place",))]) from error
