"""Ask: the jq of Argo Events (gojq, of the version that release 1.9.11 pins) about programs and events."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.go_programs import program


def ask(questions: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The answers to (program, JSON text of an event): {"passes": ...} or {"error": ...}. Raises NoProgram."""
    lines = "".join(f'{{"program": {json.dumps(text)}, "event": {event}}}\n' for text, event in questions)
    done = subprocess.run([program(Path(__file__).parent)], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]
