"""Judge goldens: asks Argo's own validators about every object that the examples compile to and that they know.

In:   the whole outputs; the judges (`tests/worlds/argo/judges.py`).
Out:  `accepted_by_argo.json`: module and version -> file -> SHA-256 of the accepted bytes.

Not here: compiling. Nothing is written unless all are accepted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.worlds.argo import judges

from .kept import digest
from .whole_outputs import everything

RECORD = Path(__file__).with_name("accepted_by_argo.json")
EVENTS = ("Sensor", "EventSource")
WORKFLOWS = ("WorkflowTemplate", "CronWorkflow", "Workflow")


def of_kinds(*kinds: str) -> dict[str, str]:
    """File -> text of each object of these kinds."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for file, text in everything().items():
        if not file.endswith(".yaml") or "argoproj.io/" not in text:
            continue
        (item,) = yaml.load_all(text, loader)
        if item.get("kind") in kinds:
            found[file] = text
    return found


def digests(texts: Mapping[str, str]) -> dict[str, str]:
    """File -> SHA-256 of its text, in hex."""
    return {file: digest(text) for file, text in texts.items()}


def main() -> int:
    """Ask, and write the record; returns the exit code."""
    accepted = {}
    refused = []
    for which, kinds, ask in (("events", EVENTS, judges.events), ("workflows", WORKFLOWS, judges.workflows)):
        texts = of_kinds(*kinds)
        try:
            told = ask(list(texts.values()))
        except judges.NoJudge as reason:
            sys.stderr.write(f"{reason}\n")
            return 1
        for file, (_, *words) in zip(texts, told, strict=True):
            refused += [f"{file}: {word}" for word in words if word]
        accepted[judges.version(which)] = digests(texts)
    if refused:
        sys.stderr.write("\n".join(refused) + "\n")
        return 1
    RECORD.write_text(json.dumps(accepted, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
