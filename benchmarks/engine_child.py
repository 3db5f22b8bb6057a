"""Engine child: the processes that `benchmarks.engine` measures.

In:   `engine DATABASE`: one flow that event `tick` starts, with a no-op command in place of the flow; `keeping
      DATABASE`: the same, and it prunes; `taker DATABASE`: does to the database what a run does; `huey FILE`: a
      consumer of huey whose task runs the same command.
Out:  lines on standard output: what was issued, and when (seconds of the system's clock).

Not here: measuring.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import time

NO_OP = ["/bin/true"]


class Issued:
    """A run as the engine sees it: it has ended when the taker says so."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


class NoOp:
    """Starts a real process for each start. What a run writes to the database is written by one process for all:
    a Python process for each would measure how fast Python starts."""

    def __init__(self, database: str) -> None:
        self._taker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine_child", "taker", database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._runs: dict[int, Issued] = {}
        self._commands: list[subprocess.Popen[bytes]] = []
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        for line in self._taker.stdout:
            self._runs.pop(int(line)).code = 0

    def log_of(self, order) -> None:
        return None

    def serve(self, flows) -> None:
        """They all run the same command."""

    def launch(self, order) -> Issued:
        self._commands = [item for item in self._commands if item.poll() is None]
        self._commands.append(subprocess.Popen(NO_OP))
        print(order.start_id, time.time(), flush=True)
        run = self._runs[order.start_id] = Issued(self._taker.pid)
        self._taker.stdin.write(f"{order.start_id}\n")
        self._taker.stdin.flush()
        return run


def tick():
    """The flow."""
    from metaflow_triggers.model.flows import EventDependency, Filter, Flow, Options, Span, Trigger

    here = Span("flow.py", 1, 1, 1, 1)
    dependency = EventDependency("tick", (), Filter('{"start": [true]}'), None, here)
    trigger = Trigger("event", "any", True, (dependency,), False, Options(), here)
    return Flow("Tick", "flow.py", None, None, (), (trigger,), None, (), (), here)


def engine(database: str, keeps: bool = False) -> None:
    from metaflow_triggers.engine.loop import Engine
    from metaflow_triggers.engine.retention import Retention
    from metaflow_triggers.engine.waits import LocalFlow

    flow = tick()
    # What is measured is not how long runs take, so they have all the room they want.
    flows = [LocalFlow("Tick", flow)]
    sources = [Retention(database, flows)] if keeps else []
    made = Engine(database, flows, NoOp(database), sources=sources, max_runs=100_000)
    print("ready", flush=True)
    made.run()


def taker(database: str) -> None:
    from metaflow_extensions.triggers.plugins import local_events, local_runs

    connection = local_events.connect(database)
    # A no-op flow has nothing to keep: the disk's flushes are those of accepting and of starting.
    connection.execute("PRAGMA synchronous=OFF")
    for line in sys.stdin:
        start_id = int(line)
        if local_runs.begin(connection, start_id) is not None:
            local_runs.finish(connection, start_id, "succeeded")
        try:
            print(start_id, flush=True)
        except BrokenPipeError:  # the engine was ended
            return


def huey(file: str) -> None:
    from benchmarks.peer import queue

    made, _ = queue(file)
    consumer = made.create_consumer(workers=1, initial_delay=0.004, max_delay=0.012, check_worker_health=False)
    consumer.start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    {"engine": engine, "keeping": functools.partial(engine, keeps=True), "taker": taker, "huey": huey}[sys.argv[1]](
        sys.argv[2]
    )
