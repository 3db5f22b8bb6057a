"""Structure: single-key mutations of our objects, chosen by a seeded generator.

In:   how many, a seed.
Out:  rows as `change.changed` takes them, with subject, file and kind of object.

Not here: judging. What upstream's compilers and users wrote (steps, containers, images) is no object of ours: those
parts are left out. Each kind of object gets the same share, whatever its size, and each of the three kinds of mistake.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from .change import pointer
from .subjects import BACKENDS, FLOWS, ONLY, examples, subject

_OUR_JOB_KEYS = ("JobDefinitionName", "ResourceRetentionPolicy", "Tags", "Type")
MISTAKES = ("typo", "drop", "type")

Site = tuple[str, str, str, str, tuple[Any, ...], Any]
"""Backend, subject, file, kind of object, path of a key, the value there."""


def sites() -> Iterator[Site]:
    """Every key of every object of ours."""
    names = [(backend, name) for name in FLOWS for backend in BACKENDS if backend in ONLY.get(name, BACKENDS)]
    for backend, name in [*names, *examples(), ("argo-workflows", "shared")]:
        for file, item in subject(backend, name).objects.items():
            for path, value in _keys(item, ()):
                kind = _kind(backend, item, path)
                if kind is not None:
                    yield backend, name, file, kind, path, value


def _keys(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), item
            yield from _keys(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys(item, (*path, index))


_ENVIRONMENT = ("spec", "template", "spec", "containers", 0, "env")
"""Of a poller. But for our own variables it is what upstream gives to the start step, as in a job definition on AWS."""


def _ours_in_deployment(item: Any, path: tuple[Any, ...]) -> bool:
    if path[:6] != _ENVIRONMENT or len(path) < 7:
        return True
    variable = item["spec"]["template"]["spec"]["containers"][0]["env"][path[6]]
    return str(variable["name"]).startswith("METAFLOW_TRIGGERS_")


def _kind(backend: str, item: Any, path: tuple[Any, ...]) -> str | None:
    """The kind of object that a key belongs to; None for what is not ours."""
    if backend == "argo-workflows":
        if item["kind"] == "Deployment" and not _ours_in_deployment(item, path):
            return None
        return str(item["kind"]) if item["kind"] != "WorkflowTemplate" or _ours_in_template(item, path) else None
    if path[0] != "Resources" or len(path) < 3:
        return "template"
    resource = item["Resources"][path[1]]
    if path[1] == "StateMachine" and len(path) > 4 and path[3] == "Definition":
        return None
    if resource["Type"] == "AWS::Batch::JobDefinition" and len(path) > 3 and path[3] not in _OUR_JOB_KEYS:
        return None
    by_name = resource["Type"] in ("AWS::IAM::Role", "AWS::StepFunctions::StateMachine")
    return str(path[1]) if by_name else str(resource["Type"])


def _ours_in_template(item: Any, path: tuple[Any, ...]) -> bool:
    if path[:2] == ("spec", "templates") and len(path) > 3:
        return str(item["spec"]["templates"][path[2]]["name"]).startswith("metaflow-triggers-")
    if path[:3] == ("spec", "arguments", "parameters") and len(path) > 4:
        return str(item["spec"]["arguments"]["parameters"][path[3]]["name"]).startswith("metaflow-triggers-")
    ours = ("app.kubernetes.io/managed-by", "metaflow-triggers/deployed-name")
    ours += ("metaflow/sensor_name", "metaflow/sensor_namespace", "onExit", "apiVersion", "kind")
    return path[-1] in ours and path[0] in ("apiVersion", "kind", "metadata", "spec") and len(path) <= 3


def mutations(count: int, seed: int) -> list[dict[str, Any]]:
    """`count` different mutations, the same for the same seed and objects; fewer where there are no more."""
    chosen = random.Random(seed)
    by_kind: dict[str, list[tuple[Site, str]]] = {}
    for site in sites():
        by_kind.setdefault(site[3], []).extend((site, mistake) for mistake in MISTAKES)
    for left in by_kind.values():
        chosen.shuffle(left)
    out: list[dict[str, Any]] = []
    while len(out) < count and any(by_kind.values()):
        for left in [by_kind[kind] for kind in sorted(by_kind) if by_kind[kind]][: count - len(out)]:
            (backend, name, file, kind, path, value), mistake = left.pop()
            row = {"what": mistake, "backend": backend, "subject": name, "file": file, "kind": kind}
            out.append(row | {"at": pointer(list(path))} | _operation(mistake, str(path[-1]), value, chosen))
    return out


def _operation(mistake: str, key: str, value: Any, chosen: random.Random) -> dict[str, Any]:
    if mistake == "drop":
        return {"op": "remove"}
    if mistake == "typo":
        return {"op": "rename", "to": _misspelt(key, chosen)}
    return {"op": "set", "to": _of_another_type(value)}


def _misspelt(key: str, chosen: random.Random) -> str:
    """A letter left out, doubled, or two letters in the other order."""
    place = chosen.randrange(len(key))
    swapped = key[:place] + key[place : place + 2][::-1] + key[place + 2 :]
    found = chosen.choice([key[:place] + key[place + 1 :], key[:place] + key[place] + key[place:], swapped])
    return found if found and found != key else key + "s"


def _of_another_type(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return [value]
    return "" if isinstance(value, list) else []
