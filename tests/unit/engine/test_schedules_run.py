"""A flow with a schedule under the real Metaflow: what fell due with no engine there is one run, without a trigger."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from metaflow_extensions.triggers.plugins.local_events import timestamp_text

FLOW = """import json
from metaflow import FlowSpec, Parameter, current, schedule, step, trigger

@schedule(cron='0/10 * * * ? *', timezone='Asia/Tokyo')
@trigger(event={'name': 'asked', 'parameters': ['size']})
class Nightly(FlowSpec):
    size = Parameter('size', default=3)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        with open('seen.jsonl', 'a') as file:
            file.write(json.dumps([self.size, current.trigger and current.trigger.payload]) + '\\n')

if __name__ == '__main__':
    Nightly()
"""


def test_missed_times_start_one_run_and_an_event_another(tmp_path: Path):
    (tmp_path / "flow.py").write_text(FLOW)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "METAFLOW_USER": "tester"}

    def triggers(*arguments: str) -> str:
        command = [sys.executable, "-m", "metaflow_triggers.commands.cli", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "started" not in triggers("run", "flow.py", "--until-idle")  # its first time is in the future
    triggers("emit", "asked", "--payload", '{"size": 5}')
    with sqlite3.connect(tmp_path / "metaflow-triggers.db") as connection:
        # As if the engine had ended an hour ago.
        due = timestamp_text(datetime.now(timezone.utc) - timedelta(hours=1))
        assert connection.execute("UPDATE schedules SET next_due = ?", (due,)).rowcount == 1
    told = triggers("run", "flow.py", "--until-idle")
    assert told.count("started") == 2, told
    assert "by schedule 0/10 * * * ? *, " in told and re.search("also for [56] earlier times", told)
    seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert sorted(seen, key=str) == [[3, None], [5, {"size": 5}]]
