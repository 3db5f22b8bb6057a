"""Code read back: which code package a template says that the flow's steps load.

In:   a template, the flow.
Out:  texts: each thing that is otherwise than it shall be.

Not here: what a template without a code package asks for (`read_back`, Parameters).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....model.flows import Flow
from ..compile.code_place import MAPPING, STANDS


def code_differences(template: dict[str, Any], flow: Flow) -> Iterator[str]:
    """One place, of this flow, where each step that loads code looks for it."""
    told = template.get("Mappings", {}).get(MAPPING, {}).get("Package", {}).get("Path")
    asked = list(_lookups(template["Resources"]))
    if (told is None) != (not asked):
        yield "says which code package its steps load where none asks, or the other way round"
    if told is not None and not told.startswith(f"{flow.name}/data/"):
        yield f"has its steps load {told}, which is no code package of the flow"
    if any(item != STANDS["CodePackagePath"] for item in asked):
        yield "looks for its code package elsewhere than where it stands"


def _lookups(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict) and "Fn::FindInMap" in one:
            yield one
        else:
            items = one.values() if isinstance(one, dict) else one
            waiting += [item for item in items if isinstance(item, (dict, list))]
