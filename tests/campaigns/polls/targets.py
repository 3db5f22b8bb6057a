"""Targets: the three pollers, each driven step by step in this process, with a clock that the story moves.

In:   a story's steps.
Out:  what is there after it: runs with what they were given, and the records that people read.

Not here: what is right. The pollers, what they keep and what they ask for is the product's: SQLite; Argo's objects in
the Kubernetes stand-in, over HTTP; AWS in moto. Polls answer at once. A crash is an exception that nothing catches,
after which the object is used no more.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from metaflow_extensions.triggers.contract import words
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_extensions.triggers.plugins.argo_source import document_of
from metaflow_triggers.backends.argo.compile import poller as argo_poller
from metaflow_triggers.backends.argo.compile.names import own_name
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.polls import records as argo_records
from metaflow_triggers.backends.step_functions.deploy.calls import Clients as CommandClients
from metaflow_triggers.backends.step_functions.polls import records as aws_records
from metaflow_triggers.engine import issue, pauses
from metaflow_triggers.engine.polls import records as local_records
from metaflow_triggers.engine.polls.claims import Fire
from metaflow_triggers.engine.polls.poller import Poller as LocalPoller
from metaflow_triggers.engine.store import transaction
from metaflow_triggers.model.flows import Parameter, Span
from metaflow_triggers.model.names import poll_slug
from metaflow_triggers.poll import Context, TriggerResult
from metaflow_triggers.polling.argo.api import Api
from metaflow_triggers.polling.argo.starting import Workflows
from metaflow_triggers.polling.argo.store import ConfigMaps, LeaseObject
from metaflow_triggers.polling.aws.starting import Documents, Executions
from metaflow_triggers.polling.aws.store import Items, LeaseItem, Table, key_of
from metaflow_triggers.polling.fires import Target as PollTarget
from metaflow_triggers.polling.lease import SECONDS, Lease
from metaflow_triggers.polling.poller import Poller

from ...unit.poll.world import AtOnce, Polled, World
from ...worlds.argo.deployments import connect
from ...worlds.argo.kubernetes_stand_in import KubernetesStandIn
from ...worlds.argo.poll_world import NAMESPACE
from ...worlds.argo.poll_world import PollWorld as ArgoWorld
from ...worlds.argo.poll_world import flow as argo_flow
from ...worlds.argo.poll_world import poll as argo_poll
from ...worlds.aws.poll_world import BUCKET, ROOT
from ...worlds.aws.poll_world import PollWorld as AwsWorld
from ...worlds.aws.poll_world import declared as aws_declared
from .model import Answer, Begin, ClockStep, End, Kind, Pause, Round, Step, Switch
from .story import LONG, NAMES

ROUND_SECONDS = 10.0
FLOW = "Polled"
_BEAT = 5.0
_HERE = Span("polls.py", 1, 1, 1, 1)
_numbers = itertools.count()


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Plan:
    """What is to happen in a round: of which trigger, "before", "after", "store" or "start", and where."""

    trigger: str = ""
    what: str = ""
    where: int = 0
    is_stored: bool = False

    @classmethod
    def of(cls, step: Round) -> Plan:
        """Of a step."""
        return cls(*(step.crash or step.fault or ("", "")), where=step.where)

    @property
    def is_crash(self) -> bool:
        return self.what in ("before", "after")


class Target(Protocol):
    """One of the three."""

    def play(self, step: Step) -> None:
        """Do one step."""

    def accepted(self, trigger: str) -> list[Any]:
        """The contexts of its starts, the oldest first, as they are stored."""

    def runs(self, trigger: str) -> list[Any]:
        """The payloads of its runs, in the order in which they were made."""

    def schedule(self, trigger: str) -> dict[str, Any]:
        """The record of a trigger."""

    def history(self, trigger: str) -> list[dict[str, Any]]:
        """The records of its starts."""

    def rest(self) -> None:
        """The poller ends as it is told to."""

    def close(self) -> None:
        """Leave nothing behind."""


@dataclass
class _Answers(AtOnce):
    """Polls that answer what the round says."""

    of_round: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        AtOnce.__init__(self)

    def know(self, names: Any) -> None:
        self.functions = {name: lambda name=name: self._answer(name) for name in names}

    def _answer(self, name: str) -> Any:
        answer = self.of_round.get(name, Answer("skip"))
        if answer.what == "error":
            raise RuntimeError("not today")
        if answer.what == "skip":
            return TriggerResult.skip()
        return TriggerResult.fire(Context(answer.context))


def parameters(required: str | None) -> tuple[Parameter, ...]:
    """Of the flow."""
    return () if required is None else (Parameter(required, "json", True, False, False, _HERE),)


class _Driven:
    """What the three have in common: which step is which."""

    clock: Any

    def play(self, step: Step) -> None:
        if isinstance(step, Round):
            self.round(step, Plan.of(step))
        elif isinstance(step, End):
            self.end(step)
        elif isinstance(step, Switch):
            self.switch(step)
        elif isinstance(step, Pause):
            self.pause(step.on)
        elif isinstance(step, ClockStep):
            self.clock.wall += timedelta(seconds=step.seconds)
        else:
            self.begin(step)

    def round(self, step: Round, plan: Plan) -> None:
        raise NotImplementedError

    def end(self, step: End) -> None:
        raise NotImplementedError

    def switch(self, step: Switch) -> None:
        raise NotImplementedError

    def pause(self, on: bool) -> None:
        raise NotImplementedError

    def begin(self, step: Begin) -> None:
        raise NotImplementedError


# on this machine ------------------------------------------------------------------------------------------------------


class _Failing(LocalPoller):
    """The engine's, which ends, or whose disk is full, where the plan says so."""

    plan = Plan()

    def _store(self, fire: Fire) -> str:
        plan = self.plan
        if plan.trigger != fire.target.trigger or plan.what not in ("before", "after", "store"):
            return super()._store(fire)
        if plan.what == "store":
            raise sqlite3.OperationalError("disk I/O error")
        if plan.what == "after":
            super()._store(fire)
        raise Crash


