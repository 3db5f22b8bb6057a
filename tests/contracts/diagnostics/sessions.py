"""Sessions: bad inputs, and what the commands print about them.

In:   a folder of `cases/`: input files, and `session.txt` with commands (lines that begin with `$ `).
Out:  the session as it is today: each command with what it printed and how it ended.

Not here: comparing. `python -m tests.contracts.diagnostics.sessions [CASE ...]` writes the sessions and the rules anew;
read what changed before it is committed. The folder is copied, so that nothing is written beside the inputs; its path
stands as `<folder>` in what is printed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import forked

HERE = Path(__file__).parent
CASES = HERE / "cases"
RULES = HERE / "rules.json"
BIN = Path(sys.executable).parent
_SECTION = re.compile(r'^### <a id="(FT\d{3})"></a>FT\d{3}: (.*)\n', re.MULTILINE)


def cases() -> list[str]:
    """The names of all cases."""
    return sorted(path.parent.name for path in CASES.glob("*/session.txt"))


def kept(case: str) -> str:
    """The session as it was."""
    return (CASES / case / "session.txt").read_text("utf-8")


def commands(session: str) -> list[str]:
    """The commands of a session."""
    return [line[2:] for line in session.splitlines() if line.startswith("$ ")]


def run(case: str) -> str:
    """The session as it is."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent).resolve() / case
        shutil.copytree(CASES / case, folder, ignore=shutil.ignore_patterns("__pycache__", "session.txt"))
        return "\n".join(_told(command, folder) for command in commands(kept(case)))


def _told(command: str, folder: Path) -> str:
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder.parent),
        "METAFLOW_USER": "contract",
        "METAFLOW_HOME": str(folder.parent / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "COLUMNS": "100",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    out, err, code = _ran(command, folder, environment)
    parts = [f"$ {command}\n"]
    for name, stream in (("", out), ("--- stderr\n", err)):
        if stream:
            text = stream.replace(str(folder), "<folder>")
            parts.append(name + text + ("" if text.endswith("\n") else "\n"))
    return "".join([*parts, f"--- exit {code}\n"])


def _ran(command: str, folder: Path, environment: dict[str, str]) -> tuple[str, str, int]:
    """Both streams and the exit code of a command as it was typed: by a shell where it asks for one."""
    words = shlex.split(command)
    if words[0] == "metaflow-triggers" and not set(command) & set("*|;&<>$"):
        done = forked.python([str(BIN / words[0]), *words[1:]], folder, environment, 600)
        return done.stdout, done.stderr, done.returncode
    shell = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=600
    )
    out, err = (stream.decode("utf-8", "backslashreplace") for stream in (shell.stdout, shell.stderr))
    return out, err, shell.returncode


def rules(page: str) -> dict[str, dict[str, str]]:
    """Of each code on the page of diagnostics: title, severity, text."""
    table = dict(re.findall(r"^\| \[(FT\d{3})\]\(#FT\d{3}\) \| (\w+) \|", page, re.MULTILINE))
    _, *parts = _SECTION.split(page.partition("\n## JSON\n")[0])
    found = {}
    for code, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        text = re.sub(r"\n+## .*\Z", "", text.strip("\n"))  # the heading of the next area
        found[code] = {"title": title, "severity": table[code], "text": text}
    return found


def todays_page() -> str:
    """`docs/diagnostics.md`; a test of its own holds that it is what the rules say."""
    return (HERE.parents[2] / "docs" / "diagnostics.md").read_text("utf-8")


def main(names: list[str]) -> None:
    """Write the sessions of these cases anew; of all, and the rules, where none is named."""
    for case in names or cases():
        (CASES / case / "session.txt").write_text(run(case), "utf-8")
        print(case, flush=True)
    if not names:
        RULES.write_text(json.dumps(rules(todays_page()), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
