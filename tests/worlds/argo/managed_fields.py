"""Managed fields: who set which field of an object, as the Kubernetes API keeps it in `metadata.managedFields`.

In:   objects as JSON values.
Out:  the object after a server-side apply or an update; `Conflicts`.

Not here: storing, HTTP.

Follows https://kubernetes.io/docs/reference/using-api/server-side-apply/ with every list as one value, which is how the
API server merges the lists of Argo's definitions (they name no list type).
"""

from __future__ import annotations

import copy
from typing import Any

Path = tuple[str, ...]
_IDENTITY = {
    ("apiVersion",),
    ("kind",),
    *(("metadata", name) for name in ("name", "namespace", "uid", "resourceVersion", "generation")),
    ("metadata", "creationTimestamp"),
    ("metadata", "managedFields"),
    ("metadata", "generateName"),
}


class Conflicts(Exception):
    """(manager, operation, field path) of values that others have set."""

    def __init__(self, found: list[tuple[str, str, Path]]) -> None:
        super().__init__(str(found))
        self.found = found


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Field path -> value; lists and empty objects are values."""
    if path in _IDENTITY:
        return {}
    if isinstance(value, dict) and (value or not path):
        return {key: item for name, inner in value.items() for key, item in leaves(inner, (*path, name)).items()}
    return {path: value}


def _related(one: Path, other: Path) -> bool:
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def _value(item: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(item, dict) or name not in item:
            return None
        item = item[name]
    return item


def _put(target: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(target.get(name), dict):
            target[name] = {}
        target = target[name]
    target[path[-1]] = copy.deepcopy(value)


def _drop(target: Any, path: Path) -> None:
    if len(path) == 1:
        target.pop(path[0], None)
    elif isinstance(target.get(path[0]), dict):
        _drop(target[path[0]], path[1:])
        if not target[path[0]]:
            del target[path[0]]


def _fields(paths: set[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        branch = tree
        for name in path:
            branch = branch.setdefault(f"f:{name}", {})
    return tree


def _paths(tree: dict[str, Any], path: Path = ()) -> set[Path]:
    found: set[Path] = set()
    for name, inner in tree.items():
        here = (*path, name.removeprefix("f:"))
        found |= _paths(inner, here) if inner else {here}
    return found


def owners(item: Any) -> dict[tuple[str, str], set[Path]]:
    """(manager, operation) -> fields."""
    entries = ((item or {}).get("metadata") or {}).get("managedFields") or []
    return {(entry["manager"], entry["operation"]): _paths(entry["fieldsV1"]) for entry in entries}


def _with_owners(item: Any, found: dict[tuple[str, str], set[Path]], api_version: str) -> Any:
    entries = [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields(paths),
        }
        for (manager, operation), paths in found.items()
        if paths
    ]
    if entries:
        item["metadata"]["managedFields"] = entries
    else:
        item["metadata"].pop("managedFields", None)
    return item


def applied(before: Any, item: Any, manager: str, force: bool) -> Any:
    """`before` (None: absent) after `manager` applied `item`. Raises Conflicts."""
    fields, me = leaves(item), (manager, "Apply")
    known = owners(before)
    others = {who: paths for who, paths in known.items() if who != me}
    clashes = [
        (*who, path)
        for who, paths in others.items()
        for path in sorted(paths)
        if any(_related(path, mine) and _value(before, mine) != value for mine, value in fields.items())
    ]
    if clashes and not force:
        raise Conflicts(clashes)
    others = {who: {path for path in paths if (*who, path) not in clashes} for who, paths in others.items()}
    result = copy.deepcopy(before) or {"metadata": {}}
    for path in known.get(me, set()):
        if path not in fields and not any(path in paths for paths in others.values()):
            _drop(result, path)
    for path, value in fields.items():
        _put(result, path, value)
    for name in ("apiVersion", "kind"):
        result[name] = item[name]
    result["metadata"] |= {name: item["metadata"][name] for name in ("name", "namespace")}
    return _with_owners(result, {**others, me: set(fields)}, item["apiVersion"])


def updated(before: Any, item: Any, manager: str) -> Any:
    """`item` as it is kept after `manager` wrote all of it over `before` (None: created)."""
    old, new = leaves(before or {}), leaves(item)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    me = (manager, "Update")
    found = {
        who: {path for path in paths if path in new and path not in changed} for who, paths in owners(before).items()
    }
    found[me] = found.get(me, set()) | changed
    return _with_owners(copy.deepcopy(item), found, item["apiVersion"])
