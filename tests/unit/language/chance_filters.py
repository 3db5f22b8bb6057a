"""Chance filters: random pairs of a filter and a payload that may well match it.

In:   a seed.
Out:  pairs of JSON texts; the same for the same seed.

Not here: judging. Texts are made of quotes, characters beyond U+FFFF, letters whose case is odd and what regular
expressions and templates mean something by; numbers have up to 20 digits and are spelled in several ways; lists are
empty, nested and mixed. A payload is made from its filter, so that about half of the pairs match.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

PIECES = (
    *("a", "b", "ab", "A", "B", "z", "1", " ", "", '"', '""', "'", "\\", '\\"', "*", ".", "^a$", "(", "[", "\n", "\t"),
    *("\u00e9", "\u00c9", "\u00df", "\u1e9e", "\u0130", "\u0131", "\u212a", "k", "K", "\u017f", "s", "\u01c5"),
    *(
        "\U00020bb7",
        "\U00010400",
        "\U00010428",
        "\U0001f600",
        "\u2028",
        "\ufeff",
        "{{x}}",
        "$(y)",
        "null",
        "true",
        "3e2",
    ),
)
NUMBERS = (
    *("0", "-0", "0.0", "1", "1.0", "1e0", "-1", "1.5", "15e-1", "0.1", "0.10", "300", "3e2", "300.0", "-5", "2"),
    *("5000000000", "5000000001", "-5000000001", "0.123456", "0.1234567", "1e-7", "1e15", "123456789012345.6"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "1e20", "100000000000000000000"),
    *("12345678901234567890", "12345678901234567000", "1.2345678901234567890", "1795814525123456789", "1e300"),
    *("1152921504606846976", "1152921504606847000", "0.1000000000000000055511151231257827", "123.4567890123456789"),
)
KEYS = ("a", "b", "c", "a.b", "b.c", "a.b.c", "x y", '"', "\u00e9", "\U00020bb7", "prefix", "$x", "[0]")
_COMPARISONS = ("<", "<=", "=", ">", ">=")


class Number:
    """A number as it is spelled."""

    def __init__(self, text: str) -> None:
        self.text = text


def pairs(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """`count` pairs of a filter and a payload, as JSON texts."""
    chance = random.Random(seed)
    for _ in range(count):
        pattern = _object(chance, 0)
        yield _written(pattern), _written(_payload(chance, pattern, 0))


def _written(value: Any) -> str:
    """JSON text; numbers as they are spelled, and some characters as escapes."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(key)}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and len(value) % 2 == 0)


# filters


def _object(chance: random.Random, depth: int) -> dict[str, Any]:
    keys = chance.sample(KEYS, chance.choice((1, 1, 1, 2, 2, 3)))
    nested = depth < 3
    return {key: _object(chance, depth + 1) if nested and chance.random() < 0.3 else _list(chance) for key in keys}


def _list(chance: random.Random) -> list[Any]:
    return [_alternative(chance) for _ in range(chance.choice((1, 1, 1, 2, 3)))]


def _alternative(chance: random.Random) -> Any:
    kind = chance.randrange(12)
    if kind < 3:
        return _scalar(chance)
    if kind == 3:
        return {"exists": chance.random() < 0.3}
    if kind in (4, 5):
        return {chance.choice(("prefix", "suffix")): _operand(chance)}
    if kind == 6:
        return {"equals-ignore-case": _text(chance)}
    if kind in (7, 8):
        return {"numeric": _numeric(chance)}
    return {"anything-but": _anything_but(chance)}


def _operand(chance: random.Random) -> Any:
    return {"equals-ignore-case": _text(chance)} if chance.random() < 0.3 else _text(chance)


def _numeric(chance: random.Random) -> list[Any]:
    one, other = sorted((_number(chance) for _ in range(2)), key=lambda item: float(item.text))
    if chance.random() < 0.5:
        return [chance.choice(_COMPARISONS), one]
    return [chance.choice((">", ">=")), one, chance.choice(("<", "<=")), other]