class Local(_Driven):
    """The engine's poller on a database; its runs begin as the engine has them begin."""

    def __init__(self, folder: Path, first: dict[str, Kind], required: str | None) -> None:
        folder.mkdir()
        self.world, self.required = World(folder), required
        self.clock = self.world.clock
        self.hosts, self.poller = _Answers(), None
        self.begin(Begin(first))

    def begin(self, step: Begin) -> None:
        if self.poller is not None and step.killed:
            self._leave()
        elif self.poller is not None:
            self.rest()
        self.hosts.know(step.declared)
        triggers = [
            Polled(
                "polls.py",
                PollTarget(
                    name, FLOW, FLOW, parameters(self.required), kind.allow_concurrent, kind.dedup, kind.dedup_keys
                ),
                f"{10 * kind.rounds}s",
                10_000 * kind.rounds,
            )
            for name, kind in step.declared.items()
        ]
        self.hosts.served = {}
        self.poller = _Failing(self.world.path, triggers, self.clock, self.hosts)
        for connection in (self.poller._rows, self.poller._flags, self.poller._claims, self.world.connection):
            connection.execute("PRAGMA synchronous = OFF")  # no machine loses its power here
        self.hosts.start(self.poller)
        self.poller.upkeep()
        while not all(state.owned for state in self.poller._states.values()):
            self.clock.move(3.0)  # until the heartbeat of the one before stands still
            self.poller.upkeep()
        self.is_new = True

    def round(self, step: Round, plan: Plan) -> None:
        assert self.poller is not None
        if not self.is_new:
            self.clock.move(ROUND_SECONDS)
        self.is_new = False
        self.poller.upkeep()
        self._issue("")  # what has waited, as the others begin it with a tick
        self.hosts.of_round, self.poller.plan = step.answers, plan
        with contextlib.suppress(Crash):
            self.poller.step()
        self.poller.plan = Plan()
        if plan.is_crash:
            return
        self.poller.upkeep()
        self._issue(plan.trigger if plan.what == "start" else "")

    def _issue(self, but: str) -> None:
        """As the engine does, but for a trigger whose runs do not come to begin."""
        connection = self.world.connection
        with transaction(connection):
            orders = issue.take(
                connection,
                [FLOW],
                most={FLOW: None},
                running={},
                limit=10_000,
                me=issue.owner(),
                now=self.clock.wall,
            )
            late = [order.start_id for order in orders if order.reason == f"poll {but}"]
            connection.executemany(
                "UPDATE starts SET owner_pid = NULL, owner_started = NULL, attempts = 0 WHERE id = ?",
                [(one,) for one in late],
            )
        for order in orders:
            if order.start_id not in late:
                assert local_runs.begin(connection, order.start_id) is not None
                local_runs.name_run(connection, order.start_id, f"run-{order.start_id}")
                self._order.append(order.start_id)

    @property
    def _order(self) -> list[int]:
        return self.__dict__.setdefault("order", [])

    def end(self, step: End) -> None:
        (start,) = self.world.connection.execute(
            "SELECT starts.id FROM starts JOIN poll_claims USING (flow_key, start_key)"
            " WHERE trigger_name = ? AND generation = ?",
            (step.trigger, step.generation),
        ).fetchone()
        why = None if step.how == "succeeded" else "because"
        assert local_runs.finish(self.world.connection, start, step.how, why)

    def switch(self, step: Switch) -> None:
        local_records.set_enabled(self.world.connection, step.trigger, step.on)

    def pause(self, on: bool) -> None:
        if on:
            self.world.connection.execute("INSERT INTO paused VALUES (?, 'now') ON CONFLICT DO NOTHING", (FLOW,))
        else:
            pauses.resume(self.world.connection, None)

    def accepted(self, trigger: str) -> list[Any]:
        return [row["context"] for row in reversed(self.history(trigger))]

    def runs(self, trigger: str) -> list[Any]:
        found = {row["id"]: row for row in self.world.starts()}
        documents = [found[one]["document"] for one in self._order]
        return [item["events"][0]["event"]["payload"] for item in documents if _is_of(item, trigger)]

    def schedule(self, trigger: str) -> dict[str, Any]:
        found = local_records.schedule(self.world.connection, trigger)
        assert found is not None
        return found

    def history(self, trigger: str) -> list[dict[str, Any]]:
        return local_records.history(self.world.connection, trigger)

    def rest(self) -> None:
        assert self.poller is not None
        self.poller.stop(0)
        self.poller = None

    def _leave(self) -> None:
        assert self.poller is not None
        for connection in (self.poller._rows, self.poller._flags, self.poller._claims):
            connection.close()
        self.poller = None

    def close(self) -> None:
        if self.poller is not None:
            self._leave()
        self.world.close()


