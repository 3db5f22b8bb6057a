"""A warm command line: one process that has imported everything, and forks for each command.

In:   the words of a command, its folder.
Out:  exit code and both streams, as `conftest.Run` has them, for a fifth of the time.

Not here: settings of one command; a test of these takes a process of its own. `python -m
tests.unit.commands.warm` is the process: it reads one JSON line for a command and answers with one.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .conftest import ROOT, Done, Run, clean


@contextmanager
def warm(home: Path, **settings: str) -> Iterator[Run]:
    """`metaflow-triggers` for the time of a `with`. `settings` are of the environment of all its commands."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.commands.warm"],
        cwd=ROOT,
        env=clean(home, **{"METAFLOW_USER": "me", **settings}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    stdin, stdout = process.stdin, process.stdout

    def run(*arguments: str, cwd: Path = ROOT) -> Done:
        stdin.write(json.dumps([str(cwd), list(arguments)]) + "\n")
        stdin.flush()
        return Done(*json.loads(stdout.readline()))

    try:
        yield run
    finally:
        stdin.close()
        process.wait()
        stdout.close()


def _run(cwd: str, arguments: list[str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            code = 70
            try:
                os.chdir(cwd)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.argv = ["metaflow-triggers", *arguments]
                from metaflow_triggers.commands.cli import main

                code = main(arguments)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
        return os.waitstatus_to_exitcode(status), texts[0], texts[1]


def _serve() -> None:
    from metaflow_triggers.reading.paths import import_metaflow

    import_metaflow()
    # What commands import when they run.
    for name in ("commands.cli", "compiling.compile", "compiling.folder", "reading.project", "reports.terminal"):
        importlib.import_module(f"metaflow_triggers.{name}")
    for line in sys.stdin:
        print(json.dumps(_run(*json.loads(line))), flush=True)


if __name__ == "__main__":
    _serve()
