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

from .measure import Command, alternate, environment, head, table

ROOT = Path(__file__).resolve().parents[1]
_OURS = re.compile(r"editable|metaflow.triggers", re.I)


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
        clean = {key: value for key, value in environment(home).items() if key != "PYTHONPATH"}
        arguments = ("-c", "import metaflow")
        commands = [
            Command("without", ("-S", *arguments), folder, {**clean, "PYTHONPATH": str(others)}),
            Command("wheel", ("-S", *arguments), folder, {**clean, "PYTHONPATH": f"{wheel}:{others}"}),
            Command("this environment", arguments, folder, clean),
        ]
        runs = alternate(commands, repeat)
        imported = [_modules(command) for command in commands]
    head("import metaflow (milliseconds)", repeat)
    rows = []
    for (name, found), (count, ours) in zip(runs.items(), imported, strict=True):
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
                str(ours),
            ]
        )
    columns = ["", "wall", "processor", "above", "above, processor", "modules", "of them ours"]
    table(columns, rows)


def _modules(command: Command) -> tuple[int, int]:
    """(modules that the import loads, how many of them are ours)."""
    script = "import metaflow, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, *command.arguments[:-1], script],
        cwd=command.folder,
        env=command.variables,
        capture_output=True,
        text=True,
        check=True,
    )
    names = done.stdout.split()
    return len(names), sum(name.startswith(("metaflow_extensions.triggers", "metaflow_triggers")) for name in names)


if __name__ == "__main__":
    main()
