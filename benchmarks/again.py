"""Again: a project of generated flows, compiled a second time after one of its flows has changed.

Usage: python -m benchmarks.again [--flows N] [--repeat N]
In turns: all of it without the cache into a new folder; and with the cache into the folder that is there, after an edit
of one flow. Both must leave the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from .flows import EXTERNAL, generate
from .many import ROOT, _digest
from .measure import Command, Runs, environment, head, run, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        measured = _measure(Path(home), options.flows, options.repeat)
    head(f"{options.flows} flows of 5 steps and 2 triggers, both backends, all objects", options.repeat)
    names = list(measured)
    rows = [
        [name, f"{runs.seconds:.2f}", f"{runs.processor_seconds:.2f}", f"{max(runs.memory):.0f}"]
        for name, runs in measured.items()
    ]
    table(["", "seconds", "processor seconds", "MiB"], rows)
    cold, *others = (measured[name] for name in names)
    for name, runs in zip(names[1:], others, strict=True):
        wall, processor = cold.seconds / runs.seconds, cold.processor_seconds / runs.processor_seconds
        print(f"cold / {name}: wall {wall:.1f}, processor {processor:.1f}")
    print("outputs: equal bytes with the cache and without it, in all repetitions")


def _measure(folder: Path, flows: int, repeat: int) -> dict[str, Runs]:
    files = generate(folder / "project", flows)
    variables = {**environment(str(folder)), "PYTHONPATH": str(ROOT)}
    variables.pop("METAFLOW_TRIGGERS_CACHE", None)

    def command(name: str, out: str, *more: str) -> Command:
        words = ("compile", str(folder / "project"), "--external-flow", EXTERNAL, "--no-code-package", *more)
        written = ("--output", str(folder / out), "--quiet")
        return Command(name, ("-m", "metaflow_triggers.commands.cli", *words, *written), folder, variables)

    cold = command("cold, no cache", "cold", "--no-cache")
    first, changed = command("cold, the cache is filled", "again"), command("one flow changed", "again")
    same = command("nothing changed", "again")
    measured = {item.name: Runs() for item in (cold, first, changed, same)}
    for turn in range(repeat):
        if turn == 0:
            _note(measured[first.name], first)
            run(changed)  # what was written a moment before it was looked at is looked at once more
        files[turn].write_text(files[turn].read_text("utf-8") + f"# {turn}\n", "utf-8")
        files[turn].write_text(files[turn].read_text("utf-8").replace('"order-', f'"changed-{turn}-'), "utf-8")
        time.sleep(0.2)
        _note(measured[changed.name], changed)
        run(same)
        _note(measured[same.name], same)
        shutil.rmtree(folder / "cold", ignore_errors=True)
        _note(measured[cold.name], cold)
        if _digest(folder / "cold") != _digest(folder / "again"):
            raise SystemExit("the cache gave other bytes")
    return measured


def _note(runs: Runs, command: Command) -> None:
    wall, processor, memory, _ = run(command)
    runs.wall.append(wall)
    runs.processor.append(processor)
    runs.memory.append(memory)


if __name__ == "__main__":
    main()
