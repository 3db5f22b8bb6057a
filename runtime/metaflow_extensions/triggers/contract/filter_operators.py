"""Filter operators: what a filter may ask of one value.

In:   an operand; a value that is no list and no object.
Out:  whether the value meets it; what is wrong with the operand.

Not here: fields, lists and objects of a payload (`event_filter`), the shape of a whole filter
(`metaflow_triggers.language.filters`), how a backend says an operator. An operator is a row of `OPERATORS`, and one of
a backend's table where that has to say it in words of its own. Only the standard library: a run may have to ask.

The corners are those of AWS's event-ruler 2.1.0. Numbers are compared as 64-bit floats (300 is 300.0); true is no
number.
"""

from __future__ import annotations

import re
import sys

from .exact_json import dumps, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

Path = tuple[object, ...]


class Problem:
    """What is wrong at `path` (keys and indices from the filter's root). With `key` it is the path's last key."""

    __slots__ = ("expected", "helps", "key", "message", "path")

    def __init__(self, path: Path, message: str, expected: str, helps: tuple[str, ...] = (), key: bool = False) -> None:
        self.path = path
        self.message = message
        self.expected = expected
        self.helps = helps
        self.key = key


class Operator:
    """One condition. `holds` gets operand and value, `problems` an operand and its path.

    `texts`: nothing but text meets it. `numbers`: whether an operand asks for numbers.
    """

    __slots__ = ("holds", "numbers", "problems", "texts")

    def __init__(
        self,
        holds: Callable[[Any, Any], bool],
        problems: Callable[[Any, Path], Iterator[Problem]],
        texts: bool = False,
        numbers: Callable[[Any], bool] = lambda operand: False,
    ) -> None:
        self.holds = holds
        self.problems = problems
        self.texts = texts
        self.numbers = numbers


def holds(alternative: Any, value: Any) -> bool:
    """Whether a value that is no list and no object meets one alternative of a field, other than `exists: false`."""
    if not isinstance(alternative, dict):
        return _equal(alternative, value)
    ((name, operand),) = alternative.items()
    return OPERATORS[name].holds(operand, value)


# what meets an operand -----------------------------------------------------------------------------------------------


def _edge_is(name: str) -> Callable[[Any, Any], bool]:
    def is_met(operand: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(operand, dict):
            operand, value = _fold(operand["equals-ignore-case"]), _fold(value)
        return bool(value.startswith(operand) if name == "prefix" else value.endswith(operand))

    return is_met


def _is_folded(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and _fold(operand) == _fold(value)


def _is_in_range(operand: Any, value: Any) -> bool:
    return is_number(value) and all(
        _compare(operand[index], _float(value), _float(operand[index + 1])) for index in range(0, len(operand), 2)
    )


def _is_none_of(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        ((inner, text),) = operand.items()
        return not any(holds({inner: item}, value) for item in (text if isinstance(text, list) else [text]))
    return not any(_equal(item, value) for item in (operand if isinstance(operand, list) else [operand]))


def _fold(text: str) -> str:
    return re.sub("[A-Z]+", lambda found: found.group().lower(), text)


def _float(number: Any) -> float:
    """The nearest 64-bit float; the largest one for what is larger."""
    largest = sys.float_info.max
    return -largest if number < -largest else largest if number > largest else float(number)


def _equal(one: Any, other: Any) -> bool:
    if is_number(one) or is_number(other):
        return is_number(one) and is_number(other) and _float(one) == _float(other)
    return type(one) is type(other) and bool(one == other)


def _compare(sign: str, value: float, bound: float) -> bool:
    return bool(
        (sign == "=" and value == bound)
        or (sign == "<" and value < bound)
        or (sign == "<=" and value <= bound)
        or (sign == ">" and value > bound)
        or (sign == ">=" and value >= bound)
    )


def is_kept(number: Any) -> bool:
    """Whether a number is one to every reader that has 64-bit floats: the nearest float is written with its digits.

    Above 2**53 some readers write a float with all the digits that it has, others with as few as tell it from others.
    """
    from decimal import Decimal

    text = dumps(number)
    try:
        nearest, exact = float(number), Decimal(text)
    except ArithmeticError:  # beyond the largest float, or an exponent beyond 10**18
        return False
    if nearest - nearest != 0 or exact != Decimal(repr(nearest)):
        return False
    return not 2**53 < abs(nearest) < 2**63 or exact == int(nearest)


# what is wrong with an operand ---------------------------------------------------------------------------------------


def _edge_problems(name: str) -> Callable[[Any, Path], Iterator[Problem]]:
    def problems(operand: Any, path: Path) -> Iterator[Problem]:
        if isinstance(operand, dict) and list(operand) == ["equals-ignore-case"]:
            operand, path = operand["equals-ignore-case"], (*path, "equals-ignore-case")
            yield from _folded(operand, path)
        else:
            yield from _text(name, operand, path)
        yield from _edge(name, operand, path)

    return problems


def _exists(operand: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(operand, bool):
        yield Problem(path, f"`exists` has {kind_of(operand)}", "true or false")


def literal_problems(value: Any, path: Path) -> Iterator[Problem]:
    if isinstance(value, str) and not is_text(value):
        yield Problem(path, "text that no event can carry", "Unicode text without NUL")
    elif is_number(value):
        yield from _number(value, path)


def _number(value: int | float, path: Path) -> Iterator[Problem]:
    if isinstance(value, float) and value - value != 0:
        yield Problem(path, "a number that is none", "a finite number")
    elif not is_kept(value):
        yield Problem(
            path,
            f"the number {str(value)[:40]} is not kept by a 64-bit float, and not compared alike on every backend",
            "a number of at most 15 digits",
            ("publish and filter it as text",),
        )


def _text(name: str, operand: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(operand, str):
        yield Problem(path, f"`{name}` has {kind_of(operand)}", "text")
    else:
        yield from literal_problems(operand, path)


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
        yield Problem(path, f"`numeric` has {kind_of(operand, True)}", forms)
        return
    found = False
    for index, item in enumerate(operand):
        here = (*path, index)
        if index % 2:
            if not is_number(item):
                yield Problem(here, f"`numeric` compares with {kind_of(item)}", "a number")
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
    numbers_only = all(map(is_number, items))
    if not items or not (texts_only or numbers_only):
        yield Problem(
            path, f"`anything-but` has {kind_of(operand, True)}", "text, a number, or a list of one of the two"
        )
        return
    for index, item in enumerate(items):
        yield from literal_problems(item, (*path, index) if isinstance(operand, list) else path)


def is_text(value: str) -> bool:
    """Whether an event can carry the text: no NUL and no lone surrogate (semantics, section 6)."""
    return "\0" not in value and not re.search("[\ud800-\udfff]", value)


def kind_of(value: Any, of_list: bool = False) -> str:
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


OPERATORS: dict[str, Operator] = {
    "prefix": Operator(_edge_is("prefix"), _edge_problems("prefix"), texts=True),
    "suffix": Operator(_edge_is("suffix"), _edge_problems("suffix"), texts=True),
    "equals-ignore-case": Operator(_is_folded, _folded, texts=True),
    "anything-but": Operator(
        _is_none_of,
        _anything_but,
        numbers=lambda operand: any(map(is_number, operand if isinstance(operand, list) else [operand])),
    ),
    "numeric": Operator(_is_in_range, _numeric, numbers=lambda operand: True),
    "exists": Operator(lambda operand, value: bool(operand), _exists),
}