def _is_of(document: Any, trigger: str) -> bool:
    return bool(document["events"][0]["event"]["name"] == trigger)


# on the clouds --------------------------------------------------------------------------------------------------------

Hook = Callable[[str, bool, str], None]
"""Told before (False) and after (True) a request what it is: "read", "start" a run, or "write" with the number of the
trigger's last fire; and of which trigger, where that is known."""


class _Cloud(_Driven):
    """A poller of `polling.poller`; where it keeps things is said by those below."""

    def __init__(self, first: dict[str, Kind], required: str | None) -> None:
        from ...unit.poll.world import HandClock

        self.clock, self.required = HandClock(), required
        self.hosts, self.poller, self.plan = _Answers(), None, Plan()
        self.holders = itertools.count()
        self.stored: dict[str, int] = {}
        self.begin(Begin(first))

    def make(self, lease: Callable[[Any], Lease], keys: list[str]) -> Poller:
        raise NotImplementedError

    def declare(self, declared: dict[str, Kind]) -> None:
        raise NotImplementedError

    def poller_of(self, store: Any, runs: Any, keys: list[str], place: Any, holder: str) -> Poller:
        lease = Lease(place, holder, monotonic=self.clock.monotonic, now=self.clock.now, seconds=float(SECONDS))
        self.lease = lease
        return Poller(
            store, runs, keys, lease, hosts=self.hosts, clock=self.clock, root="", lease_seconds=float(SECONDS)
        )

    def begin(self, step: Begin) -> None:
        if self.poller is not None and not step.killed:
            self.rest()
        self.poller = None
        self.declare(step.declared)
        self.hosts.know(step.declared)
        self.hosts.served = {}
        self.poller = self.made(step)
        self.hosts.start(self.poller)
        self._beat()
        while self.lease.epoch is None:
            self.clock.move(_BEAT)
            self._beat()
        self.is_new = True

    def made(self, step: Begin) -> Poller:
        raise NotImplementedError

    def _beat(self) -> None:
        assert self.poller is not None
        self.poller.upkeep()
        self.poller.work()

    def round(self, step: Round, plan: Plan) -> None:
        assert self.poller is not None
        if not self.is_new:
            self.clock.move(ROUND_SECONDS)  # less than what a lease is sure for
            self._beat()
        self.is_new = False
        self.hosts.of_round, self.plan = step.answers, plan
        try:
            self.poller.step()
            self.poller.work()
        except Crash:
            assert plan.is_crash
        finally:
            self.plan = Plan()
        if plan.is_crash:
            self.poller = None

    def hook(self, what: str, is_after: bool, trigger: str) -> None:
        """Fail here, if the plan says so."""
        plan = self.plan
        if what.startswith("write "):
            generation = int(what.partition(" ")[2])
            if generation > self.stored.get(trigger, 0):
                what = "store"
                if is_after:
                    self.stored[trigger] = generation
        if not plan.what:
            return
        if what == "store" and trigger == plan.trigger:
            plan.is_stored = plan.is_stored or is_after
            if plan.what == "before" and not is_after:
                raise Crash
        if what == plan.what in ("store", "start") and trigger == plan.trigger and is_after == bool(plan.where % 2):
            plan.what = ""
            raise OSError("no answer")
        if plan.what == "after" and plan.is_stored:
            if plan.where == 0:
                raise Crash
            plan.where -= 1

    def rest(self) -> None:
        if self.poller is not None:
            self.poller.stop(0)
        self.poller = None

    def close(self) -> None:
        self.poller = None


