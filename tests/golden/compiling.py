"""Compiling: the whole output of examples, by the command itself.

In:   names of examples, a folder.
Out:  `<folder>/<name>/` for each: what `compile` writes, with Argo's shared objects in `_shared/`; `triggers/`, the
      same for AWS with `--show triggers`; for some `policies.yaml`.

Not here: what of it is golden. `python -m tests.golden.compiling` is the process that does it: for many examples it
runs the command once, so that everything is imported, and then forks for each. One costs a tenth of what the command
costs alone; that both write the same bytes is a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from .examples import POLICIES, ROOT, compile_command, environment, further_settings

WARM = "simple_event"


def compile_examples(names: Sequence[str], folder: Path) -> None:
    """Compile examples into `folder`. RuntimeError with the diagnostics of those that do not compile."""
    command = [sys.executable, "-m", "tests.golden.compiling", str(folder), *names]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _command(arguments: list[str], output: Path) -> None:
    from metaflow_triggers.commands.cli import main

    code = main([*arguments, "--output", str(output)])
    if code:
        sys.exit(code)


def _compile(name: str, output: Path) -> None:
    os.environ.update(further_settings(name))  # of a process of its own
    _command(compile_command(name), output)
    if (output / "step-functions").exists():
        _command([*compile_command(name), "--show", "triggers", "--backend", "step-functions"], output / "triggers")
    if (output / "argo-workflows").exists():
        (output / "argo-workflows" / "_shared").rename(output / "_shared")
    if name in POLICIES:
        # A command of the flow's own, which Metaflow starts: nothing to fork from here.
        words = ["--no-pylint", "step-functions", "compile", "--show", "policies", "--no-code-package"]
        command = [sys.executable, f"examples/{name}/{POLICIES[name]}", *words]
        subprocess.run([*command, "--output", str(output / "policies.yaml")], env=environment(), check=True)


def _forked(name: str, output: Path, note: Path) -> int:
    """The process that compiles an example, and says in `note` what the command says."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        said = os.open(note, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        _compile(name, output)
        code = 0
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _main(folder: Path, names: Sequence[str], apart: Path) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if len(names) > 2:
        _command(compile_command(WARM), apart / "warm")
    failed = []
    left = list(names)
    running: dict[int, str] = {}
    while left or running:
        if left and len(running) < (os.cpu_count() or 1):
            name = left.pop(0)
            running[_forked(name, folder / name, apart / f"{name}.txt")] = name
            continue
        process, status = os.wait()
        name = running.pop(process)
        if status:
            failed.append(name)
    for name in sorted(failed):
        sys.stderr.write(f"{name}: {(apart / f'{name}.txt').read_text('utf-8', 'replace')}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        sys.exit(_main(Path(sys.argv[1]), sys.argv[2:], Path(own)))
