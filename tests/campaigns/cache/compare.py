"""Compare: one process that compiles a project with the cache and without it, after each edit.

In:   as arguments the project, a folder for what is written, the seed, how many edits.
Out:  a line of JSON for each edit: its name, how many answers were used again, of how many files, what differs.

Not here: the edits (`project`), what is expected.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import sys
from pathlib import Path

from metaflow_triggers.commands import cli
from metaflow_triggers.reading import kept_answers

from .project import VARIABLES, Edits, make


def main() -> None:
    project, out, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    chance = random.Random(seed)
    make(project)
    sys.path.append(str(project / "site-packages"))
    used: list[tuple[int, int]] = []
    answers = kept_answers.KeptAnswers.answers

    def counted(self: kept_answers.KeptAnswers, by_hand: dict[str, bool]) -> dict[str, object]:
        found = answers(self, by_hand)
        used.append((len(found), len(by_hand)))
        return found

    kept_answers.KeptAnswers.answers = counted  # type: ignore[method-assign]
    edits = Edits(project, chance)
    os.chdir(project)
    code = "0"
    for number in range(count):
        name = edits.one(mend=code != "0" and chance.random() < 0.5) if number else "first"
        for variable in VARIABLES:
            os.environ.pop(variable, None)
        os.environ.update(edits.environment)
        options = chance.choices((["--show", "triggers"], ["--no-code-package"], []), (6, 2, 2))[0]
        used.clear()
        cached, cold = (_compiled(out, [*options, *more]) for more in ([], ["--no-cache"]))
        code = cold["code"]
        differing = [key for key in sorted({*cached, *cold}) if cached.get(key) != cold.get(key)]
        line = {"edit": name, "used": used[0][0], "files": used[0][1], "differing": differing, "code": cached["code"]}
        if differing:
            line |= {"cached": cached["told"], "cold": cold["told"]}
        sys.__stdout__.write(json.dumps(line) + "\n")
        sys.__stdout__.flush()


def _compiled(out: Path, options: list[str]) -> dict[str, str]:
    """What the command wrote and said."""
    shutil.rmtree(out, ignore_errors=True)
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = cli.main(["compile", "a", "b", "--workers", "2", "--output", str(out), *options])
    found = {"code": str(code), "told": told.getvalue()}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            found[path.relative_to(out).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


if __name__ == "__main__":
    main()
