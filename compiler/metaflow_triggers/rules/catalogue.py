"""Catalogue: every rule, by code.

In:   the rules of the areas (`rules_*` modules).
Out:  `RULES`, sorted by code, and look-ups.

Not here: finding anything, printing. A code is never used for something else;
one that is no longer raised keeps its page.
"""

from __future__ import annotations

from .backends import RULES as _BACKEND
from .deployment import RULES as _DEPLOY
from .linking import RULES as _GRAPH
from .local_engine import RULES as _ENGINE
from .poll_triggers import RULES as _POLLS
from .publishing import RULES as _EMIT
from .reading import RULES as _READING
from .rule import SEVERITIES, Rule
from .simulation import RULES as _SIMULATE
from .usage import RULES as _USAGE

__all__ = ["AREAS", "RULES", "SEVERITIES", "Rule", "is_strict", "rule", "severity"]

AREAS: dict[str, str] = {
    "FT0": "usage and configuration",
    "FT1": "reading a flow",
    "FT2": "linking flows and events",
    "FT3": "parameters and payload",
    "FT4": "names, sizes, limits",
    "FT5": "what a backend cannot express",
    "FT6": "emitted objects",
    "FT7": "deploy, poll triggers, the local engine",
    "FT9": "ours",
}
"""What the first digit of a code says."""

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*_USAGE, *_READING, *_GRAPH, *_BACKEND, *_DEPLOY, *_POLLS, *_EMIT, *_ENGINE, *_SIMULATE),
        key=lambda item: item.code,
    )
)

_BY_CODE = {item.code: item for item in RULES}


def rule(code: str) -> Rule:
    """The rule of `code`. Raises KeyError for a code that the catalogue does not hold."""
    return _BY_CODE[code]


def severity(code: str) -> str:
    """The severity of `code`: error, warning or note. A code without a rule counts as an error."""
    found = _BY_CODE.get(code)
    return found.severity if found else "error"


def is_strict(code: str) -> bool:
    """Whether `--strict` makes an error of it."""
    found = _BY_CODE.get(code)
    return found is not None and found.strict
