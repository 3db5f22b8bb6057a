"""Table: the figures of docs/performance.md, this commit and another one side by side in one run.

Usage: python -m benchmarks.table --base COMMIT [--flows 1000] [--parts PART,...]
Parts: many, again, packages, cold, import, help, profile, engine.
Both are installed from wheels into a temporary folder; what is compared runs in turns. On a quiet machine of two
processors all of it takes about ten minutes, and each part says what it took.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.worlds.upstream.emulated_aws import emulated_aws

from . import rows
from .builds import ROOT, installed
from .flows import EXTERNAL, flow, generate, without_triggers
from .measure import Command, Runs, alternate, run, table

BACKENDS = ("step-functions", "argo-workflows")
QUIET = ("--quiet", "--no-pylint")
BUILDS = ("before", "now")
SMALL = 100
"""Flows with code packages, and those from which the memory of further ones is counted."""


class Measured:
    """What the parts need: the folder, the builds, upstream's environment. Each part prints its rows."""

    def __init__(self, folder: Path, base: str, aws: dict[str, str], flows: int) -> None:
        self.folder = folder
        self.flows = flows
        self.builds = installed(folder, base)
        (folder / "none").mkdir()
        nothing = {"METAFLOW_EXTENSIONS_SEARCH_DIRS": str(folder / "none"), "METAFLOW_ARGO_EVENTS_EVENT": "event"}
        self.upstream = {**self.builds["without"], **aws, **nothing}
        for count in {SMALL, flows}:
            generate(self.project(count), count)

    def project(self, count: int) -> Path:
        return self.folder / f"project{count}"

    def compiled(self, build: str, count: int, workers: int, *words: str, script: tuple[str, ...] = ()) -> Command:
        """`compile` of a project of so many flows."""
        entry = script or ("-m", "metaflow_triggers.commands.cli")
        command = ("compile", str(self.project(count)), "--external-flow", EXTERNAL, "--workers", str(workers))
        output = ("--output", str(self.folder / "out"))
        return Command(build, ("-S", *entry, *command, *output, *words), self.folder, self.builds[build])

    def of_upstream(self, flows: int) -> float:
        """Processor seconds of upstream's `create --only-json` for both backends, for one flow."""
        found = []
        for file in sorted(self.project(SMALL).rglob("*.py"))[:: SMALL // flows][:flows]:
            plain = self._plain(file)
            for backend in BACKENDS:
                create = (plain.name, *QUIET, backend, "create", "--only-json")
                found.append(run(Command("upstream", ("-S", *create), plain.parent, self.upstream))[1])
        return sum(found) / flows

    def in_one_process(self, flows: int) -> float:
        """Processor seconds of a flow by upstream's compilers behind our stubs, each packaged as upstream does."""
        files = sorted(self.project(SMALL).rglob("*.py"))[: flows + 1]
        variables = {**self.builds["now"], "PYTHONPATH": f"{self.builds['now']['PYTHONPATH']}:{ROOT}"}
        script = ("-S", "-m", "benchmarks.in_one_process", *(str(self._plain(file)) for file in files))
        told = json.loads(run(Command("upstream in one process", script, self.folder, variables))[3])
        return statistics.mean(told["processor"])

    def _plain(self, file: Path) -> Path:
        target = self.folder / "plain" / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(without_triggers(file.read_text("utf-8")), "utf-8")
        return target

    def turns(self, repeat: int, count: int, workers: int, *words: str) -> dict[str, Runs]:
        """`compile` by both builds, in turns. SystemExit where repetitions differ."""
        found = {build: Runs() for build in BUILDS}
        for _ in range(repeat):
            for build in BUILDS:
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                wall, processor, memory, _text = run(self.compiled(build, count, workers, *words))
                runs = found[build]
                runs.wall.append(wall)
                runs.processor.append(processor)
                runs.memory.append(memory)
        return found


def many(at: Measured) -> None:
    """A project of many flows, both backends, beside upstream; the memory of each further flow."""
    large = at.turns(2, at.flows, 2, "--no-code-package")
    upstream, in_one = at.of_upstream(4), at.in_one_process(10)
    small, same = (at.turns(1, count, 1, "--no-code-package") for count in (SMALL, min(3 * SMALL, at.flows)))
    each = {build: runs.processor_seconds / at.flows for build, runs in large.items()}
    grown = {build: same[build].memory[0] - small[build].memory[0] for build in BUILDS}
    further = min(3 * SMALL, at.flows) - SMALL
    table(
        [f"{at.flows} flows, both backends", *BUILDS],
        [
            ["processor, ms for each flow", *(f"{each[build] * 1000:.1f}" for build in BUILDS)],
            ["wall, ms for each flow", *(f"{large[build].seconds / at.flows * 1000:.1f}" for build in BUILDS)],
            [
                f"upstream's --only-json ({upstream * 1000:.0f} ms) / that",
                *(f"{upstream / each[build]:.0f}" for build in BUILDS),
            ],
            [
                f"upstream in one process ({in_one * 1000:.0f} ms) / that",
                *(f"{in_one / each[build]:.1f}" for build in BUILDS),
            ],
            [
                "KiB of each further flow, one worker",
                *(f"{grown[build] / further * 1024:.0f}" if further else "" for build in BUILDS),
            ],
        ],
    )


def again(at: Measured) -> None:
    """The same once more by this build with what the first one kept, one of the files changed."""
    kept = {**at.builds["now"], "METAFLOW_TRIGGERS_CACHE": str(at.folder / "kept")}
    command = dataclasses.replace(at.compiled("now", at.flows, 2, "--no-code-package"), variables=kept)
    shutil.rmtree(at.folder / "out", ignore_errors=True)
    first = run(command)
    changed = Runs()
    for number in range(3):
        file = sorted(at.project(at.flows).rglob("*.py"))[number]
        file.write_text(file.read_text("utf-8") + "# changed\n", "utf-8")
        wall, processor, _, _text = run(command)
        changed.wall.append(wall)
        changed.processor.append(processor)
    lines = [
        [kind, f"{cold * 1000:.0f}", f"{warm * 1000:.0f}", f"{cold / warm:.1f}"]
        for kind, cold, warm in (
            ("processor, ms", first[1], changed.processor_seconds),
            ("wall, ms", first[0], changed.seconds),
        )
    ]
    table([f"{at.flows} flows, what is kept", "nothing yet", "all but one", "times"], lines)


def packages(at: Measured) -> None:
    """The same with code packages."""
    found = at.turns(3, SMALL, 2)
    in_one = at.in_one_process(10)
    each = {build: runs.processor_seconds / SMALL for build, runs in found.items()}
    table(
        [f"{SMALL} flows with code packages", *BUILDS],
        [
            ["processor, ms for each flow", *(f"{each[build] * 1000:.1f}" for build in BUILDS)],
            [
                f"upstream in one process ({in_one * 1000:.0f} ms) / that",
                *(f"{in_one / each[build]:.1f}" for build in BUILDS),
            ],
        ],
    )


def cold(at: Measured) -> None:
    """One flow, a fresh process, above importing Metaflow and the flow."""
    folder = at.folder / "cold"
    folder.mkdir()
    (folder / "flow.py").write_text(flow(1), "utf-8")
    (folder / "plain.py").write_text(without_triggers(flow(1)), "utf-8")
    commands = [Command("import", ("-S", "-c", "import metaflow, plain"), folder, at.upstream)]
    for backend in BACKENDS:
        create = ("plain.py", *QUIET, backend, "create", "--only-json")
        commands.append(Command(f"upstream {backend}", ("-S", *create), folder, at.upstream))
    for build in BUILDS:
        variables = at.builds[build]
        commands.append(Command(f"{build} import", ("-S", "-c", "import metaflow, flow"), folder, variables))
        for backend in BACKENDS:
            words = ("-S", "flow.py", *QUIET, backend, "compile")
            commands.append(Command(f"{build} {backend}", (*words, "--no-code-package"), folder, variables))
            commands.append(Command(f"{build} {backend} package", words, folder, variables))
    runs = alternate(commands, 5)

    def above(name: str, base: str) -> float:
        pairs = zip(runs[name].processor, runs[base].processor, strict=True)
        return statistics.median(one - other for one, other in pairs)

    lines = []
    for backend in BACKENDS:
        theirs = above(f"upstream {backend}", "import")
        ours = {build: above(f"{build} {backend}", f"{build} import") for build in BUILDS}
        more = {build: above(f"{build} {backend} package", f"{build} {backend}") for build in BUILDS}
        lines += [
            [f"{backend}, ms above import", *(f"{ours[build] * 1000:.0f}" for build in BUILDS)],
            [f"upstream ({theirs * 1000:.0f} ms) / that", *(f"{theirs / ours[build]:.1f}" for build in BUILDS)],
            ["with the code package, more", *(f"{more[build] * 1000:+.0f}" for build in BUILDS)],
        ]
    table(["one flow cold, processor time", *BUILDS], lines)


def imported(at: Measured) -> None:
    """`import metaflow` with the wheel over without it."""
    names = ("without", *BUILDS)
    runs = alternate([Command(name, ("-S", "-c", "import metaflow"), at.folder, at.builds[name]) for name in names], 15)
    cells = {}
    for build in BUILDS:
        for kind in ("processor", "wall"):
            pairs = zip(getattr(runs[build], kind), getattr(runs["without"], kind), strict=True)
            cells[build, kind] = f"{statistics.median(one - other for one, other in pairs) * 1000:+.0f}"
    base = {kind: statistics.median(getattr(runs["without"], kind)) * 1000 for kind in ("processor", "wall")}
    lines = [
        [f"ms of {kind} over without ({base[kind]:.0f})", *(cells[build, kind] for build in BUILDS)] for kind in base
    ]
    table(["import metaflow", *BUILDS], lines)


def helped(at: Measured) -> None:
    """`metaflow-triggers --help` beside a Python that does nothing, both as this environment starts one."""
    words = ("-m", "metaflow_triggers.commands.cli", "--help")
    variables = {build: {**at.builds[build], "PYTHONPATH": str(at.folder / build)} for build in BUILDS}
    commands = [Command("python", ("-c", "pass"), at.folder, variables["now"])]
    commands += [Command(build, words, at.folder, variables[build]) for build in BUILDS]
    runs = alternate(commands, 15)
    base = runs["python"].processor_seconds
    lines = [[f"times python -c pass ({base * 1000:.0f} ms)"]]
    lines[0] += [f"{runs[build].processor_seconds / base:.1f}" for build in BUILDS]
    table(["metaflow-triggers --help, processor time", *BUILDS], lines)


def profile(at: Measured) -> None:
    """The rows of a sampling profile of all processes, one worker."""
    count = min(3 * SMALL, at.flows)
    if not at.project(count).exists():
        generate(at.project(count), count)
    found = {}
    for build in BUILDS:
        shutil.rmtree(at.folder / "out", ignore_errors=True)
        stacks = at.folder / f"stacks-{build}"
        script = (str(ROOT / "benchmarks" / "sampled.py"), str(stacks))
        run(at.compiled(build, count, 1, "--no-code-package", script=script))
        found[build] = rows.by_row(stacks, count)
    lines = [[row, *(f"{found[build][row]:.1f}" for build in BUILDS)] for row in found["now"]]
    lines.append(["all", *(f"{sum(found[build].values()):.1f}" for build in BUILDS)])
    table([f"ms of processor for each of {count} flows", *BUILDS], lines)


def engine(at: Measured) -> None:
    """The local engine's latency at 100 events/s beside huey's, by this build."""
    command = [sys.executable, "-m", "benchmarks.engine", "--only", "latency", "--seconds", "15"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    print(done.stdout)


PARTS: dict[str, Callable[[Measured], None]] = {
    "many": many,
    "again": again,
    "packages": packages,
    "cold": cold,
    "import": imported,
    "help": helped,
    "profile": profile,
    "engine": engine,
}


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    print(f"({what}: {time.monotonic() - begin:.0f} s, load {os.getloadavg()[0]:.1f})\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="the commit that is `before`")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--flows", type=int, default=1000)
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    print(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}; before is {options.base}\n")
    with emulated_aws() as aws, tempfile.TemporaryDirectory() as home:
        with _timed("both installed"):
            at = Measured(Path(home), options.base, aws.environment, options.flows)
        for name in parts:
            with _timed(name):
                PARTS[name](at)


if __name__ == "__main__":
    main()
