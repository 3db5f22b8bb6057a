"""Commands as they are typed: exit codes of all of them, misspelt words, Ctrl-C, progress, completion, -q and -v."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from metaflow_triggers.commands.cli import _parser, main
from metaflow_triggers.commands.misspelt import subparsers

from .conftest import ROOT, Run, clean
from .warm import warm

FLOW = """from metaflow import FlowSpec, step, trigger

@trigger(event="{event}")
class {name}(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as run:
        yield run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flows")
    (folder / "good.py").write_text(FLOW.format(name="Good", event="e"))
    (folder / "bad.py").write_text(FLOW.format(name="Bad", event="a b"))
    return folder


# In this order: later commands find what earlier ones left.
CODES = [
    ("check good.py", 0),
    ("check bad.py", 1),
    ("check nothing.py", 1),
    ("check good.py --format xml", 2),
    ("compile good.py --output out", 0),
    ("compile bad.py --output out", 1),
    ("compile good.py --output good.py", 1),
    ("compile good.py --check", 2),
    ("compile good.py --check --output out", 0),
    ("compile good.py --check --output out --no-code-package", 1),
    ("diff good.py --against out", 0),
    ("diff good.py --against out --no-code-package", 1),
    ("diff bad.py --against out", 2),
    ("diff good.py --against out --format html --full", 2),
    ("diff good.py", 2),
    ("graph good.py", 0),
    ("graph bad.py --format json", 1),
    ("graph good.py --format svg", 2),
    ("create bad.py", 1),
    ("create good.py --backend argo-workflows", 2),
    ("delete bad.py", 1),
    ("delete good.py --plna", 2),
    ("run bad.py --until-idle", 1),
    ("emit e --id x", 0),
    ("emit e --payload {", 2),
    ("trail x good.py", 1),
    ("trail x good.py --database none.db", 3),
    ("trail", 2),
    ("simulate good.py", 2),
    ("list good.py", 0),
    ("list bad.py", 1),
    ("history Nobody", 1),
    ("history", 2),
    ("enable nobody", 1),
    ("disable nobody", 1),
    ("pause Nobody", 1),
    ("resume Nobody", 1),
    ("retain", 0),
    ("retain --more", 2),
    ("dead-letters", 2),
    ("dead-letters show", 2),
    ("dead-letters drop", 2),
    ("exec nothing.py", 1),
    ("settings", 0),
    ("settings --profile none", 2),
    ("doctor --backend local", 0),
    ("doctor bad.py --backend argo-workflows", 1),
    ("doctor --backend locl", 2),
    ("explain FT107", 0),
    ("explain FT999", 2),
    ("schema", 0),
    ("schema graph", 0),
    ("completion bash", 0),
    ("completion tcsh", 2),
    ("", 2),
    ("--version", 0),
    ("chek", 2),
]


def test_exit_codes(folder: Path, triggers: Run) -> None:
    found = [(words, triggers(*words.split(), cwd=folder).code) for words, _ in CODES]
    assert found == CODES
    tried = {words.split()[0] for words, _ in CODES if words}
    assert set(subparsers(_parser())) <= tried, "each command has its exit codes here"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert raised.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("chek", "did you mean `check`?"),
        ("check --extrenal-event=x", "did you mean `--external-event`?"),
        ("compile . --outptu x", "did you mean `--output`?"),
        ("check --backend argo-workflow", "did you mean `argo-workflows`?"),
        ("compile --show trigger", "did you mean `triggers`?"),
        ("--verison", "did you mean `--version`?"),
    ],
)
def test_what_was_meant(words: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, *words.split()).endswith(f"\n  {meant}\n")


@pytest.mark.parametrize("words", ["qqqqqq", "check --zzzzzz", "check -Z", "check --format"])
def test_nothing_is_guessed_for_what_is_far(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" not in said(capsys, *words.split())


def test_quiet_and_verbose(folder: Path, triggers: Run) -> None:
    loud = triggers("check", "good.py", cwd=folder)
    assert "note[FT507]" in loud.err or "note[" in loud.err
    done = triggers("check", "good.py", "-q", cwd=folder)
    assert (done.code, done.out) == (0, "") and "note[" not in done.err
    done = triggers("check", "bad.py", "--quiet", cwd=folder)
    assert done.code == 1 and "error[FT104]" in done.err
    done = triggers("compile", "good.py", "-v", "--output", "new", cwd=folder)
    assert done.code == 0 and "read good.py\n" in done.err and "wrote new/step-functions/Good.yaml\n" in done.err


def test_progress_and_ctrl_c(folder: Path, tmp_path: Path) -> None:
    """On a terminal the count is shown after a second; Ctrl-C leaves one line, exit code 130 and no process."""
    for name in ("One", "Two"):
        (tmp_path / f"{name.lower()}.py").write_text(FLOW.format(name=name, event="e"))
    (tmp_path / "slow.py").write_text(f"import time\ntime.sleep(3600)\n{FLOW.format(name='Slow', event='e')}")
    us, them = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "check", ".", "--workers", "2"],
        cwd=tmp_path,
        env=clean(tmp_path, METAFLOW_USER="me", TERM="xterm"),
        stdin=them,
        stdout=subprocess.DEVNULL,
        stderr=them,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background ignores it
    )
    os.close(them)
    text, until = "", time.monotonic() + 60
    while "files read: 2 of 3" not in text and time.monotonic() < until:
        text += os.read(us, 4096).decode()
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait(60)
    try:
        while more := os.read(us, 4096).decode():
            text += more
    except OSError:  # nobody has the other end any more
        pass
    os.close(us)
    assert code == 130, text
    # What a terminal shows in the end.
    assert re.sub(r"[^\n]*\r(?!\n)", "", text).replace("\x1b[K", "").replace("\r\n", "\n") == "interrupted\n", text
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            assert os.getsid(int(pid)) != process.pid
        except ProcessLookupError:
            continue


def complete(*words: str) -> list[str]:
    """What bash offers for the last of these words."""
    line = " ".join(map(shlex.quote, words))
    script = f"""eval "$({shlex.quote(sys.executable)} -m metaflow_triggers.commands.cli completion bash)"
COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _metaflow_triggers; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes() -> None:
    assert complete("metaflow-triggers", "c") == ["check", "compile", "create", "completion"]
    assert complete("metaflow-triggers", "compile", "--ou") == ["--output"]
    assert complete("metaflow-triggers", "check", "--format", "s") == ["sarif"]
    assert complete("metaflow-triggers", "compile", "flows") == []  # files, by the shell itself


def test_other_shells(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("zsh", "fish"):
        assert main(["completion", shell]) == 0
        text = capsys.readouterr().out
        for command in subparsers(_parser()):
            assert f" {command}" in text
        assert "--external-event" in text or "-l external-event" in text
