"""The local engine's column of the table: how each situation is made on its database.

In:   a folder.
Out:  `MADE`: name of a situation -> what makes it and asks; `CANNOT`: name -> why this target cannot have it.

Not here: what is expected (`situations`). Runs end at once (`tests.unit.engine.bench`), but for the conversion of
values, which is the contract's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.engine import keep, retention, store
from metaflow_triggers.engine.polls import claims
from metaflow_triggers.engine.polls import store as poll_store
from metaflow_triggers.engine.trail.ask import ask
from metaflow_triggers.polling.fires import Target
from metaflow_triggers.trail.answer import Answer
from metaflow_triggers.trail.question import Asked, Question

from tests.unit.engine.bench import AtOnce, Bench, Ended
from tests.unit.engine.flows import all_of, any_of, event, flow, integer, needed, with_options

CANNOT = {
    "gone": "nothing is deployed that could be deleted: an engine serves the files that it is given (no-engine)",
    "wrong-bus": "the database is the bus; to ask another one is never-came",
    "no-right": "an engine starts runs as the user who started it",
    "throttled": "nobody throttles; a bound on runs is busy",
    "dead-letter": "there is no queue: a refused start is a row with its reason (missing-field, before-user-code)",
}


class Converting(AtOnce):
    """Launches that convert the values of the events as a run does, and fail as it does."""

    def __init__(self, database: str, types: dict[str, str]) -> None:
        super().__init__(database)
        self.types = types

    def launch(self, order: Any) -> Ended:
        connection = local_events.connect(self.database)
        try:
            begun = local_runs.begin(connection, order.start_id)
            assert begun is not None
            local_runs.name_run(connection, order.start_id, f"run-{order.start_id}")
            try:
                parameter_values.parameters_for(exact_json.loads(begun[1]), self.types)
                local_runs.finish(connection, order.start_id, "succeeded")
            except event_reader.EventError as error:
                local_runs.finish(connection, order.start_id, "failed", str(error))
        finally:
            connection.close()
        return Ended(os.getpid(), 0)


class World:
    """One database; `ask` asks about flow `F` of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bench: Bench = Bench(folder)

    def serve(self, *flows: Any, ends: Any = lambda order: "succeeded", **options: Any) -> None:
        """An engine that works until it is idle, or for some turns where runs go on."""
        self.bench = Bench(self.folder, *flows)
        self.engine = self.bench.engine(ends, **options)

    def turn(self, number: int = 4) -> None:
        for _ in range(number):
            self.engine.turn()

    def emit(self, name: str, payload: Any = None, identity: str = "id-1") -> None:
        self.bench.emit(name, payload, identity)

    def execute(self, statement: str, *values: Any) -> None:
        connection = store.connect(self.bench.path)
        connection.execute(statement, values)
        connection.close()

    def ask(self, identity: str = "id-1", event: str | None = None, payload: Any = None) -> list[Answer]:
        asked = tuple(Asked(item.key, item.key, item.flow) for item in self.bench.flows)
        return ask(Question(identity, event, payload, asked), self.bench.path, self.bench.clock.now())

    def close(self) -> None:
        self.bench.close()


PAID = any_of(event("paid", filter='{"order": {"customer": {"tier": ["gold", {"prefix": "plat"}]}}}'))
BOTH = all_of(event("paid"), event("sent"))
DAILY = with_options(BOTH, reset_at={"cron": "0 0 * * *"})


def started(world: World, payload: Any = None, trigger: Any = any_of(event("paid")), **more: Any) -> list[Answer]:  # noqa: B008
    world.serve(flow("F", trigger, **more))
    world.turn(1)
    world.emit("paid", payload)
    world.turn()
    return world.ask()


def whole_set(world: World) -> list[Answer]:
    started(world, trigger=BOTH)
    world.emit("sent", identity="id-2")
    world.turn()
    return world.ask()


def duplicate(world: World) -> list[Answer]:
    started(world)
    world.emit("paid")
    world.turn()
    assert len(world.bench.rows()) == 1
    return world.ask()


