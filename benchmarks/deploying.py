"""What `metaflow-triggers create` over many flows costs, beside the command of one flow as many times.

In:   how many flows; how many single commands are measured, of which the rest is reckoned.
Out:  a line for each: processor seconds of the commands, wall time, requests to the emulated AWS.

`python -m benchmarks.deploying 50 5`. The emulator is in this process, whose time does not count. Both ways find
the same account, and everything in it as it shall be.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.unit.commands.test_create_many import flow
from tests.worlds.upstream.emulated_aws import Aws, clean_environment, emulated_aws


def measured(aws: Aws, folder: Path, environment: dict[str, str], *words: str) -> tuple[float, float, int, list[str]]:
    """Processor seconds, wall seconds, requests, those that write."""
    aws.recorder.asked.clear()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, *words], cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    reads = ("Describe", "Get", "List", "describe", "HEAD ", "GET ")
    writes = [one for one in aws.recorder.asked if not one.startswith(reads)]
    return spent, time.monotonic() - began, len(aws.recorder.asked), writes


def main(count: int, singles: int) -> None:
    with tempfile.TemporaryDirectory() as home, emulated_aws() as aws:
        folder = Path(home) / "flows"
        folder.mkdir()
        for number in range(count):
            before = f"@trigger_on_finish(flow='Flow{number - 1}')" if number else "@trigger(event='order-placed')"
            flow(folder, f"Flow{number}", before)
        environment = {**clean_environment(home), **aws.environment, "PYTHONPATH": os.pathsep.join(sys.path)}
        many = ("-m", "metaflow_triggers.commands.cli", "create", ".", "--backend", "step-functions")
        for what in ("first", "unchanged"):
            spent, wall, requests, writes = measured(aws, folder, environment, *many)
            print(
                f"{count} flows, {what}: {spent:.1f} s of a processor, {wall:.1f} s, "
                f"{requests} requests, {len(writes)} write"
            )
        alone = [
            measured(aws, folder, environment, f"flow{number}.py", "--no-pylint", "step-functions", "create")
            for number in range(singles)
        ]
        each = sum(one[0] for one in alone) / singles
        asked = sum(one[2] for one in alone) / singles
        print(
            f"one flow, unchanged: {each:.1f} s of a processor, {asked:.0f} requests; "
            f"{count} of them {each * count:.0f} s"
        )
        print(f"together it is 1/{each * count / spent:.1f} of that")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
