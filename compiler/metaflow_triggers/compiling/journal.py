"""Journal: a change of many files in a folder, done whole or not at all, whenever it is stopped.

In:   a folder, the texts that files shall have, the files that shall go.
Out:  the folder with the change; or, after a stop at any point, a folder that `finish` brings to its state before or
      after the change.

Not here: who may write which file, locks (`folder_lock`). New texts are staged in a folder beside the files; when all
are on the disk a plan is put in place, and from then on the change is carried out, by whoever comes next if need be:
with renames and removals only, which need no space. A reader that opens a single file sees it whole at any time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NAME = ".metaflow-triggers.journal"
_PLAN = "plan.json"
_FOLDERS = "folders.json"


def is_there(folder: Path) -> bool:
    """Whether a change of the folder was begun and not finished."""
    return (folder / NAME).is_dir()


def stage(folder: Path, texts: Mapping[str, str], gone: Iterable[str], last: tuple[str, str]) -> None:
    """Put everything that the change needs on the disk. Raises OSError, after which the folder is as it was.

    `last` is the file (path, text) that is replaced when all others are.
    """
    journal = folder / NAME
    holders = {path.rpartition("/")[0] for path in texts}
    parents = {parent for holder in holders for parent in (folder / holder / "_").parents if folder in parent.parents}
    made = sorted(parent.relative_to(folder).as_posix() for parent in parents if not parent.exists())
    try:
        journal.mkdir()
        (journal / _FOLDERS).write_text(json.dumps(made), "utf-8")
        for parent in made:
            (folder / parent).mkdir(exist_ok=True)
        writes = []
        for number, (path, text) in enumerate(texts.items()):
            data = text.encode("utf-8")
            _write(journal / str(number), data)
            writes.append([path, str(number), hashlib.sha256(data).hexdigest()])
        _write(journal / "last", last[1].encode("utf-8"))
        plan = json.dumps({"writes": writes, "gone": sorted(gone), "last": last})
        _write(journal / f"{_PLAN}.new", plan.encode("utf-8"), durable=True)
        os.replace(journal / f"{_PLAN}.new", journal / _PLAN)
    except BaseException:
        _undo(folder)
        raise


def finish(folder: Path) -> list[str]:
    """Carry out what was planned, or take back what was only staged. Gives the paths that a plan named.

    Raises OSError where the folder refuses; what is left stays planned.
    """
    journal = folder / NAME
    if not (journal / _PLAN).exists():
        _undo(folder)
        return []
    plan: dict[str, Any] = json.loads((journal / _PLAN).read_text("utf-8"))
    for path, staged, digest in plan["writes"]:
        source = journal / staged
        if not source.exists():
            continue  # done before the stop
        if hashlib.sha256(source.read_bytes()).hexdigest() != digest:
            continue  # a machine that lost its power lost this text; the next compilation writes it again
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, folder / path)
    kept = {path for path, _, _ in plan["writes"]}
    if _folds(journal):
        kept = {path.casefold() for path in kept}
    for path in plan["gone"]:
        if (path.casefold() if _folds(journal) else path) in kept:
            continue  # the same file for this file system
        with contextlib.suppress(FileNotFoundError):
            (folder / path).unlink()
        _remove_empty(folder, (folder / path).parent)
    path, text = plan["last"]
    source = journal / "last"
    if source.exists():
        if source.read_bytes() != text.encode("utf-8"):
            _write(source, text.encode("utf-8"))
        os.replace(source, folder / path)
    shutil.rmtree(journal)
    return sorted({*(path for path, _, _ in plan["writes"]), *plan["gone"]})


def _folds(journal: Path) -> bool:
    """Whether the file system takes two spellings of a name for one."""
    return journal.with_name(NAME.upper()).exists()


def folds(folder: Path) -> bool:
    """The same of a folder, asked with a file of ours that is there while the folder is locked."""
    from .folder_lock import NAME as LOCK

    return (folder / LOCK.upper()).exists()


def _undo(folder: Path) -> None:
    journal = folder / NAME
    made: list[str] = []
    with contextlib.suppress(OSError, ValueError):
        made = json.loads((journal / _FOLDERS).read_text("utf-8"))
    for parent in reversed(made):
        with contextlib.suppress(OSError):
            (folder / parent).rmdir()
    shutil.rmtree(journal, ignore_errors=True)


def _write(path: Path, data: bytes, durable: bool = False) -> None:
    with open(path, "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.chmod(path, 0o644)


def _remove_empty(folder: Path, parent: Path) -> None:
    while parent != folder and folder in parent.parents:
        try:
            parent.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return
            raise
        parent = parent.parent
