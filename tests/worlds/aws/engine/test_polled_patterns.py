"""The document's poll patterns on an AWS that runs: deployed unchanged, polled by Batch jobs, run by Batch jobs."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.compile import names

from tests.worlds import polled_patterns

from .engine import Engine
from .workshop import Workshop

BACKEND = "step-functions"
COMMANDS = ("-m", "metaflow_triggers.commands.cli")


@dataclass
class Account:
    """`polled_patterns.Place` of an emulated account."""

    engine: Engine
    workshop: Workshop

    @property
    def folder(self) -> Path:
        return self.workshop.folder

    def deploy(self) -> None:
        self.engine.switch(jobs_at_once=len(polled_patterns.EXPECTED) + 3)  # a poller each
        self._command("create", ".", "--yes", "--backend", BACKEND)
        for flow in polled_patterns.EXPECTED:
            self._tick(flow)

    def runs(self, flow: str) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for item in self.engine.executions(flow):
            told = json.loads(self.engine.describe(item)["input"])
            document = self.engine.document(told["MetaflowTrigger"]["uri"])
            found.append((item["status"].lower(), document))
        return found

    def client(self, code: str) -> Any:
        return self.workshop.read(code)

    def polled(self) -> list[dict[str, Any]]:
        told = json.loads(self._command("list", "--backend", BACKEND, "--format", "json"))
        return list(told["poll_triggers"])

    def told(self) -> str:
        return self.engine.job_output()

    def _command(self, *words: str) -> str:
        done = self.workshop.python(*COMMANDS, *words)
        assert done.code == 0, done.out + done.err
        return done.out

    def _tick(self, deployed: str) -> None:
        """What EventBridge Scheduler does."""
        scheduler = self.engine.client("scheduler")
        target = scheduler.get_schedule(GroupName=names.schedule_group_name(deployed), Name="polls")["Target"]
        self.engine.client("stepfunctions").start_execution(
            stateMachineArn=target["Arn"], name=f"tick-{uuid.uuid4()}", input=target["Input"]
        )


@pytest.mark.long
def test_the_documents_patterns_start_the_runs_that_they_say(engine: Engine, workshop: Workshop) -> None:
    with polled_patterns.sources() as looked_at:
        assert polled_patterns.play(Account(engine, workshop), looked_at) == []
    assert not [path for path in engine.folder.rglob("*") if path.name == "pwned"]
