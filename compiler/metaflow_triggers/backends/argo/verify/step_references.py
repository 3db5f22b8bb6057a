"""Check steps: references inside a WorkflowTemplate that lead nowhere.

In:   a WorkflowTemplate, as it will be written.
Out:  texts: each task, template and input that something names and nothing is.

Not here: what Argo's schemas catch, what we add to upstream's template (`checks`). The API server stores such an
object; Argo's controller refuses each run of it (templateValidationCtx in workflow/validate/validate.go, 4.1.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TASK = re.compile(r"[A-Za-z0-9_-]+")
_RESULT = re.compile(r"\.[A-Za-z]+")
_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_INPUTS = "inputs.parameters"
_INPUT = re.compile(r"\binputs\.parameters(?:\.([A-Za-z0-9_-]+)|\['([^']+)'\])")


def mistakes(spec: Any) -> Iterator[str]:
    """What the templates of a spec name and do not have."""
    known = {template["name"] for template in spec["templates"]}
    for template in spec["templates"]:
        name = template["name"]
        tasks = template.get("dag", {}).get("tasks", [])
        names = {task["name"] for task in tasks}
        for task in tasks:
            waited = {*_TASK.findall(_RESULT.sub("", task.get("depends", ""))), *task.get("dependencies", [])}
            for one in sorted(waited - names):
                yield f"`{name}`: the task `{task['name']}` waits for `{one}`, which is not there"
        for step in (*tasks, *(step for group in template.get("steps", []) for step in group)):
            if "template" in step and step["template"] not in known:
                yield f"`{name}` goes to the template `{step['template']}`, which is not there"
        declared = {item["name"] for item in template.get("inputs", {}).get("parameters", [])}
        # The tags of one template speak of its own inputs, wherever they stand.
        used = {
            dotted or quoted
            for text in _texts_with(_INPUTS, template)
            for tag in _TAG.findall(text)
            for dotted, quoted in _INPUT.findall(tag)
        }
        for one in sorted(used - declared):
            yield f"`{name}` uses the input `{one}`, which it does not have"


def _texts_with(word: str, value: Any) -> Iterator[str]:
    """The texts and keys of a JSON value in which the word stands. Nothing of it costs a call."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
            yield from (key for key in one if word in key)
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and word in one:
            yield one