def failed_in_a_step(world: World) -> list[Answer]:
    started(world)
    world.execute("UPDATE starts SET state = 'failed', step = 'train', error = 'Step *train* failed'")
    return world.ask()


def wrong_type(world: World) -> list[Answer]:
    world.serve(
        flow("F", any_of(event("paid", ("n", "n"))), parameters=[integer("n")]),
        launcher=Converting(str(world.folder / "triggers.db"), {"n": "int"}),
    )
    world.turn(1)
    world.emit("paid", {"n": "seven"})
    world.turn()
    return world.ask()


def missing(world: World, trigger: Any) -> list[Answer]:
    return started(world, {"other": 1}, trigger, parameters=[needed("n")])


def half_a_set(world: World) -> list[Answer]:
    return started(world, trigger=DAILY)


def set_reset(world: World, other_came: bool = False) -> list[Answer]:
    started(world, trigger=DAILY)
    world.bench.clock.forward(24 * 3600)
    if other_came:
        world.emit("sent", identity="id-2")
        world.turn()
    return world.ask()


def set_replaced(world: World) -> list[Answer]:
    started(world, trigger=BOTH)
    world.emit("paid", identity="id-2")
    world.turn()
    return world.ask()


def other_payload(world: World) -> list[Answer]:
    started(world, {"n": 1})
    return world.ask(event="paid", payload={"n": 2})


def two_names(world: World) -> list[Answer]:
    started(world)
    world.emit("sent")
    return [answer for answer in world.ask() if answer.event == "paid"]


def paused(world: World) -> list[Answer]:
    world.serve(flow("F", any_of(event("paid"))))
    world.execute("INSERT INTO paused VALUES ('F', '2026-01-05T11:00:00.000000+00:00')")
    world.turn(1)
    world.emit("paid")
    world.turn()
    return world.ask()


def poll(world: World, *, fires: int, enabled: bool = True, context: Any = None, **more: Any) -> list[Answer]:
    world.serve(flow("F", **more), ends=lambda order: None)
    world.turn(1)
    connection = store.connect(world.bench.path)
    now = world.bench.clock.now()
    with store.transaction(connection):
        poll_store.register(connection, [poll_store.Registration("looks", "F", "1s", 1000, False)], now)
        poll_store.enter(connection, "me", os.getpid(), "x")
        watch = poll_store.Watch(lambda pid, begun: True)
        epoch = poll_store.acquire(connection, "me", ["looks"], watch, 0.0)["looks"]
    results = []
    for tick in range(fires):
        fire = claims.Fire(Target("looks", "F", "F", ()), context or {"file": "a"}, epoch, tick, now)
        results.append({"claimed": "fire"}.get(told := claims.claim(connection, "me", fire, now), told))
        world.turn(2)
    polled = poll_store.Polled("looks", now, now, results[-1] if results else "skip", None, 0, 0, None)
    with store.transaction(connection):
        poll_store.save(connection, "me", [polled])
        connection.execute("UPDATE poll_triggers SET enabled = ?", (int(enabled),))
    connection.close()
    return world.ask("looks")


def busy(world: World) -> list[Answer]:
    world.serve(flow("F", any_of(event("paid"))), ends=lambda order: None, max_runs=1)
    world.turn(1)
    world.emit("paid", identity="id-0")
    world.emit("paid")
    world.turn()
    return world.ask()


def before_user_code(world: World) -> list[Answer]:
    started(world)
    world.execute("UPDATE starts SET state = 'failed', run_id = NULL, error = 'no such file'")
    return world.ask()


def lost(world: World) -> list[Answer]:
    world.serve(flow("F", any_of(event("paid"))), ends=lambda order: "lost")
    world.turn(1)
    world.emit("paid")
    world.turn()
    return world.ask()


def of_a_project(world: World, name: str) -> list[Answer]:
    world.serve(flow("F", any_of(event("shop.user.me.paid")), project="shop", branch="user.me"))
    world.turn(1)
    world.emit(name)
    world.turn()
    return world.ask()


