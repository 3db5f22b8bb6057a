"""Catalogue: every rule, by code.

In:   the rules of the areas (`rules_*` modules).
Out:  `RULES`, sorted by code, and look-ups.

Not here: finding anything, printing. A code is never used for something else;
one that is no longer raised keeps its page.
"""

from __future__ import annotations

from .rule import SEVERITIES, Rule
from .rules_backend import RULES as _BACKEND
from .rules_deploy import RULES as _DEPLOY
from .rules_emit import RULES as _EMIT
from .rules_engine import RULES as _ENGINE
from .rules_graph import RULES as _GRAPH
from .rules_polls import RULES as _POLLS
from .rules_reading import RULES as _READING
from .rules_simulate import RULES as _SIMULATE
from .rules_usage import RULES as _USAGE

__all__ = ["AREAS", "RULES", "SEVERITIES", "Rule", "rule", "severity"]

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
