"""Apart: whether two filters can match one payload.

In:   two filters, already found well-formed, or None for no filter.
Out:  true only where it is certain that no payload matches both.

Not here: matching a payload (`filters.matches`). A list in a payload matches when one of its elements does, so that
`{"repo": ["a", "b"]}` matches two filters that no single text matches: such a payload is left aside. Whoever asks may
use the answer to tell dependencies apart early, but has to be right also for one that both match.
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.contract.filter_operators import OPERATORS, holds

_NONE = {"exists": False}


def apart(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether some field is asked for values that exclude each other."""
    if one is None or other is None:
        return False
    asked, also = fields(one), fields(other)
    return any(
        all(_exclude(item, another) for item in alternatives for another in also[path])
        for path, alternatives in asked.items()
        if path in also
    )


def fields(pattern: dict[str, Any], prefix: str = "") -> dict[str, list[Any]]:
    """Dotted path -> alternatives. A dotted key and nested objects name the same field."""
    found: dict[str, list[Any]] = {}
    for name, below in pattern.items():
        if isinstance(below, dict):
            found |= fields(below, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = below
    return found


def _exclude(one: Any, other: Any) -> bool:
    """Whether no value meets both alternatives."""
    if _NONE in (one, other):
        return bool(one != other)
    for item, another in ((one, other), (other, one)):
        if not isinstance(item, dict):
            return not holds(another, item)
    ((name, operand),) = one.items()
    ((another, bound),) = other.items()
    if "numeric" in (name, another):
        return OPERATORS[another].texts or OPERATORS[name].texts or (name == another and _no_number(operand, bound))
    if name == another and name in ("prefix", "suffix") and isinstance(operand, str) and isinstance(bound, str):
        if name == "prefix":
            return not (operand.startswith(bound) or bound.startswith(operand))
        return not (operand.endswith(bound) or bound.endswith(operand))
    return False


def _no_number(one: list[Any], other: list[Any]) -> bool:
    low: tuple[float, bool] = (float("-inf"), False)  # (bound, whether the bound itself is out)
    high: tuple[float, bool] = (float("inf"), False)
    for sign, bound in [*zip(one[::2], one[1::2], strict=True), *zip(other[::2], other[1::2], strict=True)]:
        if sign in (">", ">=", "="):
            low = max(low, (bound, sign == ">"))
        if sign in ("<", "<=", "="):
            high = min(high, (bound, sign != "<"))
    return bool(low[0] > high[0] or (low[0] == high[0] and (low[1] or not high[1])))
