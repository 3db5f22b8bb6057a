"""Compare what upstream makes with what ours makes, but for a list of known differences.

In:   two JSON documents and entries of `differences.json`.
Out:  both documents with the entries applied, which of them were used, and what still differs.

Not here: running anything.

An entry says what upstream writes and what ours writes in its place, never "anything":

    kind replace   `upstream` and `ours` are regular expressions. Each match of `upstream` in the text becomes the match
                   of `ours` in our text at the same place. Both must match equally often; named groups that both have
                   must agree. What neither matches stays and is compared.
    kind remove    upstream has the place. `upstream` is its value; inside, `{"$matches": regex}` stands
                   for a text that matches as a whole and `{"$files": [path, ...]}` for the texts of files of the
                   project, an empty line apart and without what one imports of the other.
    kind add       ours has the place and upstream has not (any more): `ours`.
    kind text      upstream has a number and ours the same number as text.
    kind float     upstream has an integer and ours the same number as a float.
    kind renamed   upstream's key is called `ours` in ours.
    kind moved     an item of a list of named items stands elsewhere; ours is right.

    kind json      the text is JSON on both sides: from then on its value is compared; later entries can point into it.

`path` is a JSON pointer in which `*` is one segment and `**` any number of them. A list whose items all have a name
(`name` or `Name`) counts as an object by these names (`name=x`, a repeated one `name=x#2`); the order of the names that
both lists have is compared too.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]

_ABSENT = object()


def by_name(value: Any) -> Any:
    """`value` with lists of named items as objects `{"name=<name>": item}`."""
    if isinstance(value, dict):
        return {key: by_name(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    names = [item.get("name", item.get("Name")) if isinstance(item, dict) else None for item in value]
    if not names or not all(isinstance(name, str) for name in names):
        return [by_name(item) for item in value]
    out: dict[str, Any] = {}
    for name, item in zip(names, value, strict=True):
        number = sum(key.partition("#")[0] == f"name={name}" for key in out)
        out[f"name={name}" + (f"#{number + 1}" if number else "")] = by_name(item)
    return out


def pointers(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place in `value`, parents first."""
    out = [at]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        out += pointers(item, (*at, str(key)))
    return out


def get(value: Any, pointer: tuple[str, ...]) -> Any:
    for part in pointer:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return _ABSENT
    return value


def _put(value: Any, pointer: tuple[str, ...], new: Any) -> None:
    parent = get(value, pointer[:-1])
    if parent == [] and pointer[-1].startswith("name="):
        parent = {}  # the first item of a list of named items
        _put(value, pointer[:-1], parent)
    if isinstance(parent, list) and int(pointer[-1]) == len(parent):
        parent.append(new)
    else:
        parent[int(pointer[-1]) if isinstance(parent, list) else pointer[-1]] = new


def matches_path(pattern: str, pointer: tuple[str, ...]) -> bool:
    return _matches([part.replace("~1", "/") for part in pattern.split("/")[1:]], list(pointer))


def _matches(pattern: list[str], pointer: list[str]) -> bool:
    if not pattern:
        return not pointer
    if pattern[0] == "**":
        return any(_matches(pattern[1:], pointer[start:]) for start in range(len(pointer) + 1))
    return bool(pointer) and pattern[0] in ("*", pointer[0]) and _matches(pattern[1:], pointer[1:])


def _replaced(text: str, our_text: str, entry: dict[str, Any]) -> str:
    """`text` with our matches in place of upstream's; unchanged if the two sides do not correspond."""
    theirs = list(re.finditer(entry["upstream"], text, re.DOTALL))
    ours = list(re.finditer(entry["ours"], our_text, re.DOTALL))
    if len(theirs) != len(ours):
        return text
    for one, other in zip(reversed(theirs), reversed(ours), strict=True):
        common = one.groupdict().keys() & other.groupdict().keys()
        if any(one[name] != other[name] for name in common):
            return text
        text = text[: one.start()] + other[0] + text[one.end() :]
    return text


