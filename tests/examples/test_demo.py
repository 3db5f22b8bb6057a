"""The demo of `make demo`: a misspelt name is found, and all examples compile for both clouds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_examples_compile_for_both_clouds(tmp_path: Path) -> None:
    for folder in ("examples", "tests/fixtures/unknown_upstream"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        ["sh", "examples/demo.sh"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "METAFLOW_HOME": "/nowhere"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0 and not re.search(r"^(error|warning)", done.stderr, re.MULTILINE), done.stderr
    assert "build/demo/argo-workflows/processorder/sensor.yaml" in done.stdout
