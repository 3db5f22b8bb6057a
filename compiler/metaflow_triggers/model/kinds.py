"""Kinds: the end of a fork over the kinds of a value.

In:   what is left when every kind has been asked for.
Out:  never anything: a type checker finds the fork in which a kind is forgotten.

Not here: `typing.assert_never`, which Python has since 3.11.
"""

from __future__ import annotations

from typing import NoReturn


def assert_never(value: NoReturn) -> NoReturn:
    """Ends a fork. Raises AssertionError."""
    raise AssertionError(f"a kind that is not known here: {value!r}")