def _anything_but(chance: random.Random) -> Any:
    kind = chance.randrange(6)
    if kind == 0:
        return _text(chance)
    if kind == 1:
        return _number(chance)
    if kind == 2:
        return [_text(chance) for _ in range(chance.choice((1, 2)))]
    if kind == 3:
        return [_number(chance) for _ in range(chance.choice((1, 2)))]
    if kind == 4:
        return {chance.choice(("prefix", "suffix")): _text(chance)}
    texts = [_text(chance) for _ in range(chance.choice((1, 2)))]
    return {"equals-ignore-case": texts if chance.random() < 0.5 else texts[0]}


def _text(chance: random.Random) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.choice((1, 1, 2, 3))))


def _number(chance: random.Random) -> Number:
    return Number(chance.choice(NUMBERS))


def _scalar(chance: random.Random) -> Any:
    return chance.choice((_text(chance), _text(chance), _number(chance), True, False, None))


# payloads


def _payload(chance: random.Random, pattern: dict[str, Any], depth: int) -> Any:
    out: dict[str, Any] = {}
    for key, below in pattern.items():
        if chance.random() < 0.15:
            continue
        _put(chance, out, key, _below(chance, below, depth))
    for _ in range(chance.choice((0, 0, 1))):
        out.setdefault(chance.choice(KEYS), _anything(chance, depth))
    return out


def _put(chance: random.Random, into: dict[str, Any], key: str, value: Any) -> None:
    """Under the key, or under nested keys, or under a key that other ones lead to."""
    first, dot, rest = key.partition(".")
    if dot and chance.random() < 0.5:
        inner: dict[str, Any] = {}
        _put(chance, inner, rest, value)
        into.setdefault(first, inner if chance.random() < 0.8 else [inner])
    elif isinstance(value, dict) and len(value) == 1 and chance.random() < 0.2:
        ((below, item),) = value.items()
        into[f"{key}.{below}"] = item
    else:
        into[key] = value


def _below(chance: random.Random, below: Any, depth: int) -> Any:
    if isinstance(below, dict):
        if chance.random() < 0.2:
            return _anything(chance, depth)
        value: Any = _payload(chance, below, depth + 1)
        if chance.random() < 0.25:
            value = [_payload(chance, below, depth + 1) for _ in range(chance.choice((0, 1, 2, 3)))]
    else:
        value = _near(chance, chance.choice(below))
    if chance.random() < 0.15:
        value = [value, *(_anything(chance, depth) for _ in range(chance.choice((0, 0, 1))))]
        chance.shuffle(value)
    return value


def _near(chance: random.Random, alternative: Any) -> Any:
    """A value that the alternative may accept."""
    if chance.random() < 0.2:
        return _anything(chance, 3)
    if not isinstance(alternative, dict):
        return alternative
    ((operator, operand),) = alternative.items()
    while isinstance(operand, dict):
        ((_, operand),) = operand.items()
    if operator == "exists":
        return chance.choice(([], {}, [[]], [{}], None, "", _anything(chance, 3)))
    if operator == "numeric":
        return chance.choice((_number(chance), chance.choice([item for item in operand if isinstance(item, Number)])))
    if isinstance(operand, list):
        operand = chance.choice(operand)
    if not isinstance(operand, str):
        return chance.choice((operand, _number(chance)))
    more = chance.choice(("", "", *PIECES))
    changed = chance.choice((operand, operand, operand.swapcase(), operand[:-1], operand[1:]))
    return changed + more if chance.random() < 0.5 else more + changed


def _anything(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(10)
    if kind < 6 or depth > 3:
        return _scalar(chance)
    if kind < 8:
        return [_anything(chance, depth + 1) for _ in range(chance.choice((0, 0, 1, 2)))]
    return {chance.choice(KEYS): _anything(chance, depth + 1) for _ in range(chance.choice((0, 1, 2)))}
