"""Refusing: which part of a filter said no.

In:   a filter for which `filters.problems` found nothing, a payload.
Out:  the fields that do not match, with what they have to be and what was found, in words.

Not here: whether it matches (`filters.matches`, which is asked here, too: the two cannot part).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import event_filter, exact_json

_LONGEST = 80
"""Characters of a value that are shown."""
_MOST = 3
"""Values of a field that are shown."""


@dataclass(frozen=True)
class Refusal:
    """`path` is the field with dots. `together`: each field by itself matches, but no one element of a list all."""

    path: str
    wanted: str
    found: str
    together: bool = False


def refusing(pattern: dict[str, Any], payload: Any) -> list[Refusal]:
    """The parts that say no, in the order in which they are asked; empty where the payload matches."""
    if event_filter.matches(pattern, payload):
        return []
    fields = event_filter.filter_fields(pattern)
    alone = [
        Refusal(".".join(names), wanted(alternatives), found(payload, names))
        for names, alternatives in fields
        if not event_filter.matches({".".join(names): alternatives}, payload)
    ]
    if alone:
        return alone
    # Each matches in some element of a list, and no element has all of them.
    first = {".".join(names): alternatives for names, alternatives in fields}
    for end in range(2, len(fields) + 1):
        part = dict(list(first.items())[:end])
        if not event_filter.matches(part, payload):
            first = part
            break
    told = " and ".join(f"`{path}` {wanted(alternatives)}" for path, alternatives in first.items())
    last = fields[len(first) - 1][0]
    return [Refusal(".".join(last), told, found(payload, last), together=True)]


def found(payload: Any, names: tuple[str, ...]) -> str:
    """What the payload has under the names, as JSON; `nothing`."""
    values = [shown(value) for value, _ in event_filter.found_under(payload, names)]
    values = list(dict.fromkeys(values))
    more = f" and {len(values) - _MOST} more" if len(values) > _MOST else ""
    return ", ".join(values[:_MOST]) + more if values else "nothing"


def shown(value: Any) -> str:
    """A value as JSON, not too long."""
    text = str(exact_json.dumps(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def wanted(alternatives: list[Any]) -> str:
    """What a field has to be: `"paid" or text that begins with "re"`."""
    return " or ".join(_alternative(item) for item in alternatives)


def _alternative(item: Any) -> str:
    if not isinstance(item, dict):
        return shown(item)
    ((name, operand),) = item.items()
    return " and ".join(_operator(name, operand))


def _operator(name: str, operand: Any) -> Iterator[str]:
    if name == "exists":
        yield "there" if operand else "absent"
    elif name == "numeric":
        yield from (f"{operand[place]} {shown(operand[place + 1])}" for place in range(0, len(operand), 2))
    elif name == "anything-but":
        if isinstance(operand, dict):
            ((inner, texts),) = operand.items()
            said = [text for one in (texts if isinstance(texts, list) else [texts]) for text in _operator(inner, one)]
        else:
            said = [shown(one) for one in (operand if isinstance(operand, list) else [operand])]
        yield f"there and not {' or '.join(said)}"
    elif isinstance(operand, dict):  # prefix and suffix in any case
        yield f"{_WORDS.get(name, name)} {shown(operand['equals-ignore-case'])} in any case"
    else:
        yield f"{_WORDS.get(name, name)} {shown(operand)}{' in any case' if name == 'equals-ignore-case' else ''}"


_WORDS = {
    "prefix": "text that begins with",
    "suffix": "text that ends with",
    "equals-ignore-case": "text equal to",
}
