"""Packages: what a compiled flow refers to beside its manifests: the code package and its parts.

In:   the package of one compilation.
Out:  files below a folder, objects of the datastore, or a list for people of what is not uploaded.

Not here: what is in a package (`seams`), when `create` uploads it (the deployer).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .. import seams
from ..diagnostics import Diagnostic, DiagnosticError
from ..model.settings import Settings

_ELSEWHERE = "elsewhere"
"""The folder, beside what lies below the datastore's root, of parts that configuration puts somewhere else."""


def write(folder: Path, package: Any) -> None:
    """The package and its parts at their places below the datastore's root, for who deploys by other means."""
    if package is None or package.blob is None:
        raise DiagnosticError([Diagnostic("FT003", "--package-output needs a code package, which was left out")])
    from ..compiling.whole_file import write_whole

    for what, place, read in _contents(package):
        path, content = folder / place, read()
        write_whole(path, content)
        sys.stderr.write(f"{what}, {len(content):,} bytes, in {path}\n")


def upload(obj: Any, settings: Settings, package: Any, say: Callable[[str], object] | None = None) -> None:
    """All of it into the datastore; says what goes where, on standard error unless to `say`. Raises DiagnosticError
    (FT704)."""
    say = say or sys.stderr.write
    if package is None or package.blob is None or settings.datastore_s3 is None:
        return
    for part, address in seams.upload_parts(obj, settings.datastore_s3, package):
        say(f"{part.about}, to {address}\n")
    say(f"code package {package.sha}, {len(package.blob):,} bytes, to {settings.datastore_s3}\n")
    seams.upload_code_package(obj, settings.datastore_s3, package)


def say_not_uploaded(package: Any) -> None:
    """What the printed objects refer to and nobody has uploaded."""
    if package is None or package.blob is None:
        return
    sys.stderr.write("not uploaded (`compile --package-output DIR` writes it), below the datastore's root:\n")
    for what, place, _ in _contents(package):
        sys.stderr.write(f"  {place}: {what}\n")


def _contents(package: Any) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    yield f"code package {package.sha}", package.path, lambda: package.blob
    for part in package.parts:
        place = part.path or f"{_ELSEWHERE}/{part.address.partition('://')[2]}"
        yield part.about, place, part.read
