"""An engine in a process of its own, which kills itself at the Nth statement that it sends to the database.

`python worker.py DATABASE LEDGER STATEMENTS PROBABILITY [--until-idle]` (STATEMENTS 0: never)
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def flows():
    from tests.engine.flows import all_of, any_of, event, finished, flow, with_options

    return [
        flow("Any", any_of(event("x"), event("y"))),
        flow("Pairs", with_options(all_of(event("x"), event("y")), join="queue")),
        flow("Next", any_of(finished("Any", match=("success",)))),
        flow("Mourner", any_of(finished("Any", match=("failure",)))),
    ]


def main() -> None:
    from metaflow_triggers.engine.launch import CommandLauncher
    from metaflow_triggers.engine.loop import Engine
    from metaflow_triggers.engine.waits import local_flow

    database, ledger, statements, probability = sys.argv[1:5]
    no_op = [sys.executable, "-S", str(ROOT / "tests/engine/no_op.py"), str(ROOT / "runtime"), ledger, probability]
    engine = Engine(database, [local_flow(item) for item in flows()], CommandLauncher(database, no_op), max_runs=6)
    left = int(statements)
    if left:

        def count(statement: str) -> None:
            nonlocal left
            left -= not statement.startswith("PRAGMA")
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        engine.connection.set_trace_callback(count)
    print("ready", flush=True)
    engine.run(until_idle="--until-idle" in sys.argv)


if __name__ == "__main__":
    main()
