"""The command `step-functions create` in a process that is killed, with its code package and its production token."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worlds.upstream.emulated_aws import Aws, emulated_aws

from .conftest import MAPPING, ROOT, Run, clean
from .test_create_delete import USER, everything

CREATE = (MAPPING, "--no-pylint", "step-functions", "create")


def deployed(aws: Aws) -> tuple[str, str]:
    """All of the account as text, without the emulator's address and the production token; that token."""
    found = json.dumps(everything(aws), sort_keys=True, default=str)
    (token,) = set(re.findall(r'"metaflow.production_token": "([^"]*)"', found))
    return found.replace(token, "<token>").replace(aws.environment["AWS_ENDPOINT_URL"], "<address>"), token


def killed(aws: Aws, home: Path, operation: str, when: str) -> int:
    """The exit code of a `create` that is killed around the first request of that operation."""
    child: list[int] = []

    def watch(at: str, asked: str) -> None:
        if at == when and asked.startswith(operation):
            os.kill(child[0], signal.SIGKILL)

    process = subprocess.Popen(
        [sys.executable, *CREATE],
        cwd=ROOT,
        env=clean(home, **USER, **aws.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    child.append(process.pid)
    aws.recorder.watch = watch
    try:
        return process.wait(300)
    finally:
        aws.recorder.watch = lambda when, operation: None


@pytest.mark.long
@pytest.mark.parametrize(
    ("operation", "when"),
    [("PUT /mf-test/", "after"), ("CreateStateMachine", "after"), ("CreateQueue", "before"), ("PutTargets", "after")],
)
def test_a_killed_create_is_finished_by_the_next_under_one_token(
    run: Run, tmp_path: Path, operation: str, when: str
) -> None:
    with emulated_aws() as aws:
        settings = {**USER, **aws.environment}
        assert run(*CREATE, settings=settings).code == 0
        wanted, _ = deployed(aws)
    with emulated_aws() as aws:
        settings = {**USER, **aws.environment}
        assert killed(aws, tmp_path, operation, when) == -signal.SIGKILL
        again = run(*CREATE, settings=settings)
        assert again.code == 0, again.err
        found, token = deployed(aws)
        assert found == wanted
        assert f"production:{token}" in again.err
        same = run(*CREATE, settings=settings)
        assert same.code == 0 and "nothing to do: everything is deployed as it is" in same.err, same.err
