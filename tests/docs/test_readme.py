"""The flow on the README's first screen is a flow: it compiles on both clouds and runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
(FLOW,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "command", [["run"], ["step-functions", "compile"], ["argo-workflows", "compile"]], ids=lambda words: words[0]
)
def test_the_first_flow(command: list[str], tmp_path: Path):
    assert len(FLOW.splitlines()) == 9
    (tmp_path / "flow.py").write_text(FLOW + "\nif __name__ == '__main__':\n    ProcessOrder()\n")
    settings = {"METAFLOW_USER": "tester", "HOME": str(tmp_path), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path)}
    environment = {**{key: os.environ[key] for key in ("PATH",)}, **settings}
    done = subprocess.run(
        [sys.executable, "flow.py", "--no-pylint", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
