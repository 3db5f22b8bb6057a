"""Many: a project of generated flows, both backends, all objects.

Usage: python -m benchmarks.many [--flows N] [--repeat N] [--sample N]
Compared per flow with upstream's `create --only-json` (a process per flow and backend, against an emulated AWS) and
with upstream's compilers called in one process behind our stubs (`in_one_process`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import tempfile
from pathlib import Path

from tests.worlds.upstream.emulated_aws import emulated_aws

from .flows import EXTERNAL, generate, without_triggers
from .measure import Command, Runs, environment, equal, head, run, table

BACKENDS = ("step-functions", "argo-workflows")
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--sample", type=int, default=20, help="flows that upstream compiles")
    options = parser.parse_args()
    sizes = sorted({max(2, options.flows // 10), max(2, options.flows // 3), options.flows})
    with emulated_aws() as aws, tempfile.TemporaryDirectory() as home:
        measured = _measure(Path(home), aws.environment, sizes, options)
    head(f"{options.flows} flows of 5 steps and 2 triggers, both backends, all objects", options.repeat)
    _print(measured, options.flows, sizes)


def _measure(folder: Path, aws: dict[str, str], sizes: list[int], options: argparse.Namespace) -> dict[str, Runs]:
    (folder / "none").mkdir()
    variables = {**environment(str(folder)), "PYTHONPATH": str(ROOT)}
    hidden = {**variables, **aws, "METAFLOW_EXTENSIONS_SEARCH_DIRS": str(folder / "none")}
    projects = {}
    for size in sizes:
        projects[size] = folder / f"project{size}"
        generate(projects[size], size)
    files = sorted(projects[sizes[-1]].rglob("*.py"))
    sample = files[:: max(1, len(files) // options.sample)][: options.sample]
    plain = []
    for file in sample:
        target = folder / "plain" / file.parent.name / file.name
        target.parent.mkdir(parents=True)
        target.write_text(without_triggers(file.read_text("utf-8")), "utf-8")
        plain.append(target)
    ours = [
        Command(
            f"ours, {size}{', with code packages' if packaged else ''}",
            (
                "-m",
                "metaflow_triggers.commands.cli",
                "compile",
                str(projects[size]),
                "--external-flow",
                EXTERNAL,
                "--output",
                str(folder / "out"),
                *(() if packaged else ("--no-code-package",)),
            ),
            folder,
            variables,
        )
        for packaged in (False, True)
        for size in (sizes if not packaged else sizes[:1])
    ]
    in_one = Command(
        "upstream in one process", ("-m", "benchmarks.in_one_process", *map(str, plain)), folder, variables
    )
    measured = {name: Runs() for name in [*(command.name for command in ours), in_one.name, "upstream"]}
    for turn in range(options.repeat):
        for command in ours:
            shutil.rmtree(folder / "out", ignore_errors=True)
            wall, processor, memory, _ = run(command)
            _note(measured[command.name], wall, processor, memory, _digest(folder / "out"))
        wall, processor, memory, output = run(in_one)
        told = json.loads(output)
        _note(measured[in_one.name], *map(statistics.mean, (told["seconds"], told["processor"])), memory, "")
        for file in plain[turn :: options.repeat]:  # the sample, spread over the turns
            total = [0.0, 0.0, 0.0]
            for backend in BACKENDS:
                create = (file.name, "--quiet", "--no-pylint", backend, "create", "--only-json")
                found = run(Command(f"upstream {backend}", create, file.parent, hidden))
                total = [total[0] + found[0], total[1] + found[1], max(total[2], found[2])]
            _note(measured["upstream"], *total, "")
    return measured


def _note(runs: Runs, wall: float, processor: float, memory: float, output: str) -> None:
    runs.wall.append(wall)
    runs.processor.append(processor)
    runs.memory.append(memory)
    runs.outputs.append(output)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _print(measured: dict[str, Runs], flows: int, sizes: list[int]) -> None:
    rows = []
    for name, runs in measured.items():
        if name.startswith("ours"):
            equal(name, runs.outputs)
            size = int(name.split()[1].rstrip(","))
            rows.append(
                [
                    name,
                    f"{runs.seconds:.2f}",
                    f"{runs.seconds / size * 1000:.1f}",
                    f"{runs.processor_seconds / size * 1000:.1f}",
                    f"{statistics.median(runs.memory):.0f}",
                ]
            )
    for name in ("upstream in one process", "upstream"):
        runs = measured[name]
        rows.append([name, "", f"{runs.seconds * 1000:.0f}", f"{runs.processor_seconds * 1000:.0f}", ""])
    table(["", "seconds", "ms per flow", "processor ms per flow", "MiB"], rows)
    ours = measured[f"ours, {flows}"]
    rows = [
        [
            name,
            f"{measured[name].seconds / (ours.seconds / flows):.0f}",
            f"{measured[name].processor_seconds / (ours.processor_seconds / flows):.0f}",
        ]
        for name in ("upstream", "upstream in one process")
    ]
    table([f"per flow, beside ours of {flows}", "wall", "processor"], rows)
    small = measured[f"ours, {sizes[0]}"]
    more = statistics.median(ours.memory) - statistics.median(small.memory)
    print(f"from {sizes[0]} to {flows} flows: x {flows / sizes[0]:.1f}; time x {ours.seconds / small.seconds:.1f}")
    print(f"memory of each further flow: {more / (flows - sizes[0]) * 1024:.0f} KiB")
    print("outputs: equal bytes in all repetitions")


if __name__ == "__main__":
    main()
