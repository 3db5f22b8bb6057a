"""Demo: the whole way of an event on AWS, on this machine (`make demo-aws`).

In:   nothing; the emulator is installed the first time.
Out:  what the literal `create` deployed, and what the run that an event started printed about its trigger.

Not here: anything of AWS that the emulator lacks, such as permissions. What is deployed and what the tasks run is what
`create` makes of an example; Batch's jobs are processes of this machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.unit.commands.conftest import ROOT, clean

from .engine import Engine, running_engine
from .installation import NotInstalled

FOLDER = ROOT / "build" / "demo-aws"
FLOW = "examples/trigger_details/flow.py"
EVENT = "data-updated"
PAYLOAD = {"user_id": "u-17", "note": 'it\'s "data" $(touch pwned) {{x}} \u2713'}


def main() -> int:
    """Show it; 0 if the payload arrived."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with running_engine(FOLDER) as engine:
            return _show(engine)
    except NotInstalled as reason:
        print(reason, file=sys.stderr)
        return 2


def _show(engine: Engine) -> int:
    print(f"1. An AWS that runs on this machine: {engine.url}\n")
    print(f"2. python {FLOW} step-functions create")
    made = _python(engine, FLOW, "--no-pylint", "step-functions", "create")
    print("".join(f"     {line}\n" for line in made.stderr.splitlines() if line.startswith(("created", "updated"))))
    if made.returncode:
        print(made.stderr, file=sys.stderr)
        return 1
    print(f"3. An event on the bus: {EVENT} {json.dumps(PAYLOAD, ensure_ascii=False)}\n")
    engine.put(EVENT, PAYLOAD, "demo-1")
    print("4. EventBridge -> starter -> EventProcessor -> its tasks, each a process that reads the event from S3 ...\n")
    engine.wait()
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


def _python(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = clean(Path(engine.folder), **engine.settings)
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
