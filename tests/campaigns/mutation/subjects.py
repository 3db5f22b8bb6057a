"""What the mutations change: what the examples compile to, and flows that use what no example does.

In:   nothing.
Out:  `subject(name)`: a flow, the settings and the finished objects of one backend, new on each call.

Not here: mutations, checks. An example's objects are read from its whole output.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import yaml
from metaflow_triggers.backends import registry
from metaflow_triggers.graph.differences import restored
from metaflow_triggers.model.flows import (
    Constant,
    EventDependency,
    Filter,
    FinishDependency,
    Flow,
    Mapping,
    Options,
    Origin,
    Parameter,
    PayloadField,
    PollTrigger,
    Schedule,
    Span,
    Trigger,
    TriggerGraph,
)
from metaflow_triggers.model.settings import Settings

from tests.golden.examples import GOLDEN
from tests.golden.examples import examples as compiled_examples
from tests.golden.whole_outputs import compiled
from tests.settings import OPEN

BACKENDS = ("step-functions", "argo-workflows")
SPAN = Span("flow.py", 1, 1, 1, 2)
GRAPH = TriggerGraph((), (), (), ())

SETTINGS = dataclasses.replace(OPEN, code_package=False)

QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:alarms"


def _field(parameter: str, path: str) -> Mapping:
    return Mapping(parameter, PayloadField(path), SPAN)


def _constant(parameter: str, value: Any) -> Mapping:
    return Mapping(parameter, Constant(json.dumps(value)), SPAN)


def _event(name: str, *mappings: Mapping, filter: Any = None, origin: Any = None) -> EventDependency:
    pattern = None if filter is None else Filter(json.dumps(filter))
    return EventDependency(name, mappings, pattern, None if origin is None else Origin(json.dumps(origin)), SPAN)


def _finish(
    flow: str, *match: str, mappings: tuple[Mapping, ...] = (), filter: Any = None, project: str | None = None
) -> FinishDependency:
    pattern = None if filter is None else Filter(json.dumps(filter))
    branch = "prod" if project else None
    return FinishDependency(flow, project, branch, match or ("success",), mappings, pattern, SPAN)


def _trigger(*dependencies: Any, require: str = "any", **options: Any) -> Trigger:
    kind = "event" if isinstance(dependencies[0], EventDependency) else "finish"
    return Trigger(kind, require, True, dependencies, False, Options(json.dumps(options)), SPAN)


def _flow(name: str, *triggers: Trigger, required: tuple[str, ...] = (), schedule: Schedule | None = None) -> Flow:
    parameters = tuple(
        Parameter(item, "str", item in required, item not in required, False, SPAN)
        for item in ("country", "note", "order_id")
    )
    return Flow(name, "flow.py", None, None, parameters, triggers, schedule, (), (), SPAN)


FLOWS = {
    item.name: item
    for item in (
        _flow(
            "Picky",
            _trigger(
                _event(
                    "order-placed",
                    _field("order_id", "order.id"),
                    _constant("note", "from the shop"),
                    filter={"country": ["DE", {"prefix": "A"}], "total": [{"numeric": [">=", 100, "<", 5000]}]},
                ),
                _event("order-changed", _field("order_id", "id"), filter={"test": [{"exists": False}]}),
            ),
            _trigger(
                _finish("Nightly", "failure", "timeout", mappings=(_field("note", "error"),), project="shop"),
                _finish("Hourly", "success"),
            ),
            required=("order_id",),
            schedule=Schedule("30 6 ? * MON-FRI *", "Europe/Berlin", SPAN),
        ),
        _flow(
            "Gather",
            _trigger(
                _event("left", _field("order_id", "id"), filter={"side": ["l"]}),
                _event("right", _field("country", "where")),
                require="all",
                reset_at={"cron": "0 4 * * *", "timezone": "Europe/Berlin"},
            ),
            _trigger(_finish("A", "success"), _finish("B", "failure", "success"), require="all"),
            required=("order_id",),
        ),
        _flow("Pairs", _trigger(_event("in"), _event("out"), require="all", join="queue")),
        _flow(
            "Foreign",
            _trigger(
                _event(
                    "upload",
                    _field("note", "object.key"),
                    origin={
                        "step-functions": {"source": "aws.s3", "detail-type": "Object Created"},
                        "argo-workflows": {"event-source": "minio", "event": "uploads"},
                    },
                ),
                **{
                    "step-functions": {
                        "bus": "shop-bus",
                        "retry": 3,
                        "maximum-event-age": 600,
                        "dead-letter-queue": QUEUE_ARN,
                    },
                    "argo-workflows": {"retry": 3, "rate-limit": 5},
                },
            ),
        ),
    )
}
ONLY = {"Pairs": ("step-functions",)}


@dataclasses.dataclass(frozen=True)
class Subject:
    """`objects`: path below the backend's folder -> the object; `graph`: of all that was compiled together."""

    backend: str
    flow: Flow
    settings: Settings
    objects: dict[str, Any]
    graph: TriggerGraph = GRAPH
    polls: tuple[PollTrigger, ...] = ()


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def _compiled(backend: str, name: str) -> Subject:
    flow = FLOWS[name]
    module = registry.backend(backend)
    refused = [item for item in module.refusals(flow, GRAPH, SETTINGS) if item.code != "FT507"]  # a note
    assert not refused, refused
    manifests = module.manifests(flow, GRAPH, None, SETTINGS)
    return Subject(backend, flow, SETTINGS, {item.path.partition("/")[2]: item.content for item in manifests})


@functools.cache
def _example(backend: str, example: str, deployed_name: str) -> Subject:
    folder = compiled(example) / example
    manifest = json.loads((folder / "metaflow-triggers.json").read_text("utf-8"))
    owner = f"{backend}/{deployed_name}"
    told = manifest["inputs"][owner]
    settings = dataclasses.replace(
        SETTINGS,
        user=told["user"],
        production=told["production"],
        metaflow_version=told["metaflow"],
        **told["settings"],
    )
    objects = {
        path.partition("/")[2]: _yaml(folder / path)
        for path, entry in manifest["files"].items()
        if entry["owner"] == owner
    }
    flows = {owner: restored(value) for owner, value in manifest["flows"].items()}
    together = tuple(flow for other, flow in flows.items() if other.startswith(f"{backend}/"))
    polls = tuple(registry.backend(backend).declared_polls(objects.values()))
    return Subject(backend, flows[owner], settings, objects, dataclasses.replace(GRAPH, flows=together), polls)


@functools.cache
def _shared() -> Subject:
    found = sorted((GOLDEN / "_shared").glob("*.yaml"))
    objects = {f"_shared/{path.name}": _yaml(path) for path in found}
    return Subject("argo-workflows", FLOWS["Picky"], SETTINGS, objects)


def examples() -> list[tuple[str, str]]:
    """(backend, `<example>/<deployed name>`) of all flows of the examples, sorted."""
    names = compiled_examples()
    folder = compiled(*names)
    found = []
    for name in names:
        for owner in json.loads((folder / name / "metaflow-triggers.json").read_text("utf-8"))["flows"]:
            backend, _, deployed_name = owner.partition("/")
            found.append((backend, f"{name}/{deployed_name}"))
    return sorted(found)


def subject(backend: str, name: str) -> Subject:
    """A flow of FLOWS, `<example>/<deployed name>`, or `shared` (Argo's shared objects)."""
    if name == "shared":
        found = _shared()
    elif "/" in name:
        found = _example(backend, *name.split("/"))
    else:
        found = _compiled(backend, name)
    return dataclasses.replace(found, objects=copy.deepcopy(found.objects))
