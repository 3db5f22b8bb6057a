"""Write golden/ anew, all of it or nothing (`make goldens`).

In:   the examples.
Out:  golden/, as `kept.py` says.

Not here: what is compiled, what of it is kept.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .compiling import compile_examples
from .examples import GOLDEN, examples
from .kept import golden
from .whole_outputs import texts


def installed() -> str:
    """Metaflow's version."""
    import metaflow

    return str(metaflow.__version__.partition("+")[0])


def write_anew(target: Path, names: Sequence[str]) -> int:
    """Replace the folder; returns how many files it has. RuntimeError before anything is touched."""
    with tempfile.TemporaryDirectory() as folder:
        compile_examples(names, Path(folder))
        files = golden({name: texts(Path(folder) / name) for name in names}, installed())
    fresh, old = target.parent / "build" / "golden", target.parent / "build" / "golden-before"
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    for path, text in files.items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_bytes(text.encode("utf-8"))
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return len(files)


if __name__ == "__main__":
    try:
        print(f"{write_anew(GOLDEN, examples())} files in {GOLDEN.name}/")
    except RuntimeError as error:
        sys.exit(str(error))
