"""The command that `--compress-state-machine` makes a file is the same one in every release."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from metaflow_triggers.seams.parts import of_any_release

from .test_code_annotation import command

OLD, NEW = (f"Flow/data/{digit * 2}/{digit * 40}" for digit in "ab")


def test_it_loads_what_the_environment_names_and_reads_no_byte_of_it_as_a_command(tmp_path: Path) -> None:
    made = of_any_release(command("s3", OLD), OLD)
    assert made == of_any_release(command("s3", NEW), NEW) and OLD not in made
    key = "pre fix/it's\"$(touch pwned)`touch pwned`;touch pwned"
    given = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(tmp_path),
        "METAFLOW_CODE_URL": f"s3://bucket/{key}",
    }
    (tmp_path / "python").write_text('#!/bin/sh\nexec python3 "$@"\n')
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "boto3.py").write_text(
        "class client:\n"
        "    def __init__(self, kind): pass\n"
        "    def download_file(self, *asked): print('asked', asked)\n"
    )

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", made], cwd=tmp_path, env=given, capture_output=True, text=True, check=False
        )

    done = run()
    assert done.returncode == 0 and f"asked {('bucket', key, 'job.tar')}" in done.stdout, done.stderr
    (tmp_path / "boto3.py").write_text("raise SystemExit(1)\n")
    done = run()
    assert done.returncode == 1 and f"code package from s3://bucket/{key} after 6 tries" in done.stdout
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(("text", "package"), [(command("s3", OLD), None), (f"curl s3://bucket/{OLD}", OLD)])
def test_what_is_not_known_stays_as_it_is(text: str, package: str | None) -> None:
    assert of_any_release(text, package) == text
