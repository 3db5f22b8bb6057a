"""Plans: what the plans of all backends have in common.

In:   what is deployed and what shall be, as JSON values; instructions; steps that were taken.
Out:  whether one covers the other; differences and sums in words.

Not here: reading or changing anything, a backend's own objects.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_ANNOTATION

from ..diagnostics import Diagnostic, DiagnosticError

_VERBS = ("created", "updated", "deleted", "unchanged", "kept")
_SHOWN = 5  # differences of one object that are named
_LONGEST = 60  # characters of a value that are shown


def covers(found: Any, wanted: Any) -> bool:
    """True if all that we want is there; what is there beside it does not count."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and covers(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(covers(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def numbered(instructions: Iterable[Any]) -> list[str]:
    """A line for each instruction."""
    return [f"{number:3}. {item}" for number, item in enumerate(instructions, 1)]


Members = Callable[[dict[Any, Any], dict[Any, Any], str], Iterator[str]]


def differences(
    was: Any, now: Any, where: str, members: Members, plain: Callable[[Any], Any] | None = None
) -> Iterator[str]:
    """What `now` has otherwise. `members(was, now, where)` tells of two objects; `plain` makes a value JSON can say."""
    if isinstance(was, dict) and isinstance(now, dict):
        yield from members(was, now, where)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from differences(one, other, f"{where}[{_item(number, one, other)}]", members, plain)
    elif was != now:
        one, other = _apart(_text(was, plain), _text(now, plain))
        yield f"{where or 'it'} is {one}; it would be {other}"


def beside_the_code(was: Any, now: Any) -> tuple[Any, list[str]]:
    """(`was` with the code package of `now`, in words that there is another one): tasks name it in many places."""
    old, new = _code_package(was), _code_package(now)
    if old is None or new is None or old == new:
        return was, []
    said = f"its code package is {old[:12]}...; it would be {new[:12]}..."
    return _renamed(was, ((f"{old[:2]}/{old}", f"{new[:2]}/{new}"), (old, new))), [said]


def _code_package(value: Any) -> str | None:
    """The name of the code package that an object's tasks load: their pods or a variable say it."""
    if isinstance(value, dict):
        if isinstance(value.get(CODE_PACKAGE_ANNOTATION), str):
            return str(value[CODE_PACKAGE_ANNOTATION]).rpartition("/")[2]
        if (value.get("name") or value.get("Name")) == "METAFLOW_CODE_SHA":
            said = value.get("value") or value.get("Value")
            return said if isinstance(said, str) else None
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := _code_package(item))), None)
    return None


def _renamed(value: Any, names: tuple[tuple[str, str], ...]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, str):
        for old, new in names:
            value = value.replace(old, new)
    return value


def _item(number: int, one: Any, other: Any) -> str:
    """How a list's item is called: by its name where both have the same one, else by its place."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in ("name", "Name", "dependencyName", "key", "Key"):
            if isinstance(one.get(key), str) and one[key] == other.get(key):
                return str(one[key])
    return str(number)


def _apart(one: str, other: str) -> tuple[str, str]:
    """Two texts, each cut so that the first difference is seen."""
    if max(len(one), len(other)) <= _LONGEST:
        return one, other
    pairs = enumerate(zip(one, other, strict=False))
    same = next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))
    start = max(0, same - _LONGEST // 3)
    return _cut(one, start), _cut(other, start)


def _cut(text: str, start: int) -> str:
    before = "..." if start else ""
    room = _LONGEST - len(before)
    rest = text[start:]
    return before + (rest if len(rest) <= room else f"{rest[: room - 3]}...")


def short(value: Any, plain: Callable[[Any], Any] | None = None) -> str:
    """A value in a line of its own."""
    return _cut(_text(value, plain), 0)


def _text(value: Any, plain: Callable[[Any], Any] | None) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=plain)


def told(noun: str, verb: str, found: Iterable[str]) -> Iterator[str]:
    """Lines about one object that is not as it shall be. `verb` is its step's; `found` are its differences."""
    if verb == "created":
        yield f"{noun} is not there"
    elif verb == "deleted":
        yield f"{noun} is there, and the flow has no use for it"
    else:
        lines = list(found)
        yield f"{noun} differs" + (":" if lines else "")
        yield from (f"  {line}" for line in lines[:_SHOWN])
        if len(lines) > _SHOWN:
            yield f"  and {len(lines) - _SHOWN} more places"


class Stopped(DiagnosticError):
    """A plan that was refused at one of its steps: `calls` of its `of` requests were made, `left` was never begun."""

    def __init__(self, refused: DiagnosticError, step: object, calls: int, of: int, left: Iterable[object]) -> None:
        super().__init__(refused.diagnostics)
        self.step, self.calls, self.of, self.left = str(step), calls, of, [str(item) for item in left]


def half_way(error: DiagnosticError, done: Iterable[str], subject: str) -> DiagnosticError:
    """The error of a deployment that stopped, with what exists now. `done` are the changes that were made, in words.

    A plan that was refused before its first change is no more than refused.
    """
    made = list(done)
    notes = [f"done: {item}" for item in made]
    if isinstance(error, Stopped):
        if error.calls:
            notes.append(f"in part: {error.step} ({error.calls} of its {error.of} requests were made)")
        if notes:
            begun = [] if error.calls else [error.step]
            notes += [f"not done: {item}" for item in [*begun, *error.left]]
    elif notes:
        notes.append("what is left was not looked at")
    if not notes:
        return DiagnosticError(error.diagnostics, error.result)
    told = Diagnostic(
        "FT707",
        f"{subject} stopped half-way; this is what was done and what was not",
        notes=tuple(notes),
        helps=("mend the cause and repeat the command: it goes on from here",),
    )
    return DiagnosticError(error.diagnostics, f"{subject} stopped half-way", [told])


def say(done: object) -> None:
    """Tell a person what was done."""
    sys.stderr.write(f"{done}\n")
    sys.stderr.flush()


def total(verbs: Iterable[str], nothing: str) -> str:
    """How often each verb was done; `nothing` if nothing was changed."""
    count = Counter(verbs)
    if set(count) <= {"unchanged", "kept"}:
        return nothing
    return ", ".join(f"{count[verb]} {verb}" for verb in _VERBS if count[verb])
