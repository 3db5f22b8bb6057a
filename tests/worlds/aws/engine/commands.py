"""Commands: `python flow.py ...` and `metaflow-triggers emit`, many of them, for one import of Metaflow.

In:   requests, each a line of JSON on standard input: `{"flow": [file, argument, ...]}` or `{"emit": [argument, ...]}`.
Out:  for each request, in its order, a line of JSON: exit code and both streams.

Not here: which commands. A command on a flow has a process of its own, forked from one that has imported Metaflow and
nothing of a user's; events are emitted one after the other in this process. Both take the way that a user's command
takes, from its command line on. `compile` is not for here: it is known from the command line when Metaflow is imported.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.commands.conftest import ROOT, Done

if TYPE_CHECKING:
    from metaflow_triggers.model.flows import Flow


class Commands:
    """A process that runs commands with the settings of an engine. Several threads may use it; they take turns."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.worlds.aws.engine.commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            text=True,
        )

    def flow(self, *words: str) -> Done:
        """`python <words>`: a flow file and its arguments."""
        return self._ask({"flow": words})

    def emit(self, *words: str) -> Done:
        """`metaflow-triggers emit <words>`."""
        return self._ask({"emit": words})

    def _ask(self, request: dict[str, Any]) -> Done:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return Done(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def create_all(commands: Sequence[Commands], backend: str, flows: Sequence[tuple[Flow, bool]]) -> None:
    """`create` for each flow (whether `--production`), shared among the processes; all must succeed."""

    def share(one: Commands, mine: Sequence[tuple[Flow, bool]]) -> None:
        for flow, production in mine:
            branch = ["--production"] if production else []
            done = one.flow(flow.file, "--no-pylint", "--package-suffixes=.txt", *branch, backend, "create")
            assert done.code == 0, f"{flow.name}: {done.out}{done.err}"

    with ThreadPoolExecutor(len(commands)) as pool:
        list(pool.map(share, commands, (flows[number :: len(commands)] for number in range(len(commands)))))


@contextlib.contextmanager
def running(environment: dict[str, str], folder: Path, count: int = 1) -> Iterator[list[Commands]]:
    """As many of them as `count`."""
    found = [Commands(environment, folder) for _ in range(count)]
    try:
        yield found
    finally:
        for one in found:
            one.close()


# in the process -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed by accident is no answer
    sys.path.remove(str(ROOT))  # a flow must not find the tests
    del os.environ["PYTHONPATH"]
    import boto3  # noqa: F401
    import metaflow  # noqa: F401 - but not metaflow.cli, which takes options of the flow that there is when it is imported

    for line in sys.stdin:
        request = json.loads(line)
        answer = _forked(request["flow"]) if "flow" in request else _emitted(request["emit"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _forked(words: list[str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_run(words))
        _, status = os.waitpid(child, 0)
        for stream in (out, err):
            stream.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()


def _run(words: list[str]) -> int:
    sys.argv = words
    sys.path[0] = str(Path(words[0]).resolve().parent)
    code: Any = 0
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def _emitted(words: list[str]) -> tuple[int, str, str]:
    from metaflow_triggers.commands import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(["emit", *words])
        except SystemExit as end:  # a command line that argparse refuses
            code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    main()
