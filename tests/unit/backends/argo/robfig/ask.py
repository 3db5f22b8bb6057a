"""Ask: robfig/cron 3.0.1 and the guard's expression, as Argo Workflows' controller puts them together.

`python -m tests.unit.backends.argo.robfig.ask` records the answers to the short campaign.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.go_programs import program

RECORDED = Path(__file__).with_name("recorded.json")


def ask(questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """{"fires": [seconds], "restarted": [seconds]} for each question (see main.go). Raises NoProgram."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([program(Path(__file__).parent)], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


if __name__ == "__main__":
    from ..test_clock_guard import record

    sys.exit(record())
