"""Fields: what stands at a place of an object, of the kind that is expected there.

In:   an object as the cluster has it, names that lead to a place.
Out:  an object, a list of objects or a text; an empty one, or None, where something else stands.

Not here: what it means. Argo Events' definitions of its objects let anything stand in `spec` and `status`, and so do
the small ones of Argo Workflows: what somebody has edited is no reason to fail.
"""

from __future__ import annotations

from typing import Any


def field(item: Any, *names: str) -> Any:
    """The value there, or None."""
    for name in names:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def part(item: Any, *names: str) -> dict[str, Any]:
    """The object there."""
    found = field(item, *names)
    return found if isinstance(found, dict) else {}


def parts(item: Any, *names: str) -> list[dict[str, Any]]:
    """The objects in the list there."""
    found = field(item, *names)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def word(item: Any, *names: str) -> str:
    """The text there."""
    found = field(item, *names)
    return found if isinstance(found, str) else ""
