"""Whole outputs: what examples compile to, compiled when first asked for and once in a session of tests.

In:   names of examples.
Out:  a folder with their whole outputs (as `compiling.py` lays them out), or the texts of all.

Not here: reading golden/. `python -m tests.golden.whole_outputs DIR` writes them for a look, say before and after a
change of which golden/ has only a hash.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .compiling import compile_examples
from .examples import examples

FOLDER = "WHOLE_OUTPUTS"
"""The variable that names the folder of this session to all its processes (`tests/conftest.py`)."""


def compiled(*names: str) -> Path:
    """A folder in which `<name>/` holds the whole output of each of the examples."""
    root = _root()
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [name for name in names if not (root / name).exists()]
        if missing:
            with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as fresh:
                compile_examples(missing, Path(fresh))
                for name in missing:
                    (Path(fresh) / name).rename(root / name)
    return root


def texts(folder: Path) -> dict[str, str]:
    """Path -> text of each file below a folder."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {path: found[path].read_bytes().decode("utf-8") for path in sorted(found)}


def outputs() -> dict[str, dict[str, str]]:
    """Name -> path -> text, of all examples."""
    root = compiled(*examples())
    return {name: texts(root / name) for name in examples()}


def in_one(whole: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """`<name>/<path>` -> text; what all examples share on Argo once, as `_shared/<path>`. ValueError if they differ."""
    found: dict[str, str] = {}
    for name, files in whole.items():
        for path, text in files.items():
            if not path.startswith("_shared/"):
                found[f"{name}/{path}"] = text
            elif found.setdefault(path, text) != text:
                raise ValueError(f"{path} of {name} is not what the others share")
    return {path: found[path] for path in sorted(found)}


@functools.cache
def everything() -> Mapping[str, str]:
    """The whole outputs of all examples, as `in_one` gives them."""
    return in_one(outputs())


@functools.cache
def _root() -> Path:
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    root = tempfile.mkdtemp(prefix="whole-outputs-")
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return Path(root)


if __name__ == "__main__":
    for file, written in everything().items():
        target = Path(sys.argv[1]) / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(written.encode("utf-8"))
