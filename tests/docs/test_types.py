"""Type checkers accept the Python of the documentation, with the stubs that Metaflow makes where we are installed.

`metaflow` says of itself that it is typed and shows no decorator, so without stubs a checker knows none of its names,
ours or Metaflow's own. A block that is a part of a file is made a whole one: imports above, a class or its body below.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "diagnostics.md")]

GENERATE = """
import sys
from metaflow.cmd.develop.stub_generator import StubGenerator
StubGenerator(sys.argv[1], include_generated_for=True).write_out()
"""

NAMES = {
    "FlowSpec": "metaflow",
    "Parameter": "metaflow",
    "emit_event": "metaflow",
    "namespaced_event_name": "metaflow",
    "trigger": "metaflow",
    "trigger_on_finish": "metaflow",
    "Path": "pathlib",
}
"""What a part of a file may have from the lines above it -> where that is from."""

WRONG = """
emit_event('a', payload=3)

@trigger(evnt='a')
class AFlow(FlowSpec):
    pass
"""


def whole(block: str) -> str:
    """A block as a file that can be checked."""
    text = block.rstrip() + "\n"
    last = [line for line in text.splitlines() if line[:1] not in ("", " ", "#")][-1]
    if last.startswith("class ") and text.rstrip().endswith(":"):
        text += "    pass\n"
    elif last.startswith(("@", "})", "], ")):
        text += "class AFlow(FlowSpec):\n    pass\n"
    imported = " ".join(re.findall(r"^(?:from \S+ )?import (.*)", text, re.MULTILINE))
    missing = [name for name in NAMES if re.search(rf"\b{name}\b", text) and not re.search(rf"\b{name}\b", imported)]
    return "".join(f"from {NAMES[name]} import {name}\n" for name in missing) + text


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each block, beside the stubs."""
    folder = tmp_path_factory.mktemp("types")
    environment = {**os.environ, "METAFLOW_USER": "somebody", "METAFLOW_HOME": str(folder), "HOME": str(folder)}
    stubs = folder / "stubs" / "metaflow"
    subprocess.run([sys.executable, "-c", GENERATE, str(stubs)], env=environment, check=True, capture_output=True)
    (folder / "blocks").mkdir()
    for page in PAGES:
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)):
            name = f"{page.stem.replace('-', '_')}_{number}.py"
            (folder / "blocks" / name).write_text(whole(block), encoding="utf-8")
    assert len(list((folder / "blocks").iterdir())) > 15
    return folder


def ours() -> list[str]:
    return [str(ROOT / "compiler"), str(ROOT / "runtime")]


def test_mypy_accepts_every_block_and_knows_what_our_names_take(blocks: Path) -> None:
    (blocks / "wrong.py").write_text(whole(WRONG), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--no-incremental",
            "--check-untyped-defs",
            "--config-file=",
            "blocks",
            "wrong.py",
        ],
        cwd=blocks,
        env={**os.environ, "MYPYPATH": os.pathsep.join([str(blocks / "stubs"), *ours()])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "source files)" in done.stdout, done.stdout + done.stderr
    # Of the stubs, which are Metaflow's, it has much to say.
    said = [line for line in done.stdout.splitlines() if line.startswith(("blocks/", "wrong.py:")) and "error:" in line]
    assert len(said) == 2, said
    assert 'wrong.py:5: error: Argument "payload" to "emit_event"' in said[0]
    assert 'wrong.py:7: error: Unexpected keyword argument "evnt" for overloaded function "trigger"' in said[1]


def test_pyright_accepts_every_block(blocks: Path) -> None:
    program = shutil.which("basedpyright") or shutil.which("pyright")
    if program is None:
        pytest.skip("neither pyright nor basedpyright is on PATH (pip install basedpyright, 280 MB)")
    settings = {"extraPaths": [str(blocks / "stubs"), *ours()], "typeCheckingMode": "standard"}
    (blocks / "blocks" / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    done = subprocess.run(
        [program, "--outputjson", "--pythonpath", sys.executable, "."],
        cwd=blocks / "blocks",
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    assert said["summary"]["filesAnalyzed"] > 15
    assert [item["message"] for item in said["generalDiagnostics"]] == []