def apply(upstream: Any, ours: Any, entries: list[dict[str, Any]]) -> tuple[Any, Any, list[bool]]:
    """(upstream's and our document with the entries applied in order, for each entry whether it did something)."""
    document, ours = copy.deepcopy(upstream), copy.deepcopy(ours)
    used = []
    for entry in entries:
        occurred = False
        if entry["kind"] == "renamed":
            found = [pointer for pointer in pointers(document) if pointer and matches_path(entry["path"], pointer)]
            for pointer in reversed(found):  # what lies inside of another one first
                _rename(get(document, pointer[:-1]), pointer[-1], entry["ours"])
            used.append(bool(found))
            continue
        side = ours if entry["kind"] == "add" else document
        for pointer in [pointer for pointer in pointers(side) if pointer and matches_path(entry["path"], pointer)]:
            theirs, our = get(document, pointer), get(ours, pointer)
            if entry["kind"] == "json":
                if isinstance(theirs, str) and isinstance(our, str):
                    _put(document, pointer, json.loads(theirs))
                    _put(ours, pointer, json.loads(our))
                    occurred = True
            elif entry["kind"] == "replace":
                if not (isinstance(theirs, str) and isinstance(our, str)) or theirs == our:
                    continue
                new = _replaced(theirs, our, entry)
                if new != theirs:
                    _put(document, pointer, new)
                    occurred = True
            elif entry["kind"] == "text":
                if isinstance(theirs, int) and not isinstance(theirs, bool):
                    _put(document, pointer, str(theirs))
                    occurred = True
            elif entry["kind"] == "float":
                if type(theirs) is int and type(our) is float:
                    _put(document, pointer, float(theirs))
                    occurred = True
            elif entry["kind"] == "moved":
                occurred |= _moved(get(document, pointer[:-1]), get(ours, pointer[:-1]), pointer[-1])
            elif entry["kind"] == "remove":
                if theirs != our and is_told(theirs, by_name(entry["upstream"])):
                    del get(document, pointer[:-1])[pointer[-1]]
                    occurred = True
            elif (
                theirs is _ABSENT
                and get(document, pointer[:-1]) is not _ABSENT
                and is_told(our, by_name(entry["ours"]))
            ):
                _put(document, pointer, copy.deepcopy(our))
                occurred = True
        used.append(occurred)
    return document, ours, used


def _rename(parent: dict[str, Any], old: str, new: str) -> None:
    items = [(new if key == old else key, value) for key, value in parent.items()]
    parent.clear()
    parent.update(items)


def _moved(theirs: Any, ours: Any, key: str) -> bool:
    """Give `key` our place among the items of `theirs`; False if it had it."""
    if not isinstance(ours, dict) or key not in ours:
        return False
    before = list(theirs)
    items = [(name, item) for name, item in theirs.items() if name != key]
    after = set(list(ours)[list(ours).index(key) + 1 :])
    place = next((i for i, (name, _) in enumerate(items) if name in after), len(items))
    items.insert(place, (key, theirs[key]))
    theirs.clear()
    theirs.update(items)
    return list(theirs) != before


def is_told(value: Any, told: Any) -> bool:
    """Whether `value` is what an entry tells: equal, but for `{"$matches": regex}` and `{"$files": paths}` inside."""
    if isinstance(told, dict) and set(told) == {"$matches"}:
        return isinstance(value, str) and re.fullmatch(told["$matches"], value, re.DOTALL) is not None
    if isinstance(told, dict) and set(told) == {"$files"}:
        texts = [(ROOT / path).read_text("utf-8") for path in told["$files"]]
        return bool(value == re.sub(r"^from metaflow_extensions.*\n", "", "\n\n".join(texts), flags=re.MULTILINE))
    if isinstance(told, dict):
        return (
            isinstance(value, dict)
            and value.keys() == told.keys()
            and all(is_told(value[key], told[key]) for key in told)
        )
    if isinstance(told, list):
        return (
            isinstance(value, list)
            and len(value) == len(told)
            and all(is_told(*pair) for pair in zip(value, told, strict=True))
        )
    return bool(value == told) and type(value) is type(told)


def differences(one: Any, other: Any, at: str = "") -> list[str]:
    """One line for each place where the two differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        out = [f"{at}/{key}: only upstream has {_short(one[key])}" for key in one if key not in other]
        out += [f"{at}/{key}: only ours has {_short(other[key])}" for key in other if key not in one]
        common = [key for key in one if key in other]
        if any(key.startswith("name=") for key in common) and common != [key for key in other if key in one]:
            out.append(f"{at}: the items stand in another order")
        for key in common:
            out += differences(one[key], other[key], f"{at}/{key}")
        return out
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for i, pair in enumerate(zip(one, other, strict=True)) for line in differences(*pair, f"{at}/{i}")]
    if one != other or type(one) is not type(other):
        return [f"{at}: upstream {_short(one)}, ours {_short(other)}"]
    return []


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 3000 else text[:3000] + "..."
