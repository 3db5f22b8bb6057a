"""Measure: commands in alternation, and a table of medians.

In:   named commands.
Out:  wall-clock and processor seconds and the greatest resident memory of each, as medians; what each printed.

Not here: judging. The machine may be busy: only figures of one run are compared, and processor time stands beside.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.worlds.upstream.emulated_aws import clean_environment

_LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclasses.dataclass(frozen=True)
class Command:
    """`variables` are added to nothing: they are the whole environment."""

    name: str
    arguments: Sequence[str]
    folder: Path
    variables: dict[str, str]


@dataclasses.dataclass
class Runs:
    """Seconds of wall clock and of processors, and mebibytes, of every repetition."""

    wall: list[float] = dataclasses.field(default_factory=list)
    processor: list[float] = dataclasses.field(default_factory=list)
    memory: list[float] = dataclasses.field(default_factory=list)
    outputs: list[str] = dataclasses.field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(self.wall)

    @property
    def processor_seconds(self) -> float:
        return statistics.median(self.processor)


def environment(home: str) -> dict[str, str]:
    """Nothing of the caller's settings. Python keeps what it compiled, as for whoever installs a package.

    Our commands read all anew each time: what they keep of earlier ones is measured by itself (`table`).
    """
    kept = clean_environment(home)
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONHASHSEED": "0", "METAFLOW_TRIGGERS_CACHE": "off"}


def run(command: Command) -> tuple[float, float, float, str]:
    """(wall seconds, processor seconds, MiB, standard output) of one run. RuntimeError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        used, output, errors = (Path(folder) / name for name in ("used", "output", "errors"))
        launch = [sys.executable, "-S", "-E", _LAUNCH, str(used), sys.executable, *command.arguments]
        with output.open("wb") as out, errors.open("wb") as err:
            code = subprocess.call(launch, cwd=command.folder, env=command.variables, stdout=out, stderr=err)
        if code:
            raise RuntimeError(f"{command.name}: {errors.read_text()[-3000:]}")
        wall, processor, memory = json.loads(used.read_text())
        return wall, processor, memory, output.read_text("utf-8")


def alternate(commands: Sequence[Command], repeat: int, warm: bool = True) -> dict[str, Runs]:
    """Each command in turn, `repeat` times (A/B/A/B), after one turn that fills caches and is not counted."""
    runs = {command.name: Runs() for command in commands}
    for turn in range(repeat + warm):
        for command in commands:
            wall, processor, memory, output = run(command)
            if turn >= warm:
                found = runs[command.name]
                found.wall.append(wall)
                found.processor.append(processor)
                found.memory.append(memory)
                found.outputs.append(output)
    return runs


def head(what: str, repeat: int) -> None:
    """What is measured, and on how many processors."""
    print(f"{what}\n{os.cpu_count()} processors, Python {sys.version.split()[0]}, medians of {repeat}, alternating\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[n]) for row in [columns, *rows]) for n in range(len(columns))]
    for row in [columns, *rows]:
        cells = [cell.ljust(widths[0]) if n == 0 else cell.rjust(widths[n]) for n, cell in enumerate(row)]
        print("  ".join(cells).rstrip())
    print()


def equal(name: str, outputs: Sequence[str]) -> None:
    """SystemExit unless all repetitions printed the same."""
    if len(set(outputs)) != 1:
        raise SystemExit(f"{name} printed different texts in {len(outputs)} repetitions")
