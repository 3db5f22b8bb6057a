"""Ask: AWS's event-ruler about filters and payloads.

`python -m tests.unit.language.event_ruler.ask` records its answers.

Needs Java 17 and Maven, whose repository must know the library or reach Maven Central.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parent / "filters.json"
ARTIFACT = "software.amazon.event.ruler:event-ruler:2.1.0"


def missing() -> str:
    """Why event-ruler cannot be asked here; "" when it can."""
    lacking = [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]
    return f"no {', '.join(lacking)}" if lacking else ""


def ask(pairs: list[tuple[Any, Any]], offline: bool = False) -> list[dict[str, Any]]:
    """event-ruler's answers to (filter, payload) pairs. Raises RuntimeError where its jar is not to be had."""
    return ask_texts([(json.dumps(one), json.dumps(other)) for one, other in pairs], offline)


def ask_texts(pairs: Sequence[tuple[str, str]], offline: bool = False) -> list[dict[str, Any]]:
    """The same about JSON texts, whose numbers keep their digits."""
    with tempfile.TemporaryDirectory() as folder:
        jars = Path(folder) / "jars"
        maven = ["mvn", "-q", "-B", *(["-o"] if offline else []), "-f", str(HERE / "pom.xml")]
        goal = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
        done = subprocess.run([*maven, goal, f"-DoutputDirectory={jars}"], capture_output=True, text=True, check=False)
        if done.returncode or not jars.is_dir():
            raise RuntimeError(f"Maven cannot get {ARTIFACT}")
        path = f"{folder}:{jars}/*"
        source = str(HERE / "Answers.java")
        subprocess.run(["javac", "-nowarn", "-cp", path, "-d", folder, source], check=True, capture_output=True)
        lines = "".join(json.dumps({"filter": one, "payload": other}) + "\n" for one, other in pairs)
        done = subprocess.run(
            ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", path, "Answers"],
            input=lines.encode(),
            capture_output=True,
            check=True,
        )
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def answers_or_skip(asked: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """What `ask_texts` answers with what is on this machine; skips the test that asks where that is too little."""
    reason = missing()
    if not reason:
        try:
            return ask_texts(asked, offline=True)
        except RuntimeError as error:
            reason = str(error)
    pytest.skip(f"{reason}; `python -m tests.unit.language.event_ruler.ask` gets it, with Java 17 and Maven")


def pairs(table: Any) -> list[tuple[str, str]]:
    """What the table asks, as JSON texts and in its order."""
    good = [(row["filter"], item["payload"]) for row in table["patterns"] for item in row["payloads"]]
    asked = [*good, *((row["filter"], {}) for row in table["malformed"])]
    parted = [(json.dumps(row["filter"]), row["payload"]) for row in table["parted"]]
    return [(json.dumps(one), json.dumps(other)) for one, other in asked] + parted


def record() -> None:
    """Write event-ruler's answers into the table."""
    table = json.loads(TABLE.read_text("utf-8"))
    answers = iter(ask_texts(pairs(table)))
    for row in table["patterns"]:
        for item in row["payloads"]:
            item["event_ruler"] = next(answers)["matches"]
    for row in table["malformed"]:
        row["event_ruler"] = next(answers).get("refused")
    for row in table["parted"]:
        row["event_ruler"] = next(answers)["matches"]
    table["asked"] = ARTIFACT
    TABLE.write_text(table_text(table), "utf-8")


def table_text(table: Any) -> str:
    """The table with a line per payload."""
    lines = ["{", f' "asked": {json.dumps(table["asked"])},', ' "patterns": [']
    for number, row in enumerate(table["patterns"]):
        last = number == len(table["patterns"]) - 1
        lines.append(f'  {{"filter": {json.dumps(row["filter"], ensure_ascii=False)}, "payloads": [')
        items = [f"    {json.dumps(item, ensure_ascii=False)}" for item in row["payloads"]]
        lines += [",\n".join(items), f"  ]}}{'' if last else ','}"]
    for name in ("malformed", "parted"):
        rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in table[name])
        lines += [" ],", f' "{name}": [', rows]
    return "\n".join([*lines, " ]", "}", ""])


if __name__ == "__main__":
    sys.exit(record())
