"""Beside: the engine's latency in this build and in another one, side by side.

    python -m benchmarks.beside TREE [--rounds 8] [--seconds 10]

TREE is the folder of the other build, with its virtual environment in `.venv`. Both take turns (A/B/B/A), each on a new
database on the same disk. Each round has its own figures, and their medians are compared: a stall of the disk, or other
work, is in one round of one build and says nothing of either. `TMPDIR=/dev/shm` takes the disk out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from .latency import RATE, quantile
from .measure import table

HERE = Path(__file__).resolve().parent.parent


def one(tree: Path, python: str, seconds: float) -> tuple[list[float], float]:
    command = [python, str(HERE / "benchmarks" / "latency.py"), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, check=True)
    found, used = json.loads(done.stdout)
    return found, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    tree = options.tree.resolve()
    builds = {"the other": (tree, str(tree / ".venv" / "bin" / "python")), "this": (HERE, sys.executable)}
    # Of each round: median, p99 and greatest in milliseconds, part of a core.
    rounds: dict[str, list[tuple[float, ...]]] = {name: [] for name in builds}
    missing = dict.fromkeys(builds, 0)
    for turn in range(options.rounds):
        for name in list(builds) if turn % 2 == 0 else list(reversed(builds)):
            found, used = one(*builds[name], options.seconds)
            rounds[name].append((*(quantile(found, part) * 1000 for part in (0.5, 0.99, 1)), used * 100))
            missing[name] += int(RATE * options.seconds) - len(found)
    print(f"accepted to issued, {RATE} events/s, {options.rounds} x {options.seconds:g} s each in turns, ", end="")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; medians of the rounds (least to greatest)\n")
    columns = {name: list(zip(*figures, strict=True)) for name, figures in rounds.items()}
    rows = [
        [name, *(f"{median(column):.1f} ({min(column):.1f} to {max(column):.1f})" for column in of), str(missing[name])]
        for name, of in columns.items()
    ]
    table(["milliseconds", "median", "p99", "greatest", "% of a core", "not issued"], rows)
    other, this = ([median(column) for column in columns[name]] for name in builds)
    print(f"this / the other: median {this[0] / other[0]:.2f}, p99 {this[1] / other[1]:.2f}")


if __name__ == "__main__":
    main()
