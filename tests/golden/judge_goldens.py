"""Judge goldens: asks Argo's own validators about every golden object that they know, and keeps what they accepted.

In:   the golden files; the judges (`tests/worlds/argo/judges.py`).
Out:  `accepted_by_argo.json`: module and version -> golden file -> SHA-256 of the accepted bytes.

Not here: making goldens. Nothing is written unless all are accepted.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.worlds.argo import judges

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
RECORD = Path(__file__).with_name("accepted_by_argo.json")
EVENTS = ("Sensor", "EventSource")
WORKFLOWS = ("WorkflowTemplate", "CronWorkflow", "Workflow")


def of_kinds(*kinds: str) -> dict[str, str]:
    """File -> text of each golden object of these kinds."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for path in sorted(GOLDEN.rglob("*.yaml")):
        text = path.read_text("utf-8")
        if "argoproj.io/" not in text:
            continue
        (item,) = yaml.load_all(text, loader)
        if item.get("kind") in kinds:
            found[path.relative_to(GOLDEN).as_posix()] = text
    return found


def digests(texts: Mapping[str, str]) -> dict[str, str]:
    """File -> SHA-256 of its text, in hex."""
    return {file: hashlib.sha256(text.encode("utf-8")).hexdigest() for file, text in texts.items()}


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