class _HookedApi(Api):
    """A pod's API, which tells of its requests."""

    def __init__(self, url: str, folder: str, hook: Hook) -> None:
        super().__init__(url, folder)
        self._hook = hook

    def request(self, method: str, path: str, item: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        what, trigger = "read", ""
        if method == "PUT":
            what = "write"
            data = (item or {}).get("data")
            if data and "state" in data:
                trigger = json.loads(data["declaration"])["name"]
                what = f"write {json.loads(data['state'])['generation']}"
        elif method == "POST":
            what, trigger = "start", _trigger_of(item)
        self._hook(what, False, trigger)
        answer = super().request(method, path, item)
        self._hook(what, True, trigger)
        return answer


def _trigger_of(workflow: Any) -> str:
    document = document_of(workflow)
    assert document is not None
    return str(document["events"][0]["event"]["name"])


class Argo(_Cloud):
    """A pod's poller in the Kubernetes stand-in."""

    def __init__(self, folder: Path, first: dict[str, Kind], required: str | None) -> None:
        folder.mkdir()
        self.folder = folder
        self.server = KubernetesStandIn()
        self.server.__enter__()
        self.client = connect(self.server.url)
        self.flow = argo_flow(FLOW, parameters(required))
        self.world = ArgoWorld(self.server, folder, "", self.flow, [])
        self.at = argo_records.Namespace(Cluster.of(self.client), NAMESPACE)
        super().__init__(first, required)

    def declare(self, declared: dict[str, Kind]) -> None:
        self.world.apply(
            [
                argo_poll(
                    name,
                    interval=10_000 * kind.rounds,
                    allow_concurrent=kind.allow_concurrent,
                    dedup=kind.dedup,
                    dedup_keys=kind.dedup_keys,
                )
                for name, kind in declared.items()
            ]
        )

    def made(self, step: Begin) -> Poller:
        holder = "pod" if step.where % 2 else f"pod-{next(self.holders)}"
        api = _HookedApi(self.server.url, str(self.folder), lambda *told: self.hook(*told))
        deployed = own_name(self.flow)
        path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{argo_poller.poller_name(deployed)}"
        keys = sorted(argo_poller.config_map_name(deployed, name) for name in step.declared)
        return self.poller_of(
            ConfigMaps(api, NAMESPACE), Workflows(api, NAMESPACE), keys, LeaseObject(api, path), holder
        )

    def end(self, step: End) -> None:
        (claim,) = (one for one in self.world.claims(step.trigger) if one["generation"] == step.generation)
        key = ("/apis/argoproj.io/v1alpha1", NAMESPACE, "workflows", claim["name"])
        item = json.loads(json.dumps(self.server.store.objects[key]))
        item["status"] = {"phase": "Succeeded" if step.how == "succeeded" else "Failed"}
        if step.how != "succeeded":
            item["status"]["message"] = "because"
        if step.how == "aborted":
            item["spec"]["shutdown"] = "Terminate"
        self.server.store.save(key, item)

    def switch(self, step: Switch) -> None:
        argo_records.set_enabled(self.at, step.trigger, step.on)

    def pause(self, on: bool) -> None:
        argo_records.set_paused(self.at, None, on)

    def accepted(self, trigger: str) -> list[Any]:
        return [_stored(claim) for claim in self.world.claims(trigger)]

    def runs(self, trigger: str) -> list[Any]:
        documents = [document_of(item) for item in self.world.workflows()]
        return [item["events"][0]["event"]["payload"] for item in documents if item and _is_of(item, trigger)]

    def schedule(self, trigger: str) -> dict[str, Any]:
        found = argo_records.schedule(self.at, trigger)
        assert found is not None
        return found

    def history(self, trigger: str) -> list[dict[str, Any]]:
        return argo_records.history(self.at, trigger)

    def close(self) -> None:
        super().close()
        self.client.close()
        self.server.__exit__(None, None, None)


class _HookedClient:
    """A client of boto3, which tells of its requests."""

    def __init__(self, client: Any, hook: Hook) -> None:
        self._client, self._hook = client, hook

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def asked(**given: Any) -> Any:
            what, trigger = "read", ""
            if name == "update_item":
                what = "write"
                state = given["ExpressionAttributeValues"].get(":v1", {}).get("S", "")
                if given["Key"]["pk"]["S"].startswith("trigger#") and state.startswith("{"):
                    trigger = given["Key"]["pk"]["S"].removeprefix("trigger#")
                    what = f"write {json.loads(state)['generation']}"
            elif name == "start_execution":
                what, trigger = "start", self._trigger_of(given["name"])
            self._hook(what, False, trigger)
            answer = method(**given)
            self._hook(what, True, trigger)
            return answer

        return asked

    @staticmethod
    def _trigger_of(name: str) -> str:
        return next(known for known in NAMES if name.startswith(f"{words.POLLED_RUN}{poll_slug(known)}-"))


class Aws(_Cloud):
    """A job's poller in moto, which is at work in this process."""

    def __init__(self, folder: Path, first: dict[str, Kind], required: str | None, clients: Any) -> None:
        folder.mkdir()
        self.clients = clients
        server = SimpleNamespace(client=clients.__getitem__, front=SimpleNamespace(lock=contextlib.nullcontext()))
        self.world = AwsWorld(server, folder, [])  # type: ignore[arg-type]
        self.at = aws_records.Region(CommandClients(clients.__getitem__), "")
        super().__init__(first, required)

    def declare(self, declared: dict[str, Kind]) -> None:
        of = parameters(self.required)
        self.world.apply(
            [
                aws_declared(
                    name,
                    10_000 * kind.rounds,
                    parameters=of,
                    allow_concurrent=kind.allow_concurrent,
                    dedup=kind.dedup,
                    dedup_keys=kind.dedup_keys,
                )
                for name, kind in declared.items()
            ],
            "v",
        )

    def made(self, step: Begin) -> Poller:
        hooked = SimpleNamespace(
            **{
                mine: _HookedClient(self.clients[service], lambda *told: self.hook(*told))
                for mine, service in (("dynamodb", "dynamodb"), ("s3", "s3"), ("states", "stepfunctions"))
            }
        )
        items = Items(hooked.dynamodb, self.world.table)
        documents = Documents(BUCKET, f"{ROOT}/{self.world.deployed}")
        runs = Executions(
            hooked,  # type: ignore[arg-type]
            self.world.machine,
            documents,
            monotonic=self.clock.monotonic,
            now=self.clock.now,
        )
        declared = {key_of(one.name): one for one in self.world.polls}
        return self.poller_of(
            Table(items, declared), runs, sorted(declared), LeaseItem(items), f"job-{next(self.holders)}"
        )

    def end(self, step: End) -> None:
        (claim,) = (one for one in self._claims(step.trigger) if one["generation"] == step.generation)
        (run,) = (one for one in self.world.executions() if one.name == claim["name"])
        run.status = step.how.upper()
        if step.how != "succeeded":
            run.cause = "because"

    def switch(self, step: Switch) -> None:
        aws_records.set_enabled(self.at, step.trigger, step.on)

    def pause(self, on: bool) -> None:
        aws_records.set_paused(self.at, None, on)

    def _claims(self, trigger: str) -> list[Any]:
        return list(self.world.stored(key_of(trigger)).get("claims", ()))

    def accepted(self, trigger: str) -> list[Any]:
        return [_stored(claim) for claim in self._claims(trigger)]

    def runs(self, trigger: str) -> list[Any]:
        documents = [self.world.document(one.name) for one in self.world.executions()]
        return [item["events"][0]["event"]["payload"] for item in documents if _is_of(item, trigger)]

    def schedule(self, trigger: str) -> dict[str, Any]:
        found = aws_records.schedule(self.at, trigger)
        assert found is not None
        return found

    def history(self, trigger: str) -> list[dict[str, Any]]:
        return aws_records.history(self.at, trigger)

    def close(self) -> None:
        super().close()
        self.clients["dynamodb"].delete_table(TableName=self.world.table)


def _stored(claim: Any) -> Any:
    """The context of a claim; of a long one, what it was given."""
    return LONG if claim["context"] is None else json.loads(claim["context"])
