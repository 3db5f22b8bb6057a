"""Imports: `import metaflow` with the extension beside without it, installed from a wheel and editable.

Usage: python -m benchmarks.imports [--repeat N]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.upstream.emulated_aws import clean_environment

from .measure import Command, alternate, head, table

ROOT = Path(__file__).resolve().parents[1]
_OURS = re.compile(r"editable|metaflow.triggers", re.I)
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        others, wheel = folder / "others", folder / "wheel"
        others.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not _OURS.search(entry.name):
                (others / entry.name).symlink_to(entry)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--no-build-isolation", "--target", str(wheel), str(ROOT)], check=True)
        clean = {key: value for key, value in clean_environment(home).items() if key != "PYTHONPATH"}
        arguments = ("-c", "import metaflow")
        commands = [
            Command("without", ("-S", *arguments), folder, {**clean, "PYTHONPATH": str(others)}),
            Command("wheel", ("-S", *arguments), folder, {**clean, "PYTHONPATH": f"{wheel}:{others}"}),
            Command("this environment", arguments, folder, clean),
        ]
        runs = alternate(commands, repeat)
        imported = [_ours_of(command) for command in commands]
    head("import metaflow (milliseconds)", repeat)
    rows = []
    for (name, found), (count, own) in zip(runs.items(), imported, strict=True):
        base = runs["without"]
        above = [(one - other) * 1000 for one, other in zip(found.processor, base.processor, strict=True)]
        rows.append(
            [
                name,
                f"{found.seconds * 1000:.0f}",
                f"{found.processor_seconds * 1000:.0f}",
                f"{(found.seconds - base.seconds) * 1000:+.0f}",
                f"{statistics.median(above):+.0f}",
                str(count),
                f"{own:.1f}",
            ]
        )
    columns = ["", "wall", "processor", "above", "above, processor", "modules of ours", "their own time"]
    table(columns, rows)


def _ours_of(command: Command) -> tuple[int, float]:
    """(modules of ours, milliseconds in them alone), of one import told by `-X importtime`."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command.arguments],
        cwd=command.folder,
        env=command.variables,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [(int(time), name) for time, name in _LINE.findall(done.stderr)]
    own = [time for time, name in found if name.startswith(("metaflow_extensions.triggers", "metaflow_triggers"))]
    return len(own), sum(own) / 1000


if __name__ == "__main__":
    main()
