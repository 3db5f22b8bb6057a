"""Together: several files read in one process, where it is proven that none can tell.

In:   files, what to read, a descriptor to answer on.
Out:  a JSON document a line: `{"file", "answer"}` for each file that was read so, at last `{"left"}`: what is not as
      it was before them.

Not here: the parent's view (`project`): it takes the answers where nothing is left, and has each other file read alone.

A fork copies each page that it touches, since Python counts references in them: half of the time of a small flow. Two
things must hold before a process reads another file. What a file runs is Metaflow's alone (`plain`). And what
Metaflow keeps is put back after each, which a look over all of its modules confirms at the end (`seams.Between`).
A flow that has anything to complain of is read alone, too.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import seams
from ..diagnostics.wire import from_wire
from ..rules.weight import has_errors
from . import one_file, recording
from .flow_options import FlowOptions
from .plain import is_plain
from .source import source_file

if TYPE_CHECKING:
    from .request import Request

SMALLEST = 16
"""Files for one process: the sample and the two looks cost as much as some ten files save."""
_LARGEST = 250
"""Files whose answers stand or fall together."""
_SAMPLE = Path(__file__).with_name("sample_flow.py")


def shares(files: Sequence[str], request: Request) -> list[list[str]]:
    """Which files may be tried together, in groups; none where a flow's command line is given something."""
    if request.kept or request.options != FlowOptions() or len(files) < SMALLEST or seams.other_extensions():
        return []
    count = max(min(request.workers, len(files) // SMALLEST), -(-len(files) // _LARGEST))
    bounds = [len(files) * number // count for number in range(count + 1)]
    return [list(files[start:end]) for start, end in itertools.pairwise(bounds)]


def run(files: Iterable[tuple[str, bool]], request: Request, pipe: BinaryIO) -> None:
    """Read the (file, named by hand) that are plain, and write a line for each to the pipe."""

    def tell(**line: Any) -> None:
        pipe.write(json.dumps(line).encode() + b"\n")
        pipe.flush()

    if request.cached:
        recording.watch()
    common = recording.Common()
    taken = seams.flow_members()
    between = seams.Between()
    sample = one_file.answer(str(_SAMPLE), request, by_hand=False)
    if "reads" in sample:
        common.added(sample["reads"], str(_SAMPLE))
    _forget(_SAMPLE)
    between.restore()
    between.look()
    for file, by_hand in files:
        path = Path(file).resolve()
        source = source_file(file, path)
        if not is_plain(source.tree, taken) or _shadows(path):
            continue
        answer = one_file.answer(file, request, by_hand=by_hand, source=source)
        if "reads" in answer:
            answer["reads"] = common.added(answer["reads"], str(path.parent))
        _forget(path)
        between.restore()
        if any(_lies_in(path.parent, name) for name in between.imported()):
            tell(left=["a module of the flow's folder"])
            return
        if not _complains(answer):
            tell(file=file, answer=answer)
    tell(left=between.left())


def _forget(path: Path) -> None:
    """The file's own module, under whatever name it has."""
    for name in [name for name, module in one_file.new_modules() if getattr(module, "__file__", None) == str(path)]:
        del sys.modules[name]


def _shadows(path: Path) -> bool:
    """Whether the file, or another one of its folder, has a name under which a process that reads it first finds it."""
    names = {name.partition(".")[0] for name in os.listdir(path.parent)}
    later = {name.partition(".")[0] for name, _ in one_file.new_modules()}
    return path.stem in sys.modules or path.stem in sys.stdlib_module_names or bool(names & later)


def _lies_in(folder: Path, name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None)
    return isinstance(file, str) and file.startswith(f"{folder}{os.sep}")


def _complains(answer: dict[str, Any]) -> bool:
    told = [*answer["diagnostics"], *(one for item in answer["classes"] for one in item["diagnostics"])]
    return has_errors([from_wire(one) for one in told])
