"""The demo of the local engine: one event starts three flows, one after the other, and their artifacts are printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_an_event_a_poll_and_a_chain(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        ["sh", "examples/local_demo.sh"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "METAFLOW_HOME": "/nowhere", "METAFLOW_TRIGGERS_DATABASE": "/nowhere"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # `emit` says how its event is followed, and nothing else is on standard error.
    assert re.fullmatch(r"note: what becomes of it: metaflow-triggers trail --event=order-received \S+\n", done.stderr)
    for flow in ("ReceiveOrder", "ShipParcel", "ThankCustomer"):
        assert len(re.findall(rf"^started +{flow} #", done.stdout, re.MULTILINE)) == 1, done.stdout
        assert len(re.findall(rf"^succeeded +{flow} #", done.stdout, re.MULTILINE)) == 1, done.stdout
    assert "message = 'Ada: order 42 is on its way'" in done.stdout
    assert list((tmp_path / "build" / "demo-local" / "outbox").iterdir()) == []
