"""Drift: in words, what differs between the cluster and what would be deployed.

In:   a plan, what is known of the flow.
Out:  text for people.

Not here: reading the cluster. Tokens are left out of the text.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ....graph.differences import with_polls
from ....manifests.text import json_text
from ....model.flows import PollTrigger
from ...plans import beside_the_code, differences, short, told
from ...shape import About
from ..compile.poller import declared_polls
from .instructions import APPLIED, FLOW, UNFINISHED, Plan, Step
from .ownership import annotations_of

_HIDDEN = (APPLIED, FLOW, UNFINISHED, "metaflow/production_token")
_BY_THE_SERVER = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")


def words(plan: Plan, about: About, changes: list[str], *, full: bool = False) -> str:
    """Line by line what differs; with `full` also each object as a unified diff. `changes` are those of adoption."""
    lines = [*changes, *starts(plan, about)]
    different = changed(plan.steps)
    for step in different:
        lines += differs(step)
    text = "\n".join(lines) if lines else f"no difference: {about.flow.name} is deployed as the flow is written"
    if full:
        text += "".join(unified(step) for step in different)
    return f"{text}\n"


def changed(steps: Sequence[Step]) -> list[Step]:
    """Of each object that would not stay as it is its last step."""
    last = list({(step.kind, step.namespace, step.name): step for step in reversed(steps)}.values())[::-1]
    return [step for step in last if step.instructions]


def starts(plan: Plan, about: About) -> Iterator[str]:
    """What deploying changes about the flow: the last deployment left the flow's model beside the template."""
    for step in plan.steps:
        if step.kind == "WorkflowTemplate" and step.was is not None and step.now is not None:
            text = annotations_of(step.was).get(FLOW)
            try:
                if text is not None:
                    yield from about.since(with_polls(json.loads(text), _polled(plan)))
            except ValueError:
                yield f"what starts {about.flow.name} in the cluster was written by another version"
            return


def _polled(plan: Plan) -> list[PollTrigger]:
    """What polls the flow in the cluster, as far as the plan has looked at it."""
    return declared_polls(step.was for step in plan.steps if step.was is not None)


def noun(step: Step) -> str:
    """What the object is called, for people."""
    return f"{step.kind} {step.namespace}/{step.name}"


def differs(step: Step) -> Iterator[str]:
    """Lines about an object that is not as it shall be."""
    shall = shown(step.now, step)
    found, code = beside_the_code(shown(step.was, step), shall)
    yield from told(noun(step), step.verb, [*code, *differences(found, shall, "", _wanted)])
    was, now = _sources(step.was), _sources(step.now)
    if step.verb == "updated" and was != now:
        yield f"  it listens to {_listed(was)}; it would listen to {_listed(now)}"


def _sources(item: Any) -> list[str]:
    """The event sources to which a Sensor listens."""
    spec = (item or {}).get("spec") or {}
    return sorted({str(one.get("eventSourceName")) for one in spec.get("dependencies") or ()})


def _listed(sources: list[str]) -> str:
    return " and ".join(f"`{source}`" for source in sources) or "nothing"


def shown(item: Any, step: Step) -> Any:
    """An object without what the server adds, and without anything secret; None for None."""
    if item is None:
        return None
    metadata = {name: value for name, value in item["metadata"].items() if name not in _BY_THE_SERVER}
    metadata["annotations"] = {name: text for name, text in annotations_of(item).items() if name not in _HIDDEN}
    shown = {name: value for name, value in item.items() if name not in ("metadata", "status", "data")}
    found: dict[str, Any] = json.loads(json.dumps({**shown, "metadata": metadata}))
    if step.kind == "WorkflowTemplate":
        ((found.get("spec") or {}).get("workflowMetadata") or {}).get("annotations", {}).pop(_HIDDEN[-1], None)
    return found


def _wanted(was: dict[Any, Any], now: dict[Any, Any], where: str) -> Iterator[str]:
    """What we want and is otherwise. What we say nothing of belongs to others, or is removed where it was ours."""
    for key, value in now.items():
        at = f"{where}.{key}" if where else str(key)
        if key not in was:
            if value not in ({}, []):
                yield f"{at} is not there: {short(value)}"
        else:
            yield from differences(was[key], value, at, _wanted)


def unified(step: Step) -> str:
    """The object as a unified diff."""
    was, now = ([] if item is None else _lines(shown(item, step)) for item in (step.was, step.now))
    name = f"{step.kind}/{step.namespace}/{step.name}"
    return "\n" + "".join(difflib.unified_diff(was, now, f"cluster/{name}", f"flow/{name}"))


def _lines(value: Any) -> list[str]:
    return json_text(_sorted(value)).splitlines(keepends=True)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
