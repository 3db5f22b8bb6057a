"""Demo: the whole way of an event on AWS, on this machine (`make demo-aws`).

In:   nothing; the emulator is installed the first time.
Out:  what the literal `create` deployed, and what the run that an event started printed about its trigger.

Not here: pytest, which who only looks has not installed; anything of AWS that the emulator lacks, such as permissions.
What is deployed and what the tasks run is what `create` makes of an example; jobs of Batch are processes here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .engine import Engine, running_engine
from .installation import NotInstalled, is_installed

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "build" / "demo-aws"
FLOW = "examples/trigger_details/flow.py"
EVENT = "data-updated"
PAYLOAD = {"user_id": "u-17", "note": 'it\'s "data" $(touch pwned) {{x}} \u2713'}


def main() -> int:
    """Show it; 0 if the payload arrived."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    if not is_installed():
        _say("0. The emulator is installed in .venv-ministack, once: about a minute ...\n")
    try:
        with running_engine(FOLDER) as engine:
            return _show(engine)
    except NotInstalled as reason:
        print(reason, file=sys.stderr)
        return 2


def _show(engine: Engine) -> int:
    _say(f"1. An AWS that runs on this machine: {engine.url}\n")
    _say(f"2. python {FLOW} step-functions create")
    made = _python(engine, FLOW, "--no-pylint", "step-functions", "create")
    _say("".join(f"     {line}\n" for line in made.stderr.splitlines() if line.startswith(("created", "updated"))))
    if made.returncode:
        print(made.stderr, file=sys.stderr)
        return 1
    _say(f"3. An event on the bus: {EVENT} {json.dumps(PAYLOAD, ensure_ascii=False)}\n")
    engine.put(EVENT, PAYLOAD, "demo-1")
    _say("4. EventBridge -> starter -> EventProcessor -> its tasks, each a process that reads the event from S3 ...")
    _wait(engine)
    code = (
        "from metaflow import Flow, namespace; namespace(None); run = Flow('EventProcessor').latest_successful_run\n"
        "print(run.pathspec); print(run['start'].task.stdout)"
    )
    read = _python(engine, "-c", code)
    if read.returncode:
        print(read.stderr + engine.job_output(), file=sys.stderr)
        return 1
    run, _, printed = read.stdout.partition("\n")
    print(f"5. Metaflow's client finds the run {run};\n   what it printed of `current.trigger`:\n")
    print("".join(f"     {line}\n" for line in printed.splitlines() if line.startswith(("Triggered", "Payload"))))
    return 0 if str(PAYLOAD) in printed and not list(FOLDER.rglob("pwned")) else 1


def _wait(engine: Engine) -> None:
    """Until all executions have ended; says how far they are whenever that changes."""
    said = None
    while True:
        running, tasks = engine.state()["running"], len(list(Path(engine.folder).glob("jobs/*")))
        if (running, tasks) != said:
            _say(f"     state machines under way: {running}, tasks so far: {tasks}")
        said = (running, tasks)
        if not running:
            _say("")
            return
        time.sleep(0.2)


def _say(line: str) -> None:
    print(line, flush=True)


def _python(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(engine.folder), **engine.settings}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
