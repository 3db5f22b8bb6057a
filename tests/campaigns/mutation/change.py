"""Change: one mutation, as data, applied to an object.

In:   a JSON value, a row: `op` (set, add, rename, remove, replace, swap), `at` (JSON pointer; `-` ends a list), `to` or
      `old` and `new` or `with`.
Out:  another JSON value that differs from the first.

Not here: which rows there are.
"""

from __future__ import annotations

import copy
from typing import Any


def parts(pointer: str) -> list[str]:
    """The keys of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def pointer(path: list[Any]) -> str:
    """The JSON pointer of keys and indices."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def changed(value: Any, row: dict[str, Any]) -> Any:
    """`value` after the mutation. A mutation that changes nothing, or names no place, is an error."""
    out = copy.deepcopy(value)
    parent, key = _place(out, row["at"])
    if row["op"] == "set":
        parent[key] = copy.deepcopy(row["to"])
    elif row["op"] == "add":
        parent.insert(len(parent) if key == "-" else int(key), row["to"])
    elif row["op"] == "rename":
        if row["to"] in parent:
            raise ValueError(f"takes the place of another key: {row}")
        items = [(row["to"] if name == key else name, item) for name, item in parent.items()]
        parent.clear()
        parent.update(items)
    elif row["op"] == "remove":
        del parent[key]
    elif row["op"] == "replace":
        parent[key] = parent[key].replace(row["old"], row["new"])
    else:
        other, other_key = _place(out, row["with"])
        parent[key], other[other_key] = other[other_key], parent[key]
    if out == value:
        raise ValueError(f"changes nothing: {row}")
    return out


def _place(value: Any, at: str) -> tuple[Any, Any]:
    *above, last = parts(at)
    for part in above:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if not isinstance(value, list):
        return value, last
    return value, last if last == "-" else int(last)