def misspelt(world: World) -> list[Answer]:
    world.serve(flow("F", any_of(event("paid"))))
    world.emit("payd")
    world.turn()
    return world.ask()


def no_engine(world: World) -> list[Answer]:
    started(world)
    world.emit("paid", identity="id-2")
    return world.ask("id-2")


def listened_later(world: World) -> list[Answer]:
    world.serve(flow("G", any_of(event("sent"))))
    world.turn(1)
    world.emit("paid")
    world.turn()
    world.serve(flow("F", any_of(event("paid"))))
    world.turn()
    return world.ask()


def pruned(world: World) -> list[Answer]:
    started(world)
    world.emit("paid", identity="id-2")
    world.turn()
    world.bench.clock.forward(timedelta(days=60).total_seconds())
    connection = store.connect(world.bench.path)
    keep.write(connection, keep.Keep(days=30))
    pruning = retention.Retention(world.bench.path, world.bench.flows, clock=world.bench.clock)
    assert pruning.step(connection) == 2, "a start, and the older of two events"
    connection.close()
    return world.ask()


def never_came(world: World, payload: Any = None, event_name: str | None = None) -> list[Answer]:
    world.serve(flow("F", PAID))
    world.turn(1)
    return world.ask("id-9", event_name, payload)


def cannot_be_asked(world: World) -> list[Answer]:
    started(world)
    world.close()
    data = bytearray(Path(world.bench.path).read_bytes())
    for place in range(4096, len(data), 512):
        data[place : place + 64] = b"\xff" * 64
    Path(world.bench.path).write_bytes(data)
    for end in ("-wal", "-shm"):
        Path(world.bench.path + end).unlink(missing_ok=True)
    return world.ask()


LIST = any_of(event("paid", filter='{"items": {"kind": ["a"], "size": [2]}}'))
TWO = any_of(event("paid", filter='{"kind": ["a"]}'), event("paid", filter='{"kind": ["b"]}'))
NUMBER = any_of(event("paid", filter='{"n": [{"numeric": [">", 5]}], "kind": ["a"]}'))
FIELD = any_of(event("paid", ("n", "deep.n")))
SET_FIELD = all_of(event("paid", ("n", "deep.n")), event("sent"))

MADE: dict[str, Callable[[World], list[Answer]]] = {
    "right-start": started,
    "whole-set": whole_set,
    "duplicate": duplicate,
    "failed-in-a-step": failed_in_a_step,
    "filter-at-depth": lambda world: started(world, {"order": {"customer": {"tier": "tin"}}}, PAID),
    "filter-in-a-list": lambda world: started(
        world, {"items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}]}, LIST
    ),
    "two-filters": lambda world: started(world, {"kind": "c"}, TWO),
    "long-number": lambda world: started(world, json.loads('{"n": 12345678901234567890, "kind": "b"}'), NUMBER),
    "missing-field": lambda world: missing(world, FIELD),
    "missing-field-in-set": lambda world: missing(world, SET_FIELD),
    "wrong-type": wrong_type,
    "half-a-set": half_a_set,
    "set-reset": set_reset,
    "set-replaced": set_replaced,
    "other-payload": other_payload,
    "same-id-two-names": two_names,
    "paused": paused,
    "disabled": lambda world: poll(world, fires=0, enabled=False),
    "busy": busy,
    "before-user-code": before_user_code,
    "lost": lost,
    "other-branch": lambda world: of_a_project(world, "shop.test.x.paid"),
    "other-project": lambda world: of_a_project(world, "store.user.me.paid"),
    "misspelt": misspelt,
    "suppressed-poll": lambda world: poll(world, fires=2),
    "no-engine": no_engine,
    "listened-later": listened_later,
    "pruned": pruned,
    "never-came": lambda world: never_came(world, {"order": {"customer": {"tier": "gold"}}}),
    "never-came-and-no": lambda world: never_came(world, {"order": {}}),
    "never-came-unknown": never_came,
    "cannot-be-asked": cannot_be_asked,
}
