"""Promises: what of a manifest others hold on to, as lines of text.

In:   objects for Kubernetes, or a CloudFormation template.
Out:  a set of lines: names, labels, annotations, tags, arguments, settings of tasks, run names, places in the
      datastore, the static part of trigger documents, the launcher's command. Two sets can be compared in any order.

Not here: everything else. What Metaflow's own compilers write is theirs, and the layout of ours is held by `golden/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_NAMES = ("name", "Name", "StateMachineName", "JobDefinitionName", "QueueName", "TableName", "GroupName")
_WORDS = re.compile(
    r"metaflow-triggers|METAFLOW_TRIGGERS|metaflow/(sensor|production)|_triggers/|'event-\{\}'|SHA-256|sha256sum"
    r"|MetaflowTrigger|metaflow\.outcome"
)
_LAUNCHER = re.compile(r"python -m metaflow_extensions\.\S+ .*? -- ")


def of_stack(template: dict[str, Any]) -> set[str]:
    """The promises of a CloudFormation template."""
    lines = {f"parameter {name}" for name in template["Parameters"]}
    for logical, resource in template["Resources"].items():
        lines.add(f"resource {logical}: {resource['Type']}")
        upstreams = resource["Properties"].pop("Definition", None) if logical == "StateMachine" else None
        lines |= {f"{logical}: {line}" for line in _ours(resource, names=True)}
        # Of the workflow itself only the start step runs anything of ours.
        lines |= set(_ours((upstreams or {}).get("States", {}).get("start", {}), names=False))
    return lines


def of_objects(objects: list[dict[str, Any]]) -> set[str]:
    """The promises of a deployment's objects."""
    lines = set()
    for item in objects:
        kind = item["kind"]
        lines.add(f"{item['apiVersion']} {kind} {item['metadata']['name']} in {item['metadata'].get('namespace')}")
        if kind != "WorkflowTemplate":
            lines |= {f"{kind}: {line}" for line in _ours(item, names=True)}
            continue
        templates = item["spec"].pop("templates")
        lines |= {f"{kind}: {line}" for line in _ours(item, names=False)}
        for template in templates:
            if template["name"] == "start":
                lines |= {f"{kind} start: {line}" for line in _ours(template, names=False)}
    return lines


def _ours(value: Any, names: bool) -> Iterator[str]:
    """The lines of a part; `names`: whether every name in it is ours."""
    for path, text in _leaves(value, ()):
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        launcher = _LAUNCHER.search(text)
        if launcher is not None:
            yield f"command {launcher[0]}"
        elif key == "Command" or path[-2:-1] == ("command",):
            continue  # the text of a program, which nobody holds on to
        elif (names and key in _NAMES) or _WORDS.search(text) or _WORDS.search(key):
            yield f"{key}: {text}"


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Paths and texts; the static part of a trigger document is one text."""
    if isinstance(value, dict) and value.get("version") == 1 and "dependencies" in value:
        yield (*path, "document"), json.dumps({"_triggers/": value["dependencies"]}, sort_keys=True)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(item, (*path, place))
    else:
        yield path, str(value)
