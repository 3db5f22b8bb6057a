"""Builds: this commit and another one, installed side by side for measuring.

In:   a folder, the name of a commit.
Out:  for each the variables with which `python -S` runs it from a wheel, among the libraries of this environment.

Not here: measuring. Both are wheels, so that none of them profits from how the other one is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from .measure import environment

ROOT = Path(__file__).resolve().parents[1]
_OURS = re.compile(r"editable|metaflow.triggers", re.I)


def installed(folder: Path, base: str) -> dict[str, dict[str, str]]:
    """`before` and `now` -> variables of a process, and `without` any of ours. The other commit's tree goes again."""
    others = folder / "others"
    others.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not _OURS.search(entry.name):
            (others / entry.name).symlink_to(entry)
    tree = folder / "tree"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), base], check=True)
    try:
        for name, source in (("before", tree), ("now", ROOT)):
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
            target = ["--no-build-isolation", "--target", str(folder / name), str(source)]
            subprocess.run([*pip, *target], check=True)
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)
    clean = {key: value for key, value in environment(str(folder)).items() if key != "PYTHONPATH"}
    paths = {"before": [folder / "before", others], "now": [folder / "now", others], "without": [others]}
    return {name: {**clean, "PYTHONPATH": ":".join(map(str, path))} for name, path in paths.items()}
