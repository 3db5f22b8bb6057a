"""Obstacles: what keeps events from starting a flow, as the cluster is now.

In:   the ways by which an event comes, the WorkflowTemplate, where publishers post.
Out:  `Cause`s, what leads to others first; none where all is in order.

Not here: the event itself, its payload. An object that is not ready because of another one is left out: the other one
is the cause.

The conditions are those of argo-events 1.9.11 (status_types.go, sensor_types.go, eventsource_types.go,
eventbus_types.go); none at all means that its controller has not taken up the object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ....trail import causes
from ....trail.causes import Cause
from ..compile import lower
from .fields import field, part, parts, word
from .listening import Way, bus_of
from .looks import Look, Looks

_STARTING = ("get", "create")
"""What a start needs on Workflows: a Sensor asks whether there is one, else makes it. What comes again is a patch."""
_WORKFLOWS = "workflows.argoproj.io"


def of_template(template: Look) -> Iterator[Cause]:
    """The flow itself is not there."""
    if template.is_absent:
        yield causes.GONE(what=str(template))


def of_way(looks: Looks, way: Way, event: str | None, posted: str | None) -> Iterator[Cause]:
    """`posted` is where publishers post events, or None: nobody knows. Raises DiagnosticError (FT701)."""
    sensor = way.sensor
    if sensor.why is not None:
        return
    if sensor.is_absent:
        yield causes.GONE(what=str(sensor))
        return
    if not way.heard:
        what = f"event {event}" if event is not None else "its events"
        yield causes.OTHER_VERSION(what=f"{sensor} does not wait for {what}")
        return
    bus = list(_of_bus(way))
    sources = [cause for look, subject in way.sources for cause in _of_source(way, look, subject, posted, bool(bus))]
    yield from bus
    yield from sources
    if field(sensor.item, "spec", "replicas") == 0:
        yield causes.PAUSED(what=str(sensor))
    elif not bus:
        yield from not_ready(sensor)
    if not bus and not sources:
        yield from _of_rights(looks, way)


def _of_bus(way: Way) -> Iterator[Cause]:
    assert way.bus is not None
    if way.bus.is_absent:
        yield causes.NOT_READY(what=str(way.bus), why="there is none; whoever installs Argo Events makes it")
    elif way.bus.item is not None:
        yield from not_ready(way.bus)


def _of_source(way: Way, source: Look, subject: str, posted: str | None, no_bus: bool) -> Iterator[Cause]:
    if source.why is not None:
        return
    if source.is_absent:
        yield causes.GONE(what=str(source))
        return
    listens, sends = bus_of(way.sensor.item), bus_of(source.item)
    if listens != sends:
        yield causes.WRONG_BUS(sent=sends, listens=listens)
        return
    events = _events(source.item)
    if subject not in events:
        yield causes.NOT_READY(what=str(source), why=f"it has no event `{subject}`, on which the Sensor waits")
        return
    endpoint = word(events[subject], "endpoint")
    wrong = _elsewhere(source, endpoint, posted) if endpoint else None
    if wrong is not None:
        yield causes.WRONG_ENDPOINT(sent=wrong, listens=f"{endpoint} of {source}")
    if field(source.item, "spec", "replicas") == 0:
        yield causes.PAUSED(what=str(source))
    elif not no_bus:
        yield from not_ready(source)


def _events(source: Any) -> dict[str, Any]:
    """Name -> event, of all types of event sources."""
    found: dict[str, Any] = {}
    for kind, value in part(source, "spec").items():
        if kind not in ("service", "template"):
            found.update(part(value))
    return found


def _elsewhere(source: Look, endpoint: str, posted: str | None) -> str | None:
    """The path to which publishers post at the event source's own service, if it is another one. A gateway in front of
    it may have any."""
    if posted is None:
        return None
    parts = urlsplit(posted)
    host = (parts.hostname or "").split(".")
    if host[0] != f"{source.name}-eventsource-svc" or host[1:2] not in ([], [source.namespace]):
        return None
    return None if parts.path.rstrip("/") == f"/{endpoint.strip('/')}".rstrip("/") else parts.path or "/"


def not_ready(look: Look) -> Iterator[Cause]:
    """Of an object of Argo Events: its conditions that do not hold."""
    conditions = parts(look.item, "status", "conditions")
    bad = [item for item in conditions if item.get("status") != "True"]
    if not conditions:
        yield causes.NOT_READY(what=str(look), why="it has no status: Argo Events' controller has not taken it up")
    elif bad:
        yield causes.NOT_READY(what=str(look), why="; ".join(map(_condition, bad)))


def _condition(item: Mapping[str, Any]) -> str:
    words = [str(item.get(name)) for name in ("reason", "message") if item.get(name)]
    told = ": ".join(words) or ("not looked at yet" if item.get("status") == "Unknown" else "it does not hold")
    return f"{item.get('type')}: {told}"


def _of_rights(looks: Looks, way: Way) -> Iterator[Cause]:
    account = word(way.sensor.item, "spec", "template", "serviceAccountName") or lower.SENSOR_ACCOUNT
    namespace = way.wanted.workflow_namespace
    lacks = [
        verb for verb in _STARTING if looks.may((way.wanted.namespace, account), verb, _WORKFLOWS, namespace) is False
    ]
    if lacks:
        who = f"ServiceAccount {way.wanted.namespace}/{account}"
        yield causes.NO_RIGHT(who=who, right=f"{', '.join(lacks)} {_WORKFLOWS} in namespace {namespace}")


def lacks_run_right(looks: Looks, template: Look, namespace: str) -> Cause | None:
    """A right without which a run that an event started fails before its first step."""
    start: Any = next((item for item in parts(template.item, "spec", "templates") if word(item, "name") == "start"), {})
    account = word(start, "serviceAccountName") or word(template.item, "spec", "serviceAccountName") or "default"
    if looks.may((namespace, account), "get", _WORKFLOWS, namespace) is not False:
        return None
    return causes.NO_RIGHT(
        who=f"ServiceAccount {namespace}/{account}", right=f"get {_WORKFLOWS} in namespace {namespace}"
    )
