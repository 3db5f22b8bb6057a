"""Event filter: whether a payload matches a filter.

In:   a filter in EventBridge's content-pattern language, already found well-formed, and a payload.
Out:  true or false; the numbers of the payload that AWS's matcher would not read as numbers.

Not here: what a single value meets (`filter_operators`), what is wrong with a filter
(`metaflow_triggers.language.filters`). Only the standard library: runs that may
have been started by one of several dependencies ask here.

The language's corners are those of AWS's event-ruler 2.1.0. A dotted key and nested objects name the same field. A list
matches when one of its elements does; the fields of a filter are looked for in the order of their whole names, and
where one has been found in an element of a list, those after it are looked for in this element alone. Only a value that
is no list and no object exists.
"""

from __future__ import annotations

from .exact_json import dumps, is_number
from .filter_operators import OPERATORS, holds, is_kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_Names = tuple[str, ...]
_Chosen = dict[tuple[object, ...], tuple[int, int]]
"""Of each list on the way (by its place in the payload) the element that was taken, and how many names lead to it."""


def matches(pattern: dict[str, Any], payload: Any) -> bool:
    """Whether `payload` (a JSON value) matches a filter for which `problems` found nothing."""
    fields = filter_fields(pattern)
    states: list[_Chosen] = [{}]
    for place, (names, alternatives) in enumerate(fields):
        following = fields[place + 1][0] if place + 1 < len(fields) else ()
        states = _after(states, payload, names, alternatives, shared_names(names, following))
        if not states:
            return False
    return True


def filter_fields(pattern: dict[str, Any]) -> list[tuple[_Names, list[Any]]]:
    """(names of a field, its alternatives) in the order in which event-ruler looks for them: that of UTF-16."""
    found: list[tuple[_Names, list[Any]]] = []
    todo: list[tuple[_Names, dict[str, Any]]] = [((), pattern)]
    while todo:
        above, item = todo.pop()
        for key, below in item.items():
            names = (*above, *key.split("."))
            if isinstance(below, dict):
                todo.append((names, below))
            else:
                found.append((names, below))
    return sorted(found, key=lambda field: ".".join(field[0]).encode("utf-16-be", "surrogatepass"))


def shared_names(one: _Names, other: _Names) -> int:
    """With how many names in common two fields begin: only an element of a list above both matters to the second."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _after(states: list[_Chosen], payload: Any, names: _Names, alternatives: list[Any], kept: int) -> list[_Chosen]:
    """What may have been chosen once a field has been looked for, without what no later field asks about."""
    out: dict[frozenset[Any], _Chosen] = {}
    for state in states:
        absent = True
        for value, chosen in _found(payload, names, 0, (), state):
            absent = False
            if any(holds(item, value) for item in alternatives):
                left = {place: item for place, item in chosen.items() if item[1] <= kept}
                out.setdefault(frozenset(left.items()), left)
        if absent and {"exists": False} in alternatives:
            left = {place: item for place, item in state.items() if item[1] <= kept}
            out.setdefault(frozenset(left.items()), left)
    return list(out.values())


def _found(
    value: Any, names: _Names, depth: int, place: tuple[Any, ...], chosen: _Chosen
) -> Iterator[tuple[Any, _Chosen]]:
    """(value, elements taken on the way) of everything that exists under the names and fits what has been chosen."""
    if isinstance(value, list):
        taken = chosen.get(place)
        if taken is not None:
            yield from _found(value[taken[0]], names, depth, (*place, taken[0]), chosen)
            return
        for number, item in enumerate(value):
            yield from _found(item, names, depth, (*place, number), {**chosen, place: (number, depth)})
    elif isinstance(value, dict):
        for end in range(depth + 1, len(names) + 1):
            key = ".".join(names[depth:end])
            if key in value:
                yield from _found(value[key], names, end, (*place, key), chosen)
    elif depth == len(names):
        yield value, chosen


def found_under(payload: Any, names: _Names) -> Iterator[tuple[Any, _Chosen]]:
    """(value, elements of lists on the way to it) of everything that exists under the names."""
    return _found(payload, names, 0, (), {})


def numbers_not_kept(pattern: dict[str, Any], payload: Any) -> list[tuple[str, str]]:
    """(field, number as it is written) of the numbers under filtered fields that AWS's matcher does not compare."""
    found: dict[tuple[str, str], None] = {}
    for names, alternatives in filter_fields(pattern):
        if not any(map(_asks_for_numbers, alternatives)):
            continue
        for value, _ in found_under(payload, names):
            if is_number(value) and not is_kept(value):
                found[".".join(names), dumps(value)] = None
    return list(found)


def _asks_for_numbers(alternative: Any) -> bool:
    if not isinstance(alternative, dict):
        return is_number(alternative)
    ((name, operand),) = alternative.items()
    return OPERATORS[name].numbers(operand)
