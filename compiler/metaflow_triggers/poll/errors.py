"""Errors: what the poll API raises. Each carries a code of the catalogue (`docs/diagnostics.md`).

In:   a code, a sentence, what to type instead.
Out:  exceptions that are also the built-in ones a reader expects.

Not here: diagnostics with a place; `metaflow_triggers.reading.one_file` makes those of `Mistake`s.
"""

from __future__ import annotations


class PollError(Exception):
    """Something that the poll API refuses. `code` is a code of the catalogue, `helps` are things to type."""

    def __init__(self, code: str, message: str, helps: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}" + "".join(f"; {item}" for item in helps))
        self.code = code
        self.message = message
        self.helps = helps


class PollTypeError(PollError, TypeError):
    """A value of a type that cannot stand there."""


class PollValueError(PollError, ValueError):
    """A value that cannot stand there."""


class TriggerNotFound(PollError, LookupError):
    """No poll trigger of this name is known to the database."""

    def __init__(self, name: object, helps: tuple[str, ...] = ()) -> None:
        super().__init__("FT727", f"no poll trigger is named {name!r}", helps)
        self.name = name
