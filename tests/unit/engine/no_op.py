"""In place of a flow: takes the start, writes down that it ran, tells the outcome. May be killed at any statement.

`python -I -S no_op.py RUNTIME LEDGER PROBABILITY START`
"""

import os
import random
import signal
import sys

sys.path.insert(0, sys.argv[1])
from metaflow_extensions.triggers.plugins import local_events, local_runs

ledger, probability, start = sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
connection = local_events.connect(os.environ["METAFLOW_TRIGGERS_DATABASE"])
if random.random() < probability:
    left = random.randrange(1, 8)

    def count(statement: str) -> None:
        global left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(count)
if local_runs.begin(connection, start) is None:
    sys.exit(local_runs.TAKEN)
with open(ledger, "ab", buffering=0) as file:
    file.write(f"{start}\n".encode())
local_runs.name_run(connection, start, f"run-{start}")
local_runs.finish(connection, start, "succeeded")
