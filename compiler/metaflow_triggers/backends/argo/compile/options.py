"""Options: what `options={'argo-workflows': {...}}`, `reset_at` and `origin` say, and what configuration says else.

In:   a trigger or a dependency, the settings.
Out:  `Options`; the texts of what is wrong.

Not here: the place of a mistake in the user's file, options of other backends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ....diagnostics.suggest import did_you_mean
from ....model.flows import EventDependency, Origin, Trigger
from ....model.settings import Settings
from .. import NAME

STEPS = 11
"""Tries to make a Workflow, each wait twice the one before: the last is 51 to 57 minutes after the first.

A Sensor tries alike whatever the API answers (DoWithRetry in pkg/shared/util/retry.go, argo-events 1.9.11): it knows no
refusal that repeats cannot mend. Later events of the flow wait on the bus meanwhile, so the hour loses fewer starts
than a few tries would."""

# pkg/reconciler/eventsource/resource.go names a Service after the event source, and the subject of an event is
# `default.<event source>.<event>` (argo-events 1.9.11).
EVENT_SOURCE = r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?"
EVENT = r"[A-Za-z0-9_-]{1,128}"
NAMESPACE = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_BUS = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_TEXTS = {
    "event-bus": (_BUS, "the name of an EventBus"),
    "event-source": (EVENT_SOURCE, "the name of an EventSource: lower-case letters, digits and hyphens, at most 47"),
    "event": (EVENT, "the name of an event in it: letters, digits, `_` and `-`"),
    "sensor-namespace": (NAMESPACE, "a namespace"),
}
_NUMBERS = {"retry": (1, 100, "tries"), "rate-limit": (1, 1_000_000, "starts per second")}
KEYS = (*_TEXTS, *_NUMBERS)
ORIGIN_KEYS = ("event-source", "event")


@dataclass(frozen=True)
class Options:
    """Where a trigger listens, and how it starts runs. `steps` counts tries, `rate_limit` starts per second.

    `names_source`: the trigger itself says from which event source its events come, or that it listens at a bus or in a
    namespace where ours is not.
    """

    event_bus: str
    event_source: str
    event: str
    namespace: str
    steps: int
    rate_limit: int | None
    reset_cron: str | None
    reset_timezone: str
    outcome_event_source: str
    outcome_event: str
    names_source: bool

    @property
    def outcomes_are_shared(self) -> bool:
        """Whether outcomes come where all events do: then nothing tells who published them."""
        return (self.outcome_event_source, self.outcome_event) == (self.event_source, self.event)


def read_options(trigger: Trigger, settings: Settings) -> Options:
    """Of a trigger in which `option_mistakes` finds nothing."""
    ours = trigger.options.value.get(NAME, {})
    reset = trigger.options.reset_at
    return Options(
        event_bus=ours.get("event-bus", settings.argo_event_bus),
        event_source=ours.get("event-source", settings.argo_event_source),
        event=ours.get("event", settings.argo_event),
        namespace=ours.get("sensor-namespace", settings.argo_sensor_namespace),
        steps=ours.get("retry", STEPS),
        rate_limit=ours.get("rate-limit"),
        reset_cron=reset.cron if reset else None,
        # Argo Events reads a cron without timezone in the time of the pod's machine.
        reset_timezone=(reset.timezone if reset else None) or "UTC",
        outcome_event_source=settings.argo_outcome_event_source,
        outcome_event=settings.argo_outcome_event,
        names_source="event-source" in ours
        or "event" in ours
        or ours.get("event-bus", settings.argo_event_bus) != settings.argo_event_bus
        or ours.get("sensor-namespace", settings.argo_sensor_namespace) != settings.argo_sensor_namespace,
    )


Mistake = tuple[tuple[str, ...], str, tuple[str, ...]]
"""(the keys that lead to it, a sentence's end, what may help)."""


def option_mistakes(trigger: Trigger) -> Iterator[Mistake]:
    """What is wrong with the options for this backend."""
    yield from _mistakes(trigger.options.plain().get(NAME, {}), KEYS)


def origin(dependency: EventDependency) -> tuple[str, str]:
    """Event source and event of an `origin` in which `origin_mistakes` finds nothing."""
    assert dependency.origin is not None
    said = dependency.origin.value[NAME]
    return said["event-source"], said["event"]


def origin_mistakes(origin: Origin) -> Iterator[Mistake]:
    """What is wrong with an `origin` for this backend."""
    said, helps = origin.plain(), (f"write {{'{NAME}': {{'event-source': ..., 'event': ...}}}}",)
    if NAME not in said:
        yield (), f"has no key '{NAME}'", helps
        return
    ours = said[NAME]
    for keys, told, more in _mistakes(ours, ORIGIN_KEYS):
        yield (NAME, *keys), told, more
    for key in ORIGIN_KEYS:
        if isinstance(ours, dict) and key not in ours:
            yield (NAME,), f"lacks '{key}'", helps


def _mistakes(said: Any, keys: tuple[str, ...]) -> Iterator[Mistake]:
    if not isinstance(said, dict):
        yield (), f"has {json.dumps(said)} for '{NAME}', expected a dict", ()
        return
    for key, value in said.items():
        if key not in keys:
            yield (key, ""), f"has an unknown key '{key}' for {NAME}", did_you_mean(key, keys)
        elif key in _TEXTS:
            pattern, what = _TEXTS[key]
            if not isinstance(value, str) or not re.fullmatch(pattern, value):
                yield (key,), f"has {json.dumps(value)} for '{key}', expected {what}", ()
        else:
            least, most, what = _NUMBERS[key]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                yield (key,), f"has {json.dumps(value)} for '{key}', expected {least} to {most} {what}", ()
