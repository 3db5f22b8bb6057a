"""Filters: EventBridge's content patterns over a payload, checked.

In:   a filter as a JSON value (`json.loads` of the model's text).
Out:  what is wrong with the filter and where.

Not here: the user's file, backends. The language is that of the semantics (section 5): lists of literals,
prefix, suffix, equals-ignore-case, anything-but, numeric, exists, nested objects. `matches` is the runtime's, because
a run may have to ask it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import event_filter

from ..diagnostics.suggest import suggest

OPERATORS = ("prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists")
_NOT_OURS = ("wildcard", "cidr")  # EventBridge has them; not every backend can say them exactly

MAX_DEPTH = 32
"""Nested objects of a filter."""

matches = event_filter.matches
numbers_not_kept = event_filter.numbers_not_kept

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """What is wrong at `path` (keys and indices from the filter's root). With `key` it is the path's last key."""

    path: Path
    message: str
    expected: str
    helps: tuple[str, ...] = ()
    key: bool = False


def problems(pattern: Any) -> list[Problem]:
    """All that is wrong with a filter, in its order; empty when it is good. Never raises."""
    return list(_object(pattern, (), {}, ""))


# --- checking ---------------------------------------------------------------------------------------


def _object(value: Any, path: Path, seen: dict[str, Path], prefix: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"a filter is {_kind(value)}", "an object of fields")
        return
    if not value:
        yield Problem(path, "an empty object in a filter", "at least one field")
    if len(path) >= MAX_DEPTH:
        yield Problem(path, f"a filter is nested deeper than {MAX_DEPTH} objects", f"at most {MAX_DEPTH}")
        return
    for name, below in value.items():
        here = (*path, name)
        if not name or name.startswith(".") or name.endswith(".") or ".." in name:
            yield Problem(here, f"{name!r} is not the name of a field", "a name without empty parts", key=True)
            continue
        if not is_text(name):
            yield Problem(here, "the name of a field holds what no event carries", "Unicode text without NUL", key=True)
            continue
        if name == "$or":
            yield Problem(
                here,
                "`$or` is not part of the filter language",
                "a field",
                ("name each alternative as an event of its own, with require='any'",),
                key=True,
            )
            continue
        full = f"{prefix}{name}"
        if isinstance(below, dict):
            yield from _below(name, below, here, seen, full)
        elif isinstance(below, list):
            if full in seen:
                yield Problem(here, f"the field `{full}` is filtered twice", "one list per field", key=True)
            seen.setdefault(full, here)
            yield from _list(below, here)
        else:
            yield Problem(
                here,
                f"the field `{name}` is compared with {_kind(below)}",
                "a list",
                (f"write [{_shown(below)}]",),
            )


def _below(name: str, below: dict[str, Any], here: Path, seen: dict[str, Path], full: str) -> Iterator[Problem]:
    operators = [key for key in below if key in OPERATORS or key in _NOT_OURS]
    only = operators[0] if len(below) == len(operators) == 1 else None
    if only is not None and not isinstance(below[only], (dict, list)):
        # `{'price': {'prefix': 'x'}}` would be a field called `prefix`.
        yield Problem(
            here,
            f"the operator `{only}` of `{name}` stands outside of a list",
            "a list of alternatives",
            (f"write [{{{only!r}: ...}}]",),
        )
        return
    yield from _object(below, here, seen, f"{full}.")


def _list(items: list[Any], path: Path) -> Iterator[Problem]:
    if not items:
        yield Problem(path, "an empty list in a filter", "at least one alternative")
    for index, item in enumerate(items):
        here = (*path, index)
        if isinstance(item, dict):
            yield from _operator(item, here)
        elif isinstance(item, list):
            yield Problem(here, "a list in a list of alternatives", "text, a number, true, false, null or an operator")
        else:
            yield from _literal(item, here)


def _literal(value: Any, path: Path) -> Iterator[Problem]:
    if isinstance(value, str) and not is_text(value):
        yield Problem(path, "text that no event can carry", "Unicode text without NUL")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, path)


def _number(value: int | float, path: Path) -> Iterator[Problem]:
    if isinstance(value, float) and value - value != 0:
        yield Problem(path, "a number that is none", "a finite number")
    elif not event_filter.is_kept(value):
        yield Problem(
            path,
            f"the number {str(value)[:40]} is not kept by a 64-bit float, and not compared alike on every backend",
            "a number of at most 15 digits",
            ("publish and filter it as text",),
        )


def _operator(item: dict[str, Any], path: Path) -> Iterator[Problem]:
    if len(item) != 1:
        what = "nothing" if not item else " and ".join(f"`{key}`" for key in list(item)[:4])
        yield Problem(
            path, f"an alternative with {what}", "exactly one operator", ("give each operator its own {...}",)
        )
        return
    ((name, operand),) = item.items()
    here = (*path, name)
    if name not in OPERATORS:
        note = (
            (f"`{name}` is an operator of EventBridge, but not of every backend",)
            if name in _NOT_OURS
            else tuple(f"did you mean `{near}`?" for near in suggest(name, OPERATORS))
        )
        yield Problem(
            here, f"{name!r} is not an operator of a filter", f"one of {', '.join(OPERATORS)}", note, key=True
        )
        return
    if name in ("prefix", "suffix"):
        if isinstance(operand, dict) and list(operand) == ["equals-ignore-case"]:
            inner, below = operand["equals-ignore-case"], (*here, "equals-ignore-case")
            yield from _folded(inner, below)
            yield from _edge(name, inner, below)
        else:
            yield from _text(name, operand, here)
            yield from _edge(name, operand, here)
    elif name == "equals-ignore-case":
        yield from _folded(operand, here)
    elif name == "exists":
        if not isinstance(operand, bool):
            yield Problem(here, f"`exists` has {_kind(operand)}", "true or false")
    elif name == "numeric":
        yield from _numeric(operand, here)
    else:
        yield from _anything_but(operand, here)


def _text(name: str, operand: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(operand, str):
        yield Problem(path, f"`{name}` has {_kind(operand)}", "text")
    else:
        yield from _literal(operand, path)


def _edge(name: str, operand: Any, path: Path) -> Iterator[Problem]:
    """AWS's matcher looks at the JSON text with its quotes: `said "` is a prefix of the text "said "."""
    if isinstance(operand, str) and (operand.endswith('"') if name == "prefix" else operand.startswith('"')):
        edge = "ends" if name == "prefix" else "begins"
        yield Problem(
            path,
            f"a {name} that {edge} with a quote is not matched alike on every backend",
            "a quote inside of the text only",
            ("leave the quote out, or list whole texts",),
        )


def _folded(operand: Any, path: Path) -> Iterator[Problem]:
    yield from _text("equals-ignore-case", operand, path)
    if isinstance(operand, str):
        beyond = [char for char in operand if char > "\uffff"]
        if beyond:
            yield Problem(
                path,
                f"`equals-ignore-case` with `{beyond[0]}`, a character beyond U+FFFF, matches nothing on AWS",
                "characters up to U+FFFF",
                ("list the spellings instead",),
            )
            return
        odd = [char for char in operand if not char.isascii() and not char.lower() == char == char.upper()]
        if odd:
            yield Problem(
                path,
                f"the case of `{odd[0]}` is not ignored alike on every backend",
                "letters A to Z, and characters without case",
                ("list the spellings instead",),
            )


def _numeric(operand: Any, path: Path) -> Iterator[Problem]:
    forms = "['=', number], ['<', number] or ['>=', low, '<', high]"
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        yield Problem(path, f"`numeric` has {_kind(operand, True)}", forms)
        return
    found = False
    for index, item in enumerate(operand):
        here = (*path, index)
        if index % 2:
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                yield Problem(here, f"`numeric` compares with {_kind(item)}", "a number")
                found = True
            else:
                wrong = list(_number(item, here))
                found = found or bool(wrong)
                yield from wrong
            continue
        allowed = ("<", "<=", "=", ">", ">=") if len(operand) == 2 else ((">", ">="), ("<", "<="))[index // 2]
        if not isinstance(item, str) or item not in allowed:
            yield Problem(here, f"{item!r} is not a comparison that may stand here", " or ".join(allowed))
            return
    if len(operand) == 4 and not found and operand[1] >= operand[3]:
        yield Problem((*path, 3), f"no number is above {operand[1]} and below {operand[3]}", "low before high")


def _anything_but(operand: Any, path: Path) -> Iterator[Problem]:
    if isinstance(operand, dict):
        if list(operand) in (["prefix"], ["suffix"]):
            ((name, text),) = operand.items()
            here = (*path, name)
            if text == "":
                yield Problem(here, f"every text has an empty {name}", "text of at least one character")
            else:
                yield from _text(name, text, here)
                yield from _edge(name, text, here)
            return
        if list(operand) == ["equals-ignore-case"]:
            texts = operand["equals-ignore-case"]
            here = (*path, "equals-ignore-case")
            if isinstance(texts, list) and texts:
                for index, text in enumerate(texts):
                    yield from _folded(text, (*here, index))
            else:
                yield from _folded(texts, here)
            return
        yield Problem(
            path,
            "`anything-but` has an object that it does not know",
            "{'prefix': text}, {'suffix': text} or {'equals-ignore-case': text}",
        )
        return
    items = operand if isinstance(operand, list) else [operand]
    texts_only = all(isinstance(item, str) for item in items)
    numbers_only = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in items)
    if not items or not (texts_only or numbers_only):
        yield Problem(path, f"`anything-but` has {_kind(operand, True)}", "text, a number, or a list of one of the two")
        return
    for index, item in enumerate(items):
        yield from _literal(item, (*path, index) if isinstance(operand, list) else path)


def is_text(value: str) -> bool:
    """Whether an event can carry the text: no NUL and no lone surrogate (semantics, section 6)."""
    return "\0" not in value and not re.search("[\ud800-\udfff]", value)


def _kind(value: Any, of_list: bool = False) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "text"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, list):
        if not value:
            return "an empty list"
        return f"a list of {len(value)}" if of_list else "a list"
    return "an object"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
